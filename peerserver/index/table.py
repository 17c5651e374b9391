"""A table: one attribute's rows sorted by entity, with the access paths that reads need.

Immutable; the paths (order by value, offsets for direct addressing) are made when first asked for
and kept. Making one twice in two threads does no harm.
What is not decided here: which rows belong to a database value (``index.store``, ``database``).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .rows import NO_INTS, NO_ROWS, Ints, Rows

__all__ = ("Table", "expand", "pair_order")

# Direct addressing pays when the id range is at most this many times the rows, or small anyway.
_SPARSE = 8
_SMALL_RANGE = 1 << 16


def pair_order(first: Ints, second: Ints) -> Ints:
    """The order by (first, second); ties in no particular order."""
    n = len(first)
    if n < 2:
        return np.arange(n)
    low1, low2 = int(first.min()), int(second.min())
    span1, span2 = int(first.max()) - low1 + 1, int(second.max()) - low2 + 1
    if span1 * span2 < 1 << 62:
        # One packed key sorts several times faster than two.
        return np.argsort((first - low1) * span2 + (second - low2))
    return np.lexsort((second, first))


def expand(lo: Ints, count: Ints) -> tuple[Ints, Ints]:
    """Of ranges ``lo[i] … lo[i]+count[i]``: the range number and the position of every member."""
    total = int(count.sum())
    if total == 0:
        return NO_INTS, NO_INTS
    at = np.repeat(np.arange(len(lo)), count)
    starts = np.cumsum(count) - count
    return at, np.arange(total) + (lo - starts)[at]


class _Offsets:
    """Where the rows of key k begin in a sorted column: by direct addressing, or by binary search."""

    __slots__ = ("base", "column", "start")

    def __init__(self, column: Ints) -> None:
        self.column = column
        self.base = 0
        self.start: np.ndarray[Any, np.dtype[np.int32]] | None = None
        if len(column) >= 64:
            low, high = int(column[0]), int(column[-1])
            span = high - low + 1
            if span <= max(_SPARSE * len(column), _SMALL_RANGE):
                self.base = low
                counts = np.bincount(column - low, minlength=span)
                start = np.zeros(span + 2, np.int32)
                np.cumsum(counts, out=start[1:span + 1])
                start[span + 1] = start[span]
                self.start = start

    def ranges(self, keys: Ints) -> tuple[Ints, Ints]:
        """For each key: the first position and the number of rows."""
        if self.start is not None:
            last = len(self.start) - 2
            index = np.clip(keys - self.base, -1, last)
            index[index < 0] = last  # the range after the last: empty
            lo = self.start.take(index)
            return lo.astype(np.int64), (self.start.take(index + 1) - lo).astype(np.int64)
        if len(keys) > 64:
            # Sorted probes walk the column in order: several times faster than random ones.
            order = np.argsort(keys)
            probes = keys[order]
            lo = np.empty(len(keys), np.int64)
            hi = np.empty(len(keys), np.int64)
            lo[order] = np.searchsorted(self.column, probes, "left")
            hi[order] = np.searchsorted(self.column, probes, "right")
        else:
            lo = np.searchsorted(self.column, keys, "left")
            hi = np.searchsorted(self.column, keys, "right")
        return lo, hi - lo


class Table:
    """Rows of one attribute sorted by (e, v), history ones by (e, v, tx descending)."""

    __slots__ = ("_by_e", "_by_v", "_perm", "rows")

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self._by_e: _Offsets | None = None
        self._perm: Ints | None = None
        self._by_v: _Offsets | None = None

    def __len__(self) -> int:
        return len(self.rows.e)

    def of_entities(self, es: Ints) -> tuple[Ints, Ints]:
        """Positions of the rows of entities: (index into ``es``, position)."""
        by_e = self._by_e
        if by_e is None:
            by_e = self._by_e = _Offsets(self.rows.e)
        return expand(*by_e.ranges(es))

    def by_value(self) -> Ints:
        """The permutation into order by (v code, e); within them as the rows are."""
        perm = self._perm
        if perm is None:
            perm = self._perm = pair_order(self.rows.v, np.arange(len(self.rows)))
        return perm

    def of_values(self, codes: Ints) -> tuple[Ints, Ints]:
        """Positions of the rows with the values: (index into ``codes``, position)."""
        perm = self.by_value()
        by_v = self._by_v
        if by_v is None:
            by_v = self._by_v = _Offsets(self.rows.v[perm])
        at, index = expand(*by_v.ranges(codes))
        return at, perm[index]


EMPTY_TABLE = Table(NO_ROWS)
