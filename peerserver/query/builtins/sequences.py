"""Sequences made of data. All are made at once: one without end is refused, one too long too."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cmp_to_key
from itertools import chain
from typing import Any

from ...model.order import clj_key
from ...model.values import EdnList
from . import numbers
from .access import invoke
from .build import sorted_by
from .compare import natural_compare
from .function import MAX_ITEMS, Wrong, define, defines
from .numbers import less
from .seqs import distinct_members, is_sequential, limited, map_of, seq_of, seq_or_nil, truthy

__all__ = ("comparison",)


def _listed(items: Iterable[Any]) -> EdnList:
    return EdnList(limited(items))


def _number(value: Any) -> int:
    """How many: a number of members, a part counting as one more, cut to what a sequence can have."""
    least = numbers.long_of(value)
    return min(max(least + less(least, value), 0), MAX_ITEMS + 1)


def comparison(compare: Any) -> Callable[[Any, Any], int]:
    """A client's comparator for sorting: it may answer with a number, or with whether the first is before."""

    def order(one: Any, other: Any) -> int:
        found = invoke(compare, (one, other))
        if isinstance(found, bool) or found is None:
            return -1 if truthy(found) else 1 if truthy(invoke(compare, (other, one))) else 0
        return int(found)

    return order


@defines("sort", 1, 2)
def _sort(first: Any, second: Any = None) -> EdnList:
    items, compare = (first, natural_compare) if second is None else (second, comparison(first))
    return EdnList(sorted_by(seq_of(items), compare))


@defines("sort-by", 2, 3)
def _sort_by(key: Any, first: Any, second: Any = None) -> EdnList:
    items, compare = (first, natural_compare) if second is None else (second, comparison(first))
    order = cmp_to_key(compare)
    return EdnList(sorted(seq_of(items), key=lambda item: order(invoke(key, (item,)))))


@defines("range", 0, 3)
def _range(*args: Any) -> EdnList:
    if not args:
        raise Wrong("a range without an end never ends")
    start, end, step = (0, args[0], 1) if len(args) == 1 else (args[0], args[1], args[2] if len(args) == 3 else 1)
    if all(numbers.is_integer(arg) for arg in (start, end, step)):
        span = range(start, end, step) if step else range(start, start if start == end else MAX_ITEMS + 2)
        if not step and start != end:
            raise Wrong("a range with step 0 never ends")
        return _listed(span)
    return _listed(_steps(start, end, step))


def _steps(start: Any, end: Any, step: Any) -> Iterable[Any]:
    upwards = less(0, step)
    while less(start, end) if upwards else less(end, start):
        yield start
        start = numbers.add(start, step)


def _parts(size: int, step: int, items: Sequence[Any]) -> list[Sequence[Any]]:
    if size < 1 or step < 1:
        raise Wrong("parts have at least one member, and are at least one apart")
    if len(items) // step * size > 4 * MAX_ITEMS:
        raise Wrong(f"the parts have more than {4 * MAX_ITEMS} members")
    return [items[at : at + size] for at in range(0, len(items), step)]


@defines("partition", 2, 4)
def _partition(size: Any, *args: Any) -> EdnList:
    count, items = _number(size), seq_of(args[-1])
    step = _number(args[0]) if len(args) > 1 else count
    parts = _parts(count, step, items)
    made = [EdnList(part) for part in parts if len(part) == count]
    if len(args) == 3 and len(made) < len(parts):
        made.append(EdnList((*parts[len(made)], *seq_of(args[1]))[:count]))
    return EdnList(made)


@defines("partition-all", 2, 3)
def _partition_all(size: Any, *args: Any) -> EdnList:
    count = _number(size)
    return EdnList(EdnList(part) for part in _parts(count, _number(args[0]) if len(args) > 1 else count, seq_of(args[-1])))


@defines("partition-by", 2)
def _partition_by(f: Any, items: Any) -> EdnList:
    runs: list[list[Any]] = []
    last: Any = None
    for item in seq_of(items):
        key = clj_key(invoke(f, (item,)))
        if runs and key == last:
            runs[-1].append(item)
        else:
            runs.append([item])
        last = key
    return EdnList(EdnList(run) for run in runs)


def _flat(items: Any) -> Iterable[Any]:
    stack = [iter(items)]
    while stack:
        for item in stack[-1]:
            if is_sequential(item):
                stack.append(iter(item))
                break
            yield item
        else:
            stack.pop()


@defines("frequencies")
def _frequencies(items: Any) -> Any:
    counted: dict[Any, list[Any]] = {}
    for item in seq_of(items):
        counted.setdefault(clj_key(item), [item, 0])[1] += 1
    return map_of((item, count) for item, count in counted.values())


@defines("group-by", 2)
def _group_by(f: Any, items: Any) -> Any:
    groups: dict[Any, tuple[Any, list[Any]]] = {}
    for item in seq_of(items):
        key = invoke(f, (item,))
        groups.setdefault(clj_key(key), (key, []))[1].append(item)
    return map_of((key, tuple(group)) for key, group in groups.values())


def _dedupe(items: Any) -> EdnList:
    kept: list[Any] = []
    for item in seq_of(items):
        if not kept or clj_key(kept[-1]) != clj_key(item):
            kept.append(item)
    return EdnList(kept)


def _reversed(items: Any) -> Any:
    if not isinstance(items, tuple) or isinstance(items, EdnList):
        raise Wrong(f"rseq not supported on type: {type(items).__name__}")
    return seq_or_nil(items[::-1])


def _last(count: Any, items: Any) -> Any:
    kept, members = _number(count), seq_of(items)
    return seq_or_nil(members[max(len(members) - kept, 0) :] if kept else ())


def _without_last(first: Any, second: Any = None) -> EdnList:
    count, items = (1, first) if second is None else (_number(first), second)
    members = seq_of(items)
    return EdnList(members[: max(len(members) - count, 0)])


def _every_nth(step: Any, items: Any) -> EdnList:
    if _number(step) < 1:
        raise Wrong("taking every 0th never ends")
    return EdnList(seq_of(items)[:: _number(step)])


def _repeat(*args: Any) -> EdnList:
    if len(args) == 1:
        raise Wrong("repeat without a number never ends")
    return _listed(args[1] for _ in range(_number(args[0])))


def _interleave(*colls: Any) -> EdnList:
    return EdnList(chain.from_iterable(zip(*map(seq_of, colls))))


def _interpose(separator: Any, items: Any) -> EdnList:
    return EdnList([part for item in seq_of(items) for part in (separator, item)][1:])


def _endless(*_: Any) -> Any:
    raise Wrong("it makes a sequence without end")


define("seq", lambda items: seq_or_nil(seq_of(items)))
define("sequence lazy-seq eduction doall", lambda items: EdnList(seq_of(items)))
define("reverse", lambda items: EdnList(reversed(seq_of(items))))
define("rseq", _reversed)
define("distinct", lambda items: EdnList(distinct_members(seq_of(items))))
define("dedupe", _dedupe)
define("concat lazy-cat", lambda *colls: _listed(chain.from_iterable(map(seq_of, colls))), 0, None)
define("take", lambda n, items: EdnList(seq_of(items)[: _number(n)]), 2)
define("drop", lambda n, items: EdnList(seq_of(items)[_number(n) :]), 2)
define("take-last", _last, 2)
define("drop-last", _without_last, 1, 2)
define("take-nth", _every_nth, 2)
define("nthrest", lambda items, n: items if not _number(n) else EdnList(seq_of(items)[_number(n) :]), 2)
define("nthnext", lambda items, n: seq_or_nil(seq_of(items)[_number(n) :]), 2)
define("split-at", lambda n, items: (EdnList(seq_of(items)[: _number(n)]), EdnList(seq_of(items)[_number(n) :])), 2)
define("repeat", _repeat, 1, 2)
define("interleave", _interleave, 0, None)
define("interpose", _interpose, 2)
define("flatten", lambda items: _listed(_flat(items)) if is_sequential(items) else EdnList())
define("cycle", lambda items: _endless() if seq_of(items) else EdnList())
define("iterate repeatedly", _endless, 1, 2)
