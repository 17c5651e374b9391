"""What the int64 codes in a column stand for.

Two columns of the same kind (the same object) join on their codes. Codes of different kinds are brought to one kind
value by value (:func:`convert`), once for each distinct code. What is not decided here: equality of values
(``model.order``) and the codes themselves (``index``).
"""

from __future__ import annotations

import struct
from decimal import Decimal
from typing import Any, Protocol

import numpy as np

from peerserver.index.codes import float_code, floats_of_codes
from peerserver.index.dictionary import Dictionary
from peerserver.index.rows import Ints
from peerserver.model.order import clj_key
from peerserver.model.schema import ValueType
from peerserver.model.values import INT64_MAX, INT64_MIN, URI, BigInt, Float32, Instant, Keyword, Symbol

__all__ = ("BOOL", "DOUBLE", "FLOAT", "INSTANT", "INT", "Kind", "Pool", "Words", "kind_of_value")


class Kind(Protocol):
    """A kind of column."""

    name: str

    def encode(self, value: Any) -> int | None:
        """The code of a value; None if the kind has none for it (then nothing can be equal to it)."""

    def decode(self, codes: Ints) -> list[Any]:
        """The values of codes."""

    def decode_one(self, code: int) -> Any:
        """The value of one code."""


class _Int:
    """Longs and entity ids."""

    name = "int"

    def encode(self, value: Any) -> int | None:
        if value.__class__ is int or (isinstance(value, int) and value.__class__ is not bool):
            return int(value) if INT64_MIN <= value <= INT64_MAX else None
        return None

    def decode(self, codes: Ints) -> list[Any]:
        return codes.tolist()  # type: ignore[no-any-return]

    def decode_one(self, code: int) -> Any:
        return code


class _Instant:
    name = "instant"

    def encode(self, value: Any) -> int | None:
        return value.ms if isinstance(value, Instant) else None

    def decode(self, codes: Ints) -> list[Any]:
        return [Instant(ms) for ms in codes.tolist()]

    def decode_one(self, code: int) -> Any:
        return Instant(code)


class _Bool:
    name = "bool"

    def encode(self, value: Any) -> int | None:
        return int(value) if value is True or value is False else None

    def decode(self, codes: Ints) -> list[Any]:
        return (codes != 0).tolist()  # type: ignore[no-any-return]

    def decode_one(self, code: int) -> Any:
        return bool(code)


class _Double:
    name = "double"

    def encode(self, value: Any) -> int | None:
        return float_code(value) if isinstance(value, float) else None

    def decode(self, codes: Ints) -> list[Any]:
        return floats_of_codes(codes).tolist()  # type: ignore[no-any-return]

    def decode_one(self, code: int) -> Any:
        return floats_of_codes(np.array([code], np.int64)).item()


class _Float(_Double):
    """Floats: a double's code, but the value comes back as a float."""

    name = "float"

    def decode(self, codes: Ints) -> list[Any]:
        return [Float32(x) for x in super().decode(codes)]

    def decode_one(self, code: int) -> Any:
        return Float32(super().decode_one(code))


INT, INSTANT, BOOL, DOUBLE, FLOAT = _Int(), _Instant(), _Bool(), _Double(), _Float()


class Words:
    """Codes of one type in one database's dictionary."""

    __slots__ = ("dictionary", "name", "type")

    def __init__(self, dictionary: Dictionary, type: ValueType) -> None:
        self.dictionary = dictionary
        self.type = type
        self.name = type.name

    def encode(self, value: Any) -> int | None:
        return self.dictionary.code_of(self.type, value)

    def decode(self, codes: Ints) -> list[Any]:
        return self.dictionary.values_of(self.type, codes)

    def decode_one(self, code: int) -> Any:
        return self.dictionary.value_of(self.type, code)


# Values that are their own keys, and those of them that are `=` to their own kind only.
_PLAIN = frozenset((str, int, Keyword, Symbol))
_ALONE = frozenset((str, Keyword, Symbol, bool, URI))


def _java_key(value: Any) -> Any:
    """A hashable key that is equal for equal Java objects: numbers of two types are two, bigdecs of two scales, zeros
    of either sign; a set asks for `=` again (oracle: values-equal/numbers, collections)."""
    if isinstance(value, Decimal):
        return (Decimal, value.as_tuple())
    if isinstance(value, float):
        return (value.__class__, struct.pack("<d", value) if value == value else object())
    if isinstance(value, tuple):
        return ("s", *(_java_key(item) for item in value))
    if isinstance(value, dict):
        return ("{", frozenset((clj_key(k), _java_key(v)) for k, v in value.items()))
    if isinstance(value, BigInt):
        return (BigInt, int(value))
    return clj_key(value)


class Pool:
    """Any values, numbered by equality as they come; one pool for each run of a query. Of equal values the first is
    kept.

    Numbers that are `=` but no equal Java objects (``1`` and ``1N``, ``1.5M`` and ``1.50M``) have codes of their own,
    since a set keeps them apart (oracle: aggregates/agg-count-mixed-eq); :meth:`classes` says which of them join."""

    __slots__ = ("_classes", "_codes", "_first", "_merged", "_values", "name")

    def __init__(self) -> None:
        self.name = "any"
        self._codes: dict[Any, int] = {}
        self._values: list[Any] = []
        self._first: dict[Any, int] = {}
        self._classes: list[int] = []
        self._merged = False

    def intern(self, value: Any) -> int:
        """The code of a value, given now if it has none."""
        own = value if value.__class__ in _PLAIN else _java_key(value)
        code = self._codes.get(own)
        if code is None:
            code = self._codes[own] = len(self._values)
            self._values.append(value)
            first = code if value.__class__ in _ALONE else self._first.setdefault(clj_key(value), code)
            self._classes.append(first)
            self._merged = self._merged or first != code
        return code

    def classes(self, codes: Ints) -> Ints:
        """For each code one that is the same for all values that are `=`."""
        return np.array(self._classes, np.int64)[codes] if self._merged and len(codes) else codes

    def encode(self, value: Any) -> int | None:
        return self.intern(value)

    def decode(self, codes: Ints) -> list[Any]:
        values = self._values
        return [values[code] for code in codes.tolist()]

    def decode_one(self, code: int) -> Any:
        return self._values[code]


_SCALARS: dict[type, Kind] = {int: INT, Instant: INSTANT, bool: BOOL, float: DOUBLE}


def kind_of_value(value: Any) -> Kind | None:
    """The kind whose codes need no table, or None."""
    kind = _SCALARS.get(value.__class__)
    if kind is INT and not INT64_MIN <= value <= INT64_MAX:
        return None
    return kind
