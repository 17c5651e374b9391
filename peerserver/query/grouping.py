"""Groups of rows, and aggregates on whole columns; what can't be done so goes to the function of the same name.

What is not decided here: which aggregates there are and what they say of odd values (``aggregates``).
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

import attrs
import numpy as np

from peerserver.index.codes import floats_of_codes
from peerserver.index.rows import Ints
from peerserver.model.anomaly import incorrect
from peerserver.model.order import clj_key
from peerserver.model.values import Ratio

from .aggregates import lookup as lookup_aggregate
from .ast import Aggregate, is_source
from .context import Context
from .kinds import DOUBLE, FLOAT, INSTANT, INT, Words
from .relation import Column, Relation, distinct_codes, distinct_index, pack
from .text import edn_text

__all__ = ("Groups", "aggregate_column", "group", "minds_no_repeats", "one_each", "totals")

_MINUS_ZERO: Final = -1


@attrs.frozen(eq=False)
class Groups:
    """``count`` groups; ``number`` of each row's group (None: one group), ``first`` a row of each group."""

    count: int
    number: Ints | None
    first: Ints


def group(rel: Relation, keys: list[Column]) -> Groups:
    """The rows of a relation grouped by key columns. No rows, no group."""
    if not rel.n:
        return Groups(0, None, np.empty(0, np.int64))
    if not keys:
        return Groups(1, None, np.zeros(1, np.int64))
    packed = pack([group_codes(column) for column in keys])
    lo, hi = int(packed.min()), int(packed.max())
    if hi - lo < max(4 * rel.n, 4096):
        slot = packed - lo
        owner = np.full(hi - lo + 1, -1, np.int64)
        owner[slot] = np.arange(rel.n)
        used = np.flatnonzero(owner >= 0)
        dense = np.empty(hi - lo + 1, np.int64)
        dense[used] = np.arange(len(used))
        return Groups(len(used), dense[slot], owner[used])
    known = distinct_codes(packed)
    number = np.searchsorted(known, packed)
    first = np.empty(len(known), np.int64)
    first[number] = np.arange(rel.n)
    return Groups(len(known), number, first)


def group_codes(column: Column) -> Ints:
    """Codes that are equal for values of one group: numbers of one size are one, of whatever type, and so are bigdecs
    of any scale, zeros of either sign, equal uris and tuples of such (oracle: values-equal/*)."""
    codes, kind = column.array(), column.kind
    if kind in (DOUBLE, FLOAT):
        return np.where(codes == _MINUS_ZERO, 0, codes)
    if kind.name not in ("any", "bigdec", "uri", "tuple"):
        return codes
    if not len(codes) or isinstance(kind, Words) and not kind.dictionary.merges(kind.type):
        return codes
    known = distinct_codes(codes)
    values = kind.decode(known)
    numbers: dict[Any, int] = {}
    table = np.array([numbers.setdefault(_group_key(value), i) for i, value in enumerate(values)], np.int64)
    return codes if len(numbers) == len(known) else table[np.searchsorted(known, codes)]


def _group_key(value: Any) -> Any:
    if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool) and value == value:
        return ("n", value)
    if isinstance(value, Ratio) and value.denominator:
        return ("n", Fraction(value.numerator, value.denominator))
    if isinstance(value, tuple):
        return ("s", *(_group_key(item) for item in value))
    return clj_key(value)


def one_each(rel: Relation) -> Relation:
    """Of rows that differ only in the form of equal uris the first: a set takes them for one."""
    if not any(column.kind.name == "uri" for column in rel.cols.values()) or rel.n < 2:
        return rel
    codes = [group_codes(c) if c.kind.name == "uri" else c.array() for c in rel.cols.values()]
    if all(own is c.array() for own, c in zip(codes, rel.cols.values())):
        return rel
    index = distinct_index(codes)
    return rel if len(index) == rel.n else rel.take(np.sort(index))


def aggregate_column(ctx: Context, rel: Relation, groups: Groups, element: Aggregate) -> Any:
    """One aggregate for every group: a Column, or a list of values."""
    ctx.budget.check()
    column = rel.cols[element.variable]
    name = element.name.text
    if len(element.args) == 1:
        quick = _QUICK.get(name)
        if quick is not None:
            found = quick(column, groups)
            if found is not None:
                return found
    function = lookup_aggregate(element.name)
    if function is None:
        raise incorrect(f"Unable to resolve symbol: {name} in this context; there is no such aggregate: "
                        f"{edn_text(element.form)}")
    before = [ctx.source(x) if is_source(x) else x for x in element.args[:-1]]
    if element.args[-1] is not element.variable:
        raise incorrect(f"The variable comes last in an aggregate: {edn_text(element.form)}")
    return [function.call([*before, values]) for values in _members(column, groups)]


def _members(column: Column, groups: Groups) -> list[tuple[Any, ...]]:
    if groups.number is None:
        return [tuple(column.values())]
    order = np.argsort(groups.number)
    values = column.take(order).values()
    counts = np.bincount(groups.number, minlength=groups.count)
    ends = np.cumsum(counts).tolist()
    return [tuple(values[end - n:end]) for end, n in zip(ends, counts.tolist())]


def minds_no_repeats(element: Aggregate) -> bool:
    """Whether an aggregate gives the same for rows that are there twice."""
    return len(element.args) == 1 and element.name.text in _UNMOVED


def totals(counts: Ints, groups: Groups) -> Column:
    """How many rows each group has, where each row stands for several."""
    if groups.number is None:
        return Column(INT, np.array([counts.sum()], np.int64))
    return Column(INT, np.bincount(groups.number, weights=counts, minlength=groups.count).astype(np.int64))


# -- on arrays: each gives None where it can't


def _counts(column: Column, groups: Groups) -> Ints:
    if groups.number is None:
        return np.array([len(column.data)], np.int64)
    return np.bincount(groups.number, minlength=groups.count)


def _count(column: Column, groups: Groups) -> Column | None:
    return Column(INT, _counts(column, groups))


def _count_distinct(column: Column, groups: Groups) -> Column | None:
    if column.kind.name in ("any", "bigdec", "uri", "tuple") or (column.kind in (DOUBLE, FLOAT)
                                                                 and bool((column.array() == _MINUS_ZERO).any())):
        return None  # values that are `=` may have several codes
    codes = column.array()
    if groups.number is None:
        return Column(INT, np.array([len(distinct_codes(codes))], np.int64))
    lo = int(codes.min())
    width = int(codes.max()) - lo + 1
    if groups.count * width >= 1 << 62:
        index = distinct_index([groups.number, codes])
        return Column(INT, np.bincount(groups.number[index], minlength=groups.count))
    # Group and value in one number: no need to know which rows they were.
    packed = distinct_codes(groups.number * width + (codes - lo))
    return Column(INT, np.bincount(packed // width, minlength=groups.count))


def _total(codes: Ints, groups: Groups) -> Ints | None:
    bound = max(abs(int(codes.min())), abs(int(codes.max())))
    if bound * len(codes) >= 1 << 62:
        return None
    if groups.number is None:
        return np.array([codes.sum()], np.int64)
    if bound * len(codes) < 1 << 53:
        return np.bincount(groups.number, weights=codes, minlength=groups.count).astype(np.int64)
    order = np.argsort(groups.number)
    counts = np.bincount(groups.number, minlength=groups.count)
    return np.add.reduceat(codes[order], np.cumsum(counts) - counts)


def _sum(column: Column, groups: Groups) -> Column | None:
    if column.kind is not INT:
        return None
    total = _total(column.array(), groups)
    return None if total is None else Column(INT, total)


def _avg(column: Column, groups: Groups) -> Any:
    if column.kind is not INT:
        return None
    total = _total(column.array(), groups)
    if total is None or int(np.abs(total).max()) >= 1 << 53:
        return None
    return (total / _counts(column, groups)).tolist()


def _extreme(column: Column, groups: Groups, ufunc: Any) -> Column | None:
    if column.kind is not INT and column.kind is not INSTANT and column.kind is not DOUBLE:
        return None
    codes = column.array()
    if column.kind is DOUBLE and bool(np.isnan(floats_of_codes(codes)).any() or (codes == -1).any()):
        return None  # NaN and -0.0 are for the scalar function to decide
    if groups.number is None:
        return Column(column.kind, np.array([ufunc.reduce(codes)], np.int64))
    lo = int(codes.min())
    width = int(codes.max()) - lo + 1
    if groups.count * width < 1 << 62:
        # Group and value in one number: a plain sort is several times quicker than an argsort.
        packed = np.sort(groups.number * width + (codes - lo))
        counts = np.bincount(groups.number, minlength=groups.count)
        ends = np.cumsum(counts)
        place = ends - 1 if ufunc is np.maximum else ends - counts
        return Column(column.kind, packed[place] % width + lo)
    order = np.argsort(groups.number)
    counts = np.bincount(groups.number, minlength=groups.count)
    return Column(column.kind, ufunc.reduceat(codes[order], np.cumsum(counts) - counts))


def _min(column: Column, groups: Groups) -> Column | None:
    return _extreme(column, groups, np.minimum)


def _max(column: Column, groups: Groups) -> Column | None:
    return _extreme(column, groups, np.maximum)


_UNMOVED = frozenset(("count-distinct", "min", "max"))
_QUICK = {"count": _count, "count-distinct": _count_distinct, "sum": _sum, "avg": _avg, "min": _min, "max": _max}
