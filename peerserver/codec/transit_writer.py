"""Values to the tree of lists, maps and scalars that orjson or msgpack turns into bytes.

One :class:`TreeWriter` is one message: its cache runs through the message in the order of writing. Two
formats differ in a few scalars only (:class:`JsonWriter`, :class:`MsgpackWriter`). A tree deeper than
:data:`MAX_DEPTH` or one that the C packers cannot write exactly (32-bit floats) is written by
``transit_deep`` instead.

What is not decided here: how pages of rows are written column by column (``transit_pages``).
"""

from __future__ import annotations

import math
from base64 import b64encode
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import orjson

from ..model.anomaly import incorrect
from ..model.values import (
    INT64_MAX,
    INT64_MIN,
    URI,
    BigInt,
    Char,
    EdnList,
    Float32,
    Instant,
    Keyword,
    Ratio,
    Symbol,
    Tagged,
)  # fmt: skip
from .members import MAP_TAG, SET_TAG
from .numbers import format_double, format_float32
from .transit_rules import ESCAPED, JSON_INT_MAX, MAP_MARK, WriteCache, long_enough

__all__ = ("MAX_DEPTH", "JsonWriter", "MsgpackWriter", "PairMap", "TooDeep", "TreeWriter")

MAX_DEPTH: Final = 90  # of values: a tagged value is two levels, and orjson stops at 254
_COMPOSITE: Final = (tuple, list, frozenset, set, dict)


class TooDeep(Exception):
    """The value is nested too deep for recursion and the C packers."""


class PairMap(dict[Any, Any]):
    """A map for the msgpack packer whose wire keys repeat (a cache code before and after the cache is emptied)."""

    __slots__ = ("pairs",)

    def __init__(self, pairs: list[tuple[Any, Any]]) -> None:
        super().__init__()
        self.pairs = pairs

    def __len__(self) -> int:
        return len(self.pairs)

    def items(self) -> Any:
        return self.pairs


class TreeWriter:
    """Turns values into trees; ``single`` tells afterwards that a 32-bit float is among them.

    An object with a method ``transit_tree(writer)`` writes itself (``transit_pages``); with ``plain()`` it gives
    the value that it stands for, for ``transit_deep``.
    """

    single = False

    def __init__(self) -> None:
        self.cache = WriteCache()
        self.code = self.cache.codes.get
        self.depth = 0
        self._handlers: dict[type, Callable[[Any], Any]] = {
            Keyword: self.keyword, Symbol: self.symbol, tuple: self.array, list: self.array, dict: self.map_,
            frozenset: self.set_,
            EdnList: self.list_, set: self.set_, Tagged: self.tagged, str: self.string, int: self.integer,
            type(None): self.same,
            bool: self.same, float: self.double, BigInt: self.bigint, Float32: self.float32, Decimal: self.decimal,
            Ratio: self.ratio, Char: self.char, Instant: self.instant, UUID: self.uuid,
            URI: self.uri, bytes: self.bytes_,
        }  # fmt: skip

    # -- the message

    def message(self, value: Any) -> Any:
        """The tree of a whole message: a scalar at the top is quoted."""
        return self.value(value) if not self.is_scalar(value) else [self.tag("'"), self.value(value)]

    def is_scalar(self, value: Any) -> bool:
        """Whether transit has a one-letter tag for the value: such values may be keys of a plain map."""
        if isinstance(value, Tagged):
            return len(value.tag) == 1
        return not isinstance(value, (*_COMPOSITE, Ratio)) and not hasattr(value, "transit_tree")

    def value(self, value: Any) -> Any:
        """The tree of a value. Raises Anomaly incorrect for an object that is no value."""
        handler = self._handlers.get(type(value))
        return handler(value) if handler is not None else self.other(value)

    def other(self, value: Any) -> Any:
        if hasattr(value, "transit_tree"):
            return value.transit_tree(self)
        for kind in type(value).__mro__[1:]:
            handler = self._handlers.get(kind)
            if handler is not None:
                return handler(value)
        raise incorrect(f"A {type(value).__name__} has no transit form")

    # -- collections

    def array(self, value: Any) -> list[Any]:
        self._enter()
        find = self._handlers.get
        made = [handler(item) if (handler := find(type(item))) is not None else self.other(item) for item in value]
        self.depth -= 1
        return made

    def list_(self, value: Any) -> list[Any]:
        return [self.tag("list"), self.array(value)]

    def set_(self, value: Any) -> list[Any]:
        return [self.tag("set"), self.array(value)]

    def map_(self, value: dict[Any, Any]) -> Any:
        return self.pairs(list(value.items()))

    def pairs(self, pairs: list[tuple[Any, Any]]) -> Any:
        """A map of these entries; with a key that is no scalar, a ``cmap``."""
        for key, _ in pairs:
            if type(key) is not Keyword and not self.is_scalar(key):
                return [self.tag("cmap"), self.array([part for pair in pairs for part in pair])]
        self._enter()
        made = self.plain_map(pairs)
        self.depth -= 1
        return made

    def tagged(self, value: Tagged) -> Any:
        if value.tag == SET_TAG:
            return [self.tag("set"), self.array(value.value)]
        if value.tag == MAP_TAG:
            return self.pairs(list(zip(value.value[::2], value.value[1::2])))
        if len(value.tag) == 1 and type(value.value) is str:
            return self.text(f"~{value.tag}{value.value}")
        self._enter()
        made = [self.tag(value.tag), self.value(value.value)]
        self.depth -= 1
        return made

    def _enter(self) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise TooDeep

    # -- strings and what is cached

    def tag(self, name: str) -> str:
        return self.cached("~#" + name)

    def text(self, wire: str) -> str:
        """A wire string that is no map key: cached when it is a keyword, symbol or tag."""
        return self.cached(wire) if wire[1:2] in (":", "$", "#") and wire[0] == "~" else wire

    def cached(self, wire: str) -> str:
        found = self.code(wire)
        if found is not None:
            return found
        if long_enough(wire):
            self.cache.add(wire)
        return wire

    def keyword(self, value: Keyword) -> str:
        found = self.code(value)
        return self._named("~:" + value.text, value) if found is None else found

    def symbol(self, value: Symbol) -> str:
        found = self.code(value)
        return self._named("~$" + value.text, value) if found is None else found

    def _named(self, wire: str, value: Any) -> str:
        if long_enough(wire):
            self.cache.add(value)
        return wire

    def string(self, value: str) -> str:
        return "~" + value if value[:1] in ESCAPED else value

    # -- scalars

    def same(self, value: Any) -> Any:
        return value

    def integer(self, value: int) -> Any:
        return value if INT64_MIN <= value <= INT64_MAX else f"~n{value}"

    def bigint(self, value: int) -> str:
        return f"~n{int(value)}"

    def double(self, value: float) -> Any:
        if math.isfinite(value):
            return value
        return "~zNaN" if math.isnan(value) else "~zINF" if value > 0 else "~z-INF"

    def float32(self, value: Float32) -> Any:
        if not math.isfinite(value):
            return self.double(value)
        self.single = True
        return value

    def decimal(self, value: Decimal) -> str:
        if not value.is_finite():
            raise incorrect(f"A decimal {value} has no transit form")
        return f"~f{value}"

    def ratio(self, value: Ratio) -> list[Any]:
        return [self.tag("ratio"), [f"~n{value.numerator}", f"~n{value.denominator}"]]

    def char(self, value: Char) -> str:
        return f"~c{value!s}"

    def uri(self, value: URI) -> str:
        return f"~r{value.text}"

    def bytes_(self, value: bytes) -> str:
        return "~b" + b64encode(value).decode("ascii")

    def instant(self, value: Instant) -> Any:
        return f"~m{value.ms}"

    def uuid(self, value: UUID) -> Any:
        return f"~u{value}"

    def plain_map(self, pairs: list[tuple[Any, Any]]) -> Any:
        raise NotImplementedError

    def key(self, value: Any) -> Any:
        """A scalar as the key of a map."""
        kind = type(value)
        if kind is Keyword:
            return self.keyword(value)
        if kind is str:
            return self.cached(self.string(value))
        if kind is Symbol:
            return self.symbol(value)
        wire = self.key_text(value)
        return self.cached(wire) if type(wire) is str else wire

    def key_text(self, value: Any) -> Any:
        """The wire form of a key that is neither string, keyword nor symbol; a string enters the cache."""
        if isinstance(value, Instant):
            return f"~m{value.ms}"
        if isinstance(value, UUID):
            return f"~u{value}"
        if isinstance(value, Tagged) and type(value.value) is not str:
            raise incorrect(f"A value tagged #{value.tag} cannot be the key of a map")
        return self.value(value)


class JsonWriter(TreeWriter):
    """Trees for orjson: a map is an array that begins with ``"^ "``."""

    def plain_map(self, pairs: list[tuple[Any, Any]]) -> list[Any]:
        made: list[Any] = [MAP_MARK]
        push, key_of, find, other = made.append, self.key, self._handlers.get, self.other
        for key, item in pairs:
            push(key_of(key))
            handler = find(type(item))
            push(handler(item) if handler is not None else other(item))
        return made

    def integer(self, value: int) -> Any:
        if -JSON_INT_MAX <= value <= JSON_INT_MAX:
            return value
        return f"~i{value}" if INT64_MIN <= value <= INT64_MAX else f"~n{value}"

    def double(self, value: float) -> Any:
        if 1e-3 <= value < 1e7 or value == 0 or -1e7 < value <= -1e-3:
            return value
        return orjson.Fragment(format_double(value)) if math.isfinite(value) else super().double(value)

    def float32(self, value: Float32) -> Any:
        return orjson.Fragment(format_float32(value)) if math.isfinite(value) else super().double(value)

    def key_text(self, value: Any) -> Any:
        if value is None:
            return "~_"
        if isinstance(value, bool):
            return "~?t" if value else "~?f"
        if isinstance(value, BigInt):
            return self.bigint(value)
        if isinstance(value, int):
            return f"~i{value}" if INT64_MIN <= value <= INT64_MAX else f"~n{value}"
        if isinstance(value, float) and math.isfinite(value):
            return f"~d{format_float32(value) if isinstance(value, Float32) else format_double(value)}"
        return super().key_text(value)


class MsgpackWriter(TreeWriter):
    """Trees for msgpack: maps stay maps, instants and uuids are tagged numbers."""

    def plain_map(self, pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
        key_of, find, other = self.key, self._handlers.get, self.other
        made: list[tuple[Any, Any]] = []
        for key, item in pairs:
            wire = key_of(key)
            handler = find(type(item))
            made.append((wire, handler(item) if handler is not None else other(item)))
        plain = dict(made)
        return plain if len(plain) == len(made) else PairMap(made)

    def instant(self, value: Instant) -> Any:
        return ["~#m", value.ms]

    def uuid(self, value: UUID) -> Any:
        number = value.int
        high, low = number >> 64, number & 0xFFFF_FFFF_FFFF_FFFF
        return ["~#u", [high - (high >> 63 << 64), low - (low >> 63 << 64)]]
