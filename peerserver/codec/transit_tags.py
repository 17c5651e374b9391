"""Transit's tagged values: ``["~#list", […]]`` and the like, from tag and already read representation to value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final
from uuid import UUID

from ..model.anomaly import incorrect
from ..model.values import INT64_MAX, INT64_MIN, EdnList, Instant, Tagged
from .limits import DEFAULT_LIMITS, Limits
from .members import make_map, make_set
from .numbers import make_ratio
from .transit_scalars import scalar

__all__ = ("Tag", "read_tagged")


class Tag(str):
    """A ``~#…`` string that was read: it must stand before a value."""

    __slots__ = ()


def read_tagged(tag: Tag, value: Any, limits: Limits) -> Any:
    """The tagged value; an unknown tag gives Tagged. Raises Anomaly incorrect where value and tag do not fit."""
    read = _READERS.get(tag)
    if read is not None:
        return read(value)
    if len(tag) == 1 and type(value) is str:
        return scalar(tag, value, limits)
    if not tag:
        raise incorrect("A tag needs a name")
    return Tagged(str(tag), value)


def _members(tag: str, value: Any) -> tuple[Any, ...]:
    if not isinstance(value, tuple):
        raise incorrect(f"#{tag} needs an array, not a {type(value).__name__}")
    return value


def _list(value: Any) -> EdnList:
    return EdnList(_members("list", value))


def _set(value: Any) -> Any:
    return make_set(_members("set", value))


def _cmap(value: Any) -> Any:
    parts = _members("cmap", value)
    if len(parts) % 2:
        raise incorrect("#cmap needs a value for every key: it has an odd number of elements")
    return make_map(parts[::2], parts[1::2])


def _ratio(value: Any) -> Any:
    parts = _members("ratio", value)
    if len(parts) != 2 or not all(isinstance(part, int) and not isinstance(part, bool) for part in parts):
        raise incorrect("#ratio needs two integers")
    return make_ratio(int(parts[0]), int(parts[1]))


def _instant(value: Any) -> Instant:
    if not isinstance(value, int) or isinstance(value, bool) or not INT64_MIN <= value <= INT64_MAX:
        raise incorrect("#m needs milliseconds as a long")
    return Instant(int(value))


def _uuid(value: Any) -> Any:
    if type(value) is str:
        return scalar("u", value, DEFAULT_LIMITS)
    parts = _members("u", value)
    if len(parts) != 2 or not all(type(part) is int and INT64_MIN <= part <= INT64_MAX for part in parts):
        raise incorrect("#u needs two longs")
    return UUID(int=((parts[0] & _MASK) << 64) | (parts[1] & _MASK))


def _with_meta(value: Any) -> Any:
    parts = _members("with-meta", value)
    if len(parts) != 2:
        raise incorrect("#with-meta needs a value and its metadata")
    return parts[0]


_MASK: Final = 0xFFFF_FFFF_FFFF_FFFF
_READERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "'": lambda value: value,
    "list": _list,
    "set": _set,
    "cmap": _cmap,
    "ratio": _ratio,
    "m": _instant,
    "u": _uuid,
    "with-meta": _with_meta,
}
