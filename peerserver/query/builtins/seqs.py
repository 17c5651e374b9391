"""Collections as Clojure sees them: sequences of anything seqable, sets and maps by Clojure's equality.

A sequence that a function makes is an ``EdnList``; a vector is a plain ``tuple``. Sets and maps are made
as the codec makes them, so that members that Clojure tells apart stay apart (``codec.members``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ...codec.members import MAP_TAG, SET_TAG, make_map, make_set
from ...model.order import clj_key
from ...model.values import Char, EdnList, Tagged
from .function import MAX_ITEMS, Wrong
from .hashing import hash_order

__all__ = (
    "chars",
    "distinct_members",
    "entries",
    "is_map",
    "is_sequential",
    "is_set",
    "joined",
    "limited",
    "map_of",
    "members",
    "seq_of",
    "seq_or_nil",
    "set_of",
    "text_of",
    "truthy",
    "units",
)

_ARRAY_MAP = 8  # up to here Clojure's maps keep the order in which they were made


def truthy(value: Any) -> bool:
    """Clojure's truth: all but nil and false."""
    return value is not None and value is not False


def units(text: str) -> str:
    """The text with each character beyond U+FFFF as its two surrogates: what Java counts and indexes."""
    if text.isascii() or max(text) <= "\uffff":
        return str(text)
    raw = text.encode("utf-16-be", "surrogatepass")
    return "".join(chr(raw[i] << 8 | raw[i + 1]) for i in range(0, len(raw), 2))


def joined(text: str) -> str:
    """The inverse of :func:`units`."""
    if any("\ud800" <= char <= "\udfff" for char in text):
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
    return text


def chars(text: str) -> list[Char]:
    """The characters of a string, as Java has them."""
    return [Char(unit) for unit in units(text)]


def text_of(value: Any) -> str:
    """The value where it is a string. Raises :class:`Wrong` for others."""
    if isinstance(value, str) and not isinstance(value, Char):
        return value
    raise Wrong("an argument is nil, not a string" if value is None else f"not a string: {type(value).__name__}")


def limited(items: Iterable[Any]) -> list[Any]:
    """A list of the items. Raises :class:`Wrong` where there are more than ``MAX_ITEMS``."""
    made: list[Any] = []
    for item in items:
        made.append(item)
        if len(made) > MAX_ITEMS:
            raise Wrong(f"the result has more than {MAX_ITEMS} members")
    return made


def is_set(value: Any) -> bool:
    """Whether a value is a set."""
    return isinstance(value, frozenset) or (isinstance(value, Tagged) and value.tag == SET_TAG)


def is_map(value: Any) -> bool:
    """Whether a value is a map."""
    return isinstance(value, dict) or (isinstance(value, Tagged) and value.tag == MAP_TAG)


def is_sequential(value: Any) -> bool:
    """Whether a value is a vector or a list."""
    return isinstance(value, tuple)


def members(value: Any) -> list[Any]:
    """The members of a set, in Clojure's order."""
    return hash_order(value.value if isinstance(value, Tagged) else value)


def entries(value: Any) -> list[tuple[Any, Any]]:
    """Keys and values of a map, in Clojure's order."""
    if isinstance(value, Tagged):
        pairs = list(zip(value.value[::2], value.value[1::2]))
    else:
        pairs = list(value.items())
    if len(pairs) <= _ARRAY_MAP:
        return pairs
    by_key = {id(pair[0]): pair for pair in pairs}
    return [by_key[id(key)] for key in hash_order([key for key, _ in pairs])]


def seq_of(value: Any) -> Sequence[Any]:
    """The members of anything seqable (of nil: none). Raises :class:`Wrong` for a value that isn't."""
    if isinstance(value, tuple):
        return value
    if value is None:
        return ()
    if isinstance(value, str) and not isinstance(value, Char):
        return chars(value)
    if is_set(value):
        return members(value)
    if is_map(value):
        return entries(value)
    if isinstance(value, list):
        return value
    if isinstance(value, bytes):
        return [byte - 256 if byte > 127 else byte for byte in value]
    raise Wrong(f"Don't know how to create a sequence from: {type(value).__name__}")


def seq_or_nil(items: Sequence[Any]) -> Any:
    """``seq``: nil for an empty collection."""
    return EdnList(items) if items else None


def distinct_members(items: Iterable[Any]) -> list[Any]:
    """The items without those that are ``=`` to an earlier one."""
    seen: set[Any] = set()
    kept: list[Any] = []
    for item in items:
        key = clj_key(item)
        if key not in seen:
            seen.add(key)
            kept.append(item)
    return kept


def set_of(items: Iterable[Any]) -> Any:
    """A set of the items; of equal ones the first stays."""
    return make_set(distinct_members(items))


def map_of(pairs: Iterable[tuple[Any, Any]]) -> Any:
    """A map of the pairs; of equal keys the first stays, with the last value."""
    kept: dict[Any, tuple[Any, Any]] = {}
    for key, value in pairs:
        where = clj_key(key)
        kept[where] = (kept[where][0] if where in kept else key, value)
    return make_map([key for key, _ in kept.values()], [value for _, value in kept.values()])
