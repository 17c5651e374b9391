"""Sets and maps out of read members, where Python's equality is not Clojure's.

Python collapses ``1``, ``1.0`` and ``True``; Clojure keeps them apart. And a Python dict cannot be a
member of a set or a key. The rules here, which lose nothing:

* a set or map whose members Clojure would keep apart but Python would not becomes
  ``Tagged("#{}", members)`` or ``Tagged("{}", (k, v, k, v, …))`` (:data:`SET_TAG`, :data:`MAP_TAG`): no reader
  can be made to give these tags otherwise, and the writers write a plain set or map;
* a map (or a value that holds one) that is a member or a key becomes a :class:`MapKey`, a dict with a hash;
* members that are equal in Clojure too are refused as duplicates.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from ..model.anomaly import incorrect
from ..model.values import EdnList, Keyword, Symbol, Tagged

__all__ = ("MAP_TAG", "SET_TAG", "MapKey", "make_map", "make_set")

SET_TAG: Final = "#{}"
MAP_TAG: Final = "{}"


class MapKey(dict[Any, Any]):
    """A map inside a set or as a key of a map: a dict that nobody changes, with a hash of its entries."""

    __slots__ = ()

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(frozenset((key, _hashable(value)) for key, value in self.items()))


# Above this many members their hashes are looked at: equal hashes make a Python set take quadratic time, and
# those of big integers, decimals, uuids and vectors are not secret.
_MANY: Final = 256


def make_set(members: Sequence[Any]) -> Any:
    """A frozenset of members, or ``Tagged(SET_TAG, tuple)``. Raises Anomaly incorrect for a duplicate."""
    try:
        if len(members) > _MANY:
            _refuse_collisions(members)
        made = frozenset(members)
    except TypeError:
        members = [_hashable(member) for member in members]
        if len(members) > _MANY:
            _refuse_collisions(members)
        made = frozenset(members)
    if len(made) != len(members):
        _refuse_duplicates(members, "set member")
        return Tagged(SET_TAG, tuple(members))
    return made


def make_map(keys: Sequence[Any], values: Sequence[Any]) -> Any:
    """A dict of as many keys as values, or ``Tagged(MAP_TAG, tuple)``. Raises Anomaly incorrect for a duplicate key."""
    try:
        if len(keys) > _MANY:
            _refuse_collisions(keys)
        made = dict(zip(keys, values))
    except TypeError:
        keys = [_hashable(key) for key in keys]
        if len(keys) > _MANY:
            _refuse_collisions(keys)
        made = dict(zip(keys, values))
    if len(made) != len(keys):
        _refuse_duplicates(keys, "map key")
        return Tagged(MAP_TAG, tuple(part for pair in zip(keys, values) for part in pair))
    return made


def _hashable(value: Any) -> Any:
    """The same value, with every dict inside made a MapKey."""
    if isinstance(value, dict):
        return value if type(value) is MapKey else MapKey(value)
    if isinstance(value, EdnList):
        return EdnList(_hashable(member) for member in value)
    if isinstance(value, tuple):
        return tuple(_hashable(member) for member in value)
    if isinstance(value, Tagged):
        return Tagged(value.tag, _hashable(value.value))
    return value


def _refuse_collisions(members: Sequence[Any]) -> None:
    if len(set(map(hash, members))) * 8 < len(members):
        raise incorrect("Most members of a set or keys of a map are equal, or chosen to have equal hashes")


def _refuse_duplicates(members: Iterable[Any], what: str) -> None:
    seen = set()
    for member in members:
        key = _distinct(member)
        if key in seen:
            raise incorrect(f"Duplicate {what}: {_short(member)}")
        seen.add(key)


def _distinct(value: Any) -> Any:
    """A key that is equal for two values exactly when Clojure's ``=`` holds for them."""
    kind = type(value)
    if kind is bool:
        return ("boolean", value)
    if isinstance(value, (int, float, Decimal)):
        return ("integer" if isinstance(value, int) else "float" if isinstance(value, float) else "decimal", value)
    if isinstance(value, tuple):
        return ("sequence", tuple(_distinct(member) for member in value))
    if isinstance(value, frozenset):
        return ("set", frozenset(_distinct(member) for member in value))
    if isinstance(value, dict):
        return ("map", frozenset((_distinct(key), _distinct(member)) for key, member in value.items()))
    if isinstance(value, Tagged):
        return ("tagged", value.tag, _distinct(value.value))
    return value


def _short(value: Any) -> str:
    shown = isinstance(value, (str, int, float, Decimal, UUID, Keyword, Symbol))
    text = repr(value) if shown else f"a {type(value).__name__}"
    return text if len(text) <= 80 else text[:77] + "..."
