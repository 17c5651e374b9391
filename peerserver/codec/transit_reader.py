"""The tree that orjson or msgpack made of a body to values, under the limits for untrusted input.

Readers of both formats are one: what differs (a JSON map is an array that begins with ``"^ "``, a msgpack map
comes as :class:`Pairs`, a verbose JSON map as a dict) is told apart by type.
"""

from __future__ import annotations

from typing import Any, Final

from ..model.anomaly import incorrect
from ..model.values import INT64_MAX, INT64_MIN, BigInt, Float32
from .limits import Interner, Limits
from .members import make_map
from .transit_rules import CACHE_SIZE, CODES, MAP_MARK, long_enough
from .transit_scalars import scalar
from .transit_tags import Tag, read_tagged

__all__ = ("Pairs", "TreeReader")

_MISSING: Final = object()


class Pairs(list[tuple[Any, Any]]):
    """The entries of a msgpack map, as sent."""

    __slots__ = ()


class TreeReader:
    """Reads one message. ``huge`` tells afterwards that a float was met that JSON may have had as an integer."""

    def __init__(self, limits: Limits) -> None:
        self.interner = Interner(limits)
        self.limits = limits
        self.huge = False
        self._codes: dict[str, Any] = {}
        self._depth = 0

    def message(self, tree: Any) -> Any:
        """The value of a whole message. Raises Anomaly incorrect for anything that is not transit."""
        return self._plain(self.value(tree))

    def value(self, tree: Any) -> Any:
        kind = type(tree)
        if kind is str:
            return tree if tree[:1] not in ("~", "^") else self.text(tree, False)
        if kind is int:
            return tree if INT64_MIN <= tree <= INT64_MAX else BigInt(tree)
        if kind is list:
            return self._array(tree)
        if kind is Pairs:
            return self._pairs(tree)
        if kind is dict:
            return self._pairs(list(tree.items()))
        if kind is float:
            if not -1.8e19 < tree < 1.8e19:
                self.huge = True
            return tree
        if tree is None or kind is bool or kind is Float32:
            return tree
        if kind is bytes:
            return self.text(_decoded(tree), False)
        raise incorrect(f"A body may not hold a {kind.__name__}")

    def text(self, wire: str, as_key: bool) -> Any:
        """The value of a wire string, which may be a cache code; it enters the cache as the writer's did."""
        first = wire[:1]
        if first == "^" and wire != MAP_MARK:
            found = self._codes.get(wire, _MISSING)
            if found is _MISSING:
                raise incorrect(f"Cache code {wire[:8]!r} stands for nothing that was sent before it")
            return found
        if first == "~":
            second = wire[1:2]
            if second == ":":
                made: Any = self.interner.keyword(wire[2:])
            elif second == "$":
                made = self.interner.symbol(wire[2:])
            elif second == "#":
                made = Tag(wire[2:])
            elif second == "~" or second == "^" or second == "`":
                made = wire[1:]
            else:
                made = scalar(second, wire[2:], self.limits)
            if (as_key or second in (":", "$", "#")) and long_enough(wire):
                self._remember(made)
            return made
        if as_key and long_enough(wire):
            self._remember(wire)
        return wire

    def _remember(self, value: Any) -> None:
        if len(self._codes) == CACHE_SIZE:
            self._codes.clear()
        self._codes[CODES[len(self._codes)]] = value

    def _key(self, tree: Any) -> Any:
        if type(tree) is str:
            return self.text(tree, True)
        if type(tree) is bytes:
            return self.text(_decoded(tree), True)
        return self.value(tree)

    def _enter(self) -> None:
        self._depth += 1
        if self._depth > self.limits.depth:
            raise incorrect(f"Nested deeper than {self.limits.depth} collections")

    def _array(self, tree: list[Any]) -> Any:
        if not tree:
            return ()
        self._enter()
        head = tree[0]
        if type(head) is bytes:
            head = _decoded(head)
        if type(head) is str and head[:1] in ("~", "^"):
            if head == MAP_MARK:
                made = self._flat_map(tree)
                self._depth -= 1
                return made
            first = self.text(head, False)
            if type(first) is Tag:
                if len(tree) != 2:
                    raise incorrect(f"A tagged value has 2 elements; #{first[:60]} has {len(tree)}")
                made = read_tagged(first, self._plain(self.value(tree[1])), self.limits)
                self._depth -= 1
                return made
            items = [first]
            items.extend(map(self.value, tree[1:]))
        else:
            value = self.value
            items = [item if type(item) is int and INT64_MIN <= item <= INT64_MAX else value(item) for item in tree]
        self._depth -= 1
        self._no_tags(items)
        return tuple(items)

    def _flat_map(self, tree: list[Any]) -> Any:
        if len(tree) % 2 == 0:
            raise incorrect("A map needs a value for every key: its array has an odd number of elements")
        codes, key_of, value = self._codes.get, self._key, self.value
        keys: list[Any] = []
        values: list[Any] = []
        parts = iter(tree)
        next(parts)
        for key, item in zip(parts, parts):
            found = codes(key, _MISSING) if type(key) is str else _MISSING
            keys.append(key_of(key) if found is _MISSING else found)
            values.append(item if type(item) is int and INT64_MIN <= item <= INT64_MAX else value(item))
        self._no_tags(keys)
        self._no_tags(values)
        return make_map(keys, values)

    def _pairs(self, pairs: list[tuple[Any, Any]]) -> Any:
        self._enter()
        codes, key_of, value = self._codes.get, self._key, self.value
        keys: list[Any] = []
        values: list[Any] = []
        for key, item in pairs:
            found = codes(key, _MISSING) if type(key) is str else _MISSING
            keys.append(key_of(key) if found is _MISSING else found)
            values.append(item if type(item) is int and INT64_MIN <= item <= INT64_MAX else value(item))
        self._depth -= 1
        self._no_tags(values)
        if len(keys) == 1 and type(keys[0]) is Tag:
            return read_tagged(keys[0], values[0], self.limits)
        self._no_tags(keys)
        return make_map(keys, values)

    def _plain(self, value: Any) -> Any:
        if type(value) is Tag:
            raise incorrect(f"The tag #{value[:60]} is not followed by a value")
        return value

    def _no_tags(self, items: list[Any]) -> None:
        for item in items:
            if type(item) is Tag:
                self._plain(item)


def _decoded(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise incorrect("A string in the body is not UTF-8; send bytes as ~b and base64") from None


