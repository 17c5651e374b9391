"""``clojure.set`` and the parts of ``clojure.walk`` that change keys."""

from __future__ import annotations

from typing import Any

from ...model.order import clj_key
from ...model.values import EdnList, Keyword
from .access import ABSENT, invoke, lookup_in
from .build import associate, map_entries
from .function import Wrong, define, defines
from .seqs import entries, is_map, is_set, map_of, members, seq_of, set_of, truthy

__all__ = ()


def _members(value: Any) -> list[Any]:
    if value is None:
        return []
    if is_set(value):
        return members(value)
    raise Wrong(f"not a set: {type(value).__name__}")


@defines("clojure.set/union", 0, None)
def _union(*sets: Any) -> Any:
    return set_of(item for one in sets for item in _members(one))


@defines("clojure.set/intersection", 1, None)
def _intersection(first: Any, *others: Any) -> Any:
    kept = _members(first)
    for other in others:
        keys = {clj_key(item) for item in _members(other)}
        kept = [item for item in kept if clj_key(item) in keys]
    return set_of(kept)


@defines("clojure.set/difference", 1, None)
def _difference(first: Any, *others: Any) -> Any:
    gone = {clj_key(item) for other in others for item in _members(other)}
    return set_of(item for item in _members(first) if clj_key(item) not in gone)


def _within(small: Any, large: Any) -> bool:
    keys = {clj_key(item) for item in _members(large)}
    return all(clj_key(item) in keys for item in _members(small))


@defines("clojure.set/rename-keys", 2)
def _rename_keys(table: Any, names: Any) -> Any:
    old = {clj_key(key) for key, _ in map_entries(names)}
    made = map_of(pair for pair in map_entries(table) if clj_key(pair[0]) not in old)
    for key, new in map_entries(names):
        value = lookup_in(table, key)
        if value is not ABSENT:
            made = associate(made, new, value)
    return made


def _picked(row: Any, keys: Any) -> Any:
    found = ((key, lookup_in(row, key)) for key in seq_of(keys))
    return map_of((key, value) for key, value in found if value is not ABSENT)


@defines("clojure.set/index", 2)
def _index(rows: Any, keys: Any) -> Any:
    made: Any = {}
    for row in seq_of(rows):
        key = _picked(row, keys)
        old = lookup_in(made, key)
        made = associate(made, key, set_of(([] if old is ABSENT else _members(old)) + [row]))
    return made


@defines("clojure.set/join", 2)
def _join(left: Any, right: Any) -> Any:
    ones, others = _members(left), _members(right)
    if not ones or not others:
        return set_of(())
    theirs = {clj_key(key) for key, _ in map_entries(others[0])}
    shared = [key for key, _ in map_entries(ones[0]) if clj_key(key) in theirs]
    rows: dict[Any, list[Any]] = {}
    for row in others:
        rows.setdefault(clj_key(_picked(row, shared)), []).append(row)
    return set_of(
        map_of([*map_entries(row), *map_entries(other)])
        for row in ones
        for other in rows.get(clj_key(_picked(row, shared)), ())
    )


def _walk(value: Any, change: Any) -> Any:
    """``postwalk``: each part changed after its members."""
    if isinstance(value, EdnList):
        made: Any = EdnList(_walk(item, change) for item in value)
    elif isinstance(value, tuple):
        made = tuple(_walk(item, change) for item in value)
    elif is_set(value):
        made = set_of(_walk(item, change) for item in members(value))
    elif is_map(value):
        made = map_of((_walk(key, change), _walk(item, change)) for key, item in entries(value))
    else:
        made = value
    return change(made)


def _changed_keys(value: Any, change: Any) -> Any:
    return _walk(value, lambda x: map_of((change(k), v) for k, v in entries(x)) if is_map(x) else x)


define("clojure.set/subset?", _within, 2)
define("clojure.set/superset?", lambda large, small: _within(small, large), 2)
define("clojure.set/map-invert", lambda table: map_of((value, key) for key, value in map_entries(table)))
define("clojure.set/select", lambda f, rows: set_of(row for row in _members(rows) if truthy(invoke(f, (row,)))), 2)
define("clojure.set/project", lambda rows, keys: set_of(_picked(row, keys) for row in seq_of(rows)), 2)
define("clojure.set/rename", lambda rows, names: set_of(_rename_keys(row, names) for row in seq_of(rows)), 2)
define("clojure.walk/postwalk", lambda f, value: _walk(value, lambda x: invoke(f, (x,))), 2)
define("clojure.walk/keywordize-keys", lambda value: _changed_keys(value, lambda k: Keyword(k) if type(k) is str else k))
define("clojure.walk/stringify-keys", lambda value: _changed_keys(value, lambda k: k.text if isinstance(k, Keyword) else k))
