"""Looking into collections, and calling what Clojure can call: functions, keywords, maps, sets, vectors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from ...codec.members import MAP_TAG, SET_TAG
from ...model.order import clj_equal, clj_key
from ...model.values import Char, EdnList, Keyword, Symbol, Tagged
from .function import Function, Wrong, define, defines
from .numbers import is_integer
from .seqs import chars, is_map, is_set, seq_of, seq_or_nil

__all__ = ("ABSENT", "first", "get", "invoke", "is_callable", "lookup_in", "watched")

def _unwatched() -> None:
    pass


#: what is asked before every call of a function by a function; it raises an Anomaly where there were too many, or the
#: time is up.
_watch: ContextVar[Callable[[], None]] = ContextVar("watch", default=_unwatched)


@contextmanager
def watched(check: Callable[[], None]) -> Iterator[None]:
    """While this lasts, ``check`` is asked before every call that a function makes of another."""
    token = _watch.set(check)
    try:
        yield
    finally:
        _watch.reset(token)


#: what :func:`lookup_in` gives where there is nothing.
ABSENT: Any = object()


def _in_dict(table: Any, key: Any) -> Any:
    # Python's dict takes 1, 1.0 and True for one key; Clojure's does not.
    try:
        if key not in table:
            return ABSENT
    except TypeError:
        pass
    else:
        if type(key) is str or isinstance(key, Keyword):
            return table[key]
    for other, value in table.items():
        if clj_equal(other, key):
            return value
    return ABSENT


def _in_set(table: Any, key: Any) -> Any:
    items = table.value if isinstance(table, Tagged) else table
    wanted = clj_key(key)
    for item in items:
        if clj_key(item) == wanted:
            return item
    return ABSENT


def lookup_in(table: Any, key: Any) -> Any:
    """What a map has at a key, a set of a member, a vector or string at an index; else :data:`ABSENT`."""
    if isinstance(table, dict):
        return _in_dict(table, key)
    if isinstance(table, frozenset) or (isinstance(table, Tagged) and table.tag == SET_TAG):
        return _in_set(table, key)
    if isinstance(table, Tagged) and table.tag == MAP_TAG:
        for other, value in zip(table.value[::2], table.value[1::2]):
            if clj_equal(other, key):
                return value
        return ABSENT
    indexed: Sequence[Any] = ()
    if isinstance(table, tuple) and not isinstance(table, EdnList):
        indexed = table
    elif isinstance(table, str) and not isinstance(table, Char):
        indexed = chars(table)
    elif isinstance(table, bytes):
        indexed = seq_of(table)
    return indexed[key] if is_integer(key) and 0 <= key < len(indexed) else ABSENT


def get(table: Any, key: Any, otherwise: Any = None) -> Any:
    """``get``: nil (or the third argument) for what isn't there, or where nothing could be."""
    found = lookup_in(table, key)
    return otherwise if found is ABSENT else found


def is_callable(value: Any) -> bool:
    """Whether a value may stand in the place of a function."""
    if isinstance(value, (Function, Keyword, Symbol, dict, frozenset)):
        return True
    return is_set(value) or is_map(value) or (isinstance(value, tuple) and not isinstance(value, EdnList))


def invoke(callee: Any, args: Sequence[Any]) -> Any:
    """What a call gives. Raises Anomaly or :class:`Wrong` where the value can't be called, or not with these."""
    _watch.get()()
    if isinstance(callee, Function):
        return callee.call(args)
    if not is_callable(callee):
        raise Wrong("nil can't be called" if callee is None else f"a {type(callee).__name__} can't be called")
    if isinstance(callee, tuple):
        if len(args) == 1 and is_integer(args[0]) and 0 <= args[0] < len(callee):
            return callee[args[0]]
        raise Wrong("a vector is called with one index of its own")
    most = 1 if is_set(callee) else 2
    if not 1 <= len(args) <= most:
        raise Wrong(f"Wrong number of args ({len(args)}) passed to: {callee!r}"[:200])
    if isinstance(callee, (Keyword, Symbol)):
        return get(args[0], callee, *args[1:])
    return get(callee, *args)


def first(value: Any) -> Any:
    """``first``; nil of nothing."""
    items = seq_of(value)
    return items[0] if items else None


def _rest(value: Any) -> EdnList:
    return EdnList(seq_of(value)[1:])


def _next(value: Any) -> Any:
    return seq_or_nil(seq_of(value)[1:])


def _last(value: Any) -> Any:
    items = seq_of(value)
    return items[-1] if items else None


@defines("nth", 2, 3)
def _nth(items: Any, at: Any, otherwise: Any = ABSENT) -> Any:
    if is_set(items) or is_map(items):
        raise Wrong("nth not supported on a set or a map")
    if items is None:
        return None if otherwise is ABSENT else otherwise
    members, index = seq_of(items), int(at)
    if 0 <= index < len(members):
        return members[index]
    if otherwise is ABSENT:
        raise Wrong(f"index {index} is out of bounds: there are {len(members)}")
    return otherwise


@defines("get-in", 2, 3)
def _get_in(table: Any, path: Any, otherwise: Any = None) -> Any:
    for key in seq_of(path):
        table = lookup_in(table, key)
        if table is ABSENT:
            return otherwise
    return table


@defines("contains?", 2)
def _contains(table: Any, key: Any) -> bool:
    if table is not None and (is_callable(table) and not isinstance(table, (Function, Keyword, Symbol))
                              or isinstance(table, (str, bytes)) and not isinstance(table, Char)):  # fmt: skip
        return lookup_in(table, key) is not ABSENT
    if table is None:
        return False
    raise Wrong(f"contains? not supported on type: {type(table).__name__}")


@defines("find", 2)
def _find(table: Any, key: Any) -> Any:
    found = lookup_in(table, key) if is_map(table) or isinstance(table, tuple) else ABSENT
    if table is not None and not is_map(table) and not isinstance(table, tuple):
        raise Wrong(f"find not supported on type: {type(table).__name__}")
    return None if found is ABSENT else (key, found)


def _pair(value: Any, at: int) -> Any:
    if isinstance(value, tuple) and not isinstance(value, EdnList) and len(value) == 2:
        return value[at]
    raise Wrong("not an entry of a map")


def _stack(value: Any) -> tuple[Any, ...]:
    if value is None or isinstance(value, tuple):
        return value or ()
    raise Wrong(f"not a vector or list: {type(value).__name__}")


@defines("peek")
def _peek(value: Any) -> Any:
    items = _stack(value)
    if not items:
        return None
    return items[0] if isinstance(items, EdnList) else items[-1]


@defines("pop")
def _pop(value: Any) -> Any:
    if value is None:
        return None
    items = _stack(value)
    if not items:
        raise Wrong("can't pop what is empty")
    return EdnList(items[1:]) if isinstance(items, EdnList) else items[:-1]


define("get", get, 2, 3)
define("first", first)
define("second fnext", lambda x: first(_rest(x)))
define("ffirst", lambda x: first(first(x)))
define("last", _last)
define("rest", _rest)
define("next", _next)
define("nfirst", lambda x: _next(first(x)))
define("nnext", lambda x: _next(_next(x)))
define("butlast", lambda x: seq_or_nil(seq_of(x)[:-1]))
define("key", lambda x: _pair(x, 0))
define("val", lambda x: _pair(x, 1))
define("identity", lambda x: x)
