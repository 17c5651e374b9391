"""Making collections, and changed copies of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cmp_to_key, reduce
from typing import Any

from ...model.order import clj_key
from ...model.values import EdnList
from .access import ABSENT, get, invoke, lookup_in
from .compare import natural_compare
from .function import Wrong, define, defines
from .hashing import hash_order
from .numbers import is_integer
from .seqs import entries, is_map, is_set, limited, map_of, members, seq_of, set_of

__all__ = ("associate", "map_entries", "sorted_by")


def sorted_by(items: Sequence[Any], compare: Callable[[Any, Any], int] = natural_compare) -> list[Any]:
    """The items in order; equal ones stay as they were."""
    return sorted(items, key=cmp_to_key(compare))


def map_entries(value: Any) -> list[tuple[Any, Any]]:
    """The entries of a map (nil: none). Raises :class:`Wrong` for what is no map."""
    if value is None:
        return []
    if is_map(value):
        return entries(value)
    raise Wrong(f"not a map: {type(value).__name__}")


def _pairs(items: Sequence[Any]) -> list[tuple[Any, Any]]:
    if len(items) % 2:
        raise Wrong(f"No value supplied for key: {items[-1]!r}"[:200])
    return list(zip(items[::2], items[1::2]))


def _entry(value: Any) -> tuple[Any, Any]:
    if isinstance(value, tuple) and not isinstance(value, EdnList) and len(value) == 2:
        return value[0], value[1]
    raise Wrong("an entry of a map is a vector of two")


def _conj_one(coll: Any, item: Any) -> Any:
    if coll is None:
        return EdnList((item,))
    if isinstance(coll, EdnList):
        return EdnList((item, *coll))
    if isinstance(coll, tuple):
        return (*coll, item)
    if is_set(coll):
        return set_of((*members(coll), item))
    if is_map(coll):
        more = [] if item is None else entries(item) if is_map(item) else [_entry(item)]
        return map_of([*entries(coll), *more])
    raise Wrong(f"not a collection: {type(coll).__name__}")


def _conj(coll: Any = (), *items: Any) -> Any:
    if items and (is_set(coll) or (isinstance(coll, tuple) and not isinstance(coll, EdnList))):
        return _into(coll, items)
    return reduce(_conj_one, items, coll)


def _into(target: Any = (), source: Any = None) -> Any:
    items = seq_of(source)
    if isinstance(target, EdnList) or target is None:
        return EdnList((*reversed(items), *(target or ()))) if items or target is not None else None
    if isinstance(target, tuple):
        return tuple(limited((*target, *items)))
    if is_set(target):
        return set_of((*members(target), *items))
    if is_map(target):
        more = [entry for item in items for entry in (entries(item) if is_map(item) else [_entry(item)])]
        return map_of([*entries(target), *more])
    raise Wrong(f"not a collection: {type(target).__name__}")


def associate(table: Any, key: Any, value: Any) -> Any:
    """``assoc`` of one key. Raises :class:`Wrong` for an index that is not of the vector, nor its end."""
    if table is None or is_map(table):
        return map_of([*map_entries(table), (key, value)])
    if isinstance(table, tuple) and not isinstance(table, EdnList):
        if not is_integer(key) or not 0 <= key <= len(table):
            raise Wrong(f"index {key!r} is out of bounds: there are {len(table)}"[:200])
        return (*table[:key], value, *table[key + 1 :])
    raise Wrong(f"assoc not supported on type: {type(table).__name__}")


def _assoc(table: Any, *items: Any) -> Any:
    for key, value in _pairs(items):
        table = associate(table, key, value)
    return table


def _update_in(table: Any, path: Sequence[Any], change: Callable[[Any], Any]) -> Any:
    if not path:
        return associate(table, None, change(get(table, None)))
    key, deeper = path[0], path[1:]
    inner = get(table, key)
    return associate(table, key, _update_in(inner, deeper, change) if deeper else change(inner))


def _dissoc(table: Any, *keys: Any) -> Any:
    gone = {clj_key(key) for key in keys}
    return None if table is None else map_of(pair for pair in map_entries(table) if clj_key(pair[0]) not in gone)


def _disj(items: Any, *gone: Any) -> Any:
    if items is None:
        return None
    if not is_set(items):
        raise Wrong(f"not a set: {type(items).__name__}")
    keys = {clj_key(item) for item in gone}
    return set_of(item for item in members(items) if clj_key(item) not in keys)


def _merge(*tables: Any) -> Any:
    if all(table is None for table in tables):
        return None
    return reduce(_conj_one, (table for table in tables[1:] if table is not None), tables[0] if tables[0] is not None else {})


@defines("merge-with", 1, None)
def _merge_with(combine: Any, *tables: Any) -> Any:
    if all(table is None for table in tables):
        return None
    made: Any = {}
    for table in tables:
        for key, value in map_entries(table):
            old = lookup_in(made, key)
            made = associate(made, key, value if old is ABSENT else invoke(combine, (old, value)))
    return made


def _select_keys(table: Any, keys: Any) -> Any:
    found = ((key, lookup_in(table, key)) for key in seq_of(keys))
    return map_of((key, value) for key, value in found if value is not ABSENT)


def _keys(table: Any, at: int) -> Any:
    pairs = map_entries(table) if table is None or is_map(table) else [_entry(item) for item in seq_of(table)]
    return EdnList(pair[at] for pair in pairs) if pairs else None


def _hashed_map(*items: Any) -> Any:
    pairs = entries(map_of(_pairs(items)))
    return map_of((key, dict_value) for key in hash_order([key for key, _ in pairs])
                  for other, dict_value in pairs if other is key)  # fmt: skip


def _sorted_map(*items: Any) -> Any:
    pairs = entries(map_of(_pairs(items)))
    return map_of(sorted_by(pairs, lambda one, other: natural_compare(one[0], other[0])))


def _subvec(items: Any, start: Any, end: Any = None) -> Any:
    if not isinstance(items, tuple) or isinstance(items, EdnList):
        raise Wrong(f"not a vector: {type(items).__name__}")
    stop = len(items) if end is None else int(end)
    if not 0 <= int(start) <= stop <= len(items):
        raise Wrong(f"{start} to {stop} is out of bounds: there are {len(items)}")
    return items[int(start) : stop]


def _replace(changes: Any, items: Any) -> Any:
    found = (get(changes, item, item) for item in seq_of(items))
    return EdnList(found) if isinstance(items, EdnList) or not isinstance(items, tuple) else tuple(found)


def _empty(value: Any) -> Any:
    if isinstance(value, EdnList):
        return EdnList()
    if isinstance(value, tuple):
        return ()
    return frozenset() if is_set(value) else {} if is_map(value) else None


def _vec(value: Any) -> Any:
    return tuple(limited(seq_of(value)))


define("vector", lambda *items: items, 0, None)
define("tuple", lambda *items: items, 0, None)
define("untuple", lambda items: items)
define("list", lambda *items: EdnList(items), 0, None)
define("list*", lambda *items: EdnList((*items[:-1], *seq_of(items[-1]))), 1, None)
define("cons", lambda item, items: EdnList((item, *seq_of(items))), 2)
define("conj", _conj, 0, None)
define("into", _into, 0, 2)
define("vec to-array object-array into-array", _vec)
define("set", lambda items: set_of(seq_of(items)))
define("hash-set", lambda *items: set_of(items), 0, None)
define("sorted-set", lambda *items: set_of(sorted_by(items)), 0, None)
define("hash-map", _hashed_map, 0, None)
define("array-map", lambda *items: map_of(_pairs(items)), 0, None)
define("sorted-map", _sorted_map, 0, None)
define("zipmap", lambda keys, values: map_of(zip(seq_of(keys), seq_of(values))), 2)
define("assoc", _assoc, 3, None)
define("assoc-in", lambda table, path, value: _update_in(table, seq_of(path), lambda _: value), 3)
define("update", lambda table, key, f, *args: associate(table, key, invoke(f, (get(table, key), *args))), 3, None)
define("update-in", lambda table, path, f, *args: _update_in(table, seq_of(path), lambda x: invoke(f, (x, *args))), 3, None)
define("update-vals", lambda table, f: map_of((k, invoke(f, (v,))) for k, v in map_entries(table)), 2)
define("update-keys", lambda table, f: map_of((invoke(f, (k,)), v) for k, v in map_entries(table)), 2)
define("dissoc", _dissoc, 1, None)
define("disj", _disj, 1, None)
define("merge", _merge, 0, None)
define("select-keys", _select_keys, 2)
define("keys", lambda table: _keys(table, 0))
define("vals", lambda table: _keys(table, 1))
define("subvec", _subvec, 2, 3)
define("replace", _replace, 2)
define("empty", _empty)
