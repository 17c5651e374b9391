"""Functions that take functions: a built-in by its symbol, a keyword, map, set, or one made here (``partial``)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from typing import Any

from ...model.values import EdnList
from .access import invoke, is_callable
from .build import map_entries
from .function import MAX_ITEMS, TABLE, Function, Wrong, define, defines
from .numbers import less
from .seqs import is_sequential, limited, seq_of, truthy

__all__ = ()


def _rows(colls: Sequence[Any]) -> Iterable[tuple[Any, ...]]:
    return zip(*map(seq_of, colls))


def _each(f: Any, *colls: Any) -> Iterable[Any]:
    return (invoke(f, row) for row in _rows(colls))


def _kept(f: Any, items: Any, wanted: bool = True) -> list[Any]:
    return [item for item in seq_of(items) if truthy(invoke(f, (item,))) == wanted]


def _leading(f: Any, items: Sequence[Any]) -> int:
    for at, item in enumerate(items):
        if not truthy(invoke(f, (item,))):
            return at
    return len(items)


@defines("reduce", 2, 3)
def _reduce(f: Any, *args: Any) -> Any:
    items = seq_of(args[-1])
    if f is TABLE["conj"] and len(args) == 2:
        return f.call((args[0], *items))  # all at once: one copy, not one for each
    if len(args) == 2:
        return reduce(lambda made, item: invoke(f, (made, item)), items, args[0])
    return reduce(lambda made, item: invoke(f, (made, item)), items) if items else invoke(f, ())


@defines("reductions", 2, 3)
def _reductions(f: Any, *args: Any) -> EdnList:
    items = list(args[:-1]) + list(seq_of(args[-1]))
    if not items:
        return EdnList((invoke(f, ()),))
    made = [items[0]]
    for item in items[1:]:
        made.append(invoke(f, (made[-1], item)))
    return EdnList(made)


@defines("reduce-kv", 3)
def _reduce_kv(f: Any, start: Any, table: Any) -> Any:
    pairs = enumerate(table) if is_sequential(table) else map_entries(table)
    return reduce(lambda made, pair: invoke(f, (made, *pair)), pairs, start)


@defines("some", 2)
def _some(f: Any, items: Any) -> Any:
    for item in seq_of(items):
        found = invoke(f, (item,))
        if truthy(found):
            return found
    return None


def _every(f: Any, items: Any) -> bool:
    return all(truthy(invoke(f, (item,))) for item in seq_of(items))


@defines("tree-seq", 3)
def _tree(is_branch: Any, children: Any, root: Any) -> EdnList:
    made, todo = [], [root]
    while todo:
        node = todo.pop()
        made.append(node)
        if truthy(invoke(is_branch, (node,))):
            todo.extend(reversed(seq_of(invoke(children, (node,)))))
        if len(made) + len(todo) > MAX_ITEMS:
            raise Wrong(f"the result has more than {MAX_ITEMS} members")
    return EdnList(made)


def _best(wins: Callable[[Any, Any], bool]) -> Callable[..., Any]:
    def choose(key: Any, *items: Any) -> Any:
        # Of equal ones the later wins.
        return reduce(lambda x, y: x if wins(invoke(key, (x,)), invoke(key, (y,))) else y, items)

    return choose


def _made(name: str, run: Callable[..., Any]) -> Function:
    return Function(name, run)


def _composed(*fs: Any) -> Function:
    def run(*args: Any) -> Any:
        if not fs:
            (made,) = args
            return made
        return reduce(lambda made, f: invoke(f, (made,)), reversed(fs[:-1]), invoke(fs[-1], args))

    return _made("comp", run)


def _fnil(f: Any, *defaults: Any) -> Function:
    def run(*args: Any) -> Any:
        filled = [default if arg is None else arg for arg, default in zip(args, defaults)]
        return invoke(f, (*filled, *args[len(filled) :]))

    return _made("fnil", run)


def _all_tests(*fs: Any) -> Function:
    return _made("every-pred", lambda *args: all(truthy(invoke(f, (arg,))) for f in fs for arg in args))


def _some_test(*fs: Any) -> Function:
    def run(*args: Any) -> Any:
        found = [invoke(f, (arg,)) for arg in args for f in fs]
        return next((item for item in found if truthy(item)), found[-1] if found else None)

    return _made("some-fn", run)


def _checked(f: Any) -> Any:
    if is_callable(f):
        return f
    raise Wrong(f"a {type(f).__name__} can't be called")


define("map", lambda f, *colls: EdnList(_each(_checked(f), *colls)), 2, None)
define("mapv", lambda f, *colls: tuple(_each(_checked(f), *colls)), 2, None)
define("mapcat", lambda f, *colls: EdnList(limited(x for found in _each(f, *colls) for x in seq_of(found))), 2, None)
define("map-indexed", lambda f, items: EdnList(invoke(f, pair) for pair in enumerate(seq_of(items))), 2)
define("keep", lambda f, items: EdnList(x for x in _each(f, items) if x is not None), 2)
define("keep-indexed", lambda f, items: EdnList(
    x for x in (invoke(f, pair) for pair in enumerate(seq_of(items))) if x is not None), 2)  # fmt: skip
define("filter", lambda f, items: EdnList(_kept(_checked(f), items)), 2)
define("filterv", lambda f, items: tuple(_kept(_checked(f), items)), 2)
define("remove", lambda f, items: EdnList(_kept(_checked(f), items, False)), 2)
define("every?", _every, 2)
define("not-every?", lambda f, items: not _every(f, items), 2)
define("not-any?", lambda f, items: not truthy(_some(f, items)), 2)
define("take-while", lambda f, items: EdnList(seq_of(items)[: _leading(f, seq_of(items))]), 2)
define("drop-while", lambda f, items: EdnList(seq_of(items)[_leading(f, seq_of(items)) :]), 2)
define("split-with", lambda f, items: (
    EdnList(seq_of(items)[: _leading(f, seq_of(items))]), EdnList(seq_of(items)[_leading(f, seq_of(items)) :])), 2)  # fmt: skip
define("max-key", _best(lambda x, y: less(y, x)), 2, None)
define("min-key", _best(less), 2, None)
define("apply", lambda f, *args: invoke(f, (*args[:-1], *seq_of(args[-1]))), 2, None)
define("partial", lambda f, *given: _made("partial", lambda *args: invoke(f, (*given, *args))), 1, None)
define("comp", _composed, 0, None)
define("complement", lambda f: _made("complement", lambda *args: not truthy(invoke(f, args))))
define("constantly", lambda x: _made("constantly", lambda *args: x))
define("juxt", lambda *fs: _made("juxt", lambda *args: tuple(invoke(f, args) for f in fs)), 1, None)
define("fnil", _fnil, 2, 4)
define("every-pred", _all_tests, 1, None)
define("some-fn", _some_test, 1, None)
define("memoize", _checked)
define("trampoline", lambda f, *args: invoke(f, args), 1, None)
define("run!", lambda f, items: [invoke(f, (item,)) for item in seq_of(items)] and None, 2)
define("dorun", lambda items: seq_of(items) and None)
