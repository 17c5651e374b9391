"""A table: one attribute's facts sorted by (e, v), with the access paths that reads need.

Immutable; the paths (offsets for direct addressing, order by value) are made when first asked for
and kept. Two threads that make one at the same time do no harm.
What is not decided here: which facts belong to a database value (``index.view``).
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from .rows import NO_INTS, Ints

__all__ = ("EMPTY_TABLE", "Table", "expand", "merge_order", "pair_order", "place_of_code")

# Direct addressing pays when the id range is at most this many times the rows or the probes, or small anyway.
_SPARSE: Final = 8
_SMALL_RANGE: Final = 1 << 12
_MIN_ROWS: Final = 64
# Single probes, as a power of two less than the rows, after which addressing is built.
_BUILD_AFTER: Final = 9
# Below this many probes, sorting them first costs more than it saves.
_SORT_PROBES: Final = 256

_Offsets32 = np.ndarray[Any, np.dtype[np.int32]]


def _packed(first: Ints, second: Ints) -> Ints | None:
    # Both columns in one int64 that sorts as the pair, or None when they don't fit.
    low1, low2 = int(first.min()), int(second.min())
    span1, span2 = int(first.max()) - low1 + 1, int(second.max()) - low2 + 1
    if span1 * span2 >= 1 << 62:
        return None
    return (first - low1) * span2 + (second - low2)


def pair_order(first: Ints, second: Ints) -> Ints:
    """The order by (first, second); ties in no particular order. One packed key sorts several times
    faster than two."""
    if len(first) < 2:
        return np.arange(len(first))
    key = _packed(first, second)
    return np.lexsort((second, first)) if key is None else np.argsort(key)


def merge_order(first: Ints, second: Ints) -> Ints:
    """As :func:`pair_order`, stable, for columns made of a few sorted pieces laid end to end: a merging
    sort finds the pieces and takes linear time."""
    if len(first) < 2:
        return np.arange(len(first))
    key = _packed(first, second)
    return np.lexsort((second, first)) if key is None else np.argsort(key, kind="stable")


def expand(lo: Ints, count: Ints) -> tuple[Ints, Ints]:
    """Of ranges ``lo[i] … lo[i]+count[i]``: the range number and the position of every member."""
    n = len(lo)
    if n == 1:
        total = int(count[0])
        return np.zeros(total, np.int64), np.arange(int(lo[0]), int(lo[0]) + total)
    top = int(count.max()) if n else 0
    if top == 0:
        return NO_INTS, NO_INTS
    if top == 1:
        at = np.flatnonzero(count)
        return at, (lo if len(at) == n else lo[at]).astype(np.int64, copy=False)
    at = np.repeat(np.arange(n), count)
    total = len(at)
    starts = np.cumsum(count) - count
    return at, np.arange(total) + (lo - starts)[at]


class _Keys:
    """Where the rows of a key begin in a sorted column: by direct addressing, or by binary search."""

    __slots__ = ("_distinct", "base", "column", "span", "start")

    def __init__(self, column: Ints) -> None:
        self.column = column
        self.base = 0
        self.span = 0
        self.start: _Offsets32 | None = None
        self._distinct = -1
        if len(column) >= _MIN_ROWS:
            self.base = int(column[0])
            self.span = int(column[-1]) - self.base + 1
            if self.span <= max(_SPARSE * len(column), _SMALL_RANGE):
                self._address()

    def _address(self) -> None:
        # start[k] … start[k + 1] are the rows of key base + k; one more slot is an empty range.
        span = self.span
        start = np.empty(span + 2, np.int32)
        start[0] = 0
        np.cumsum(np.bincount(self.column - self.base, minlength=span), out=start[1:span + 1])
        start[span + 1] = start[span]
        self.start = start

    def ranges(self, keys: Ints) -> tuple[Ints, Ints]:
        """For each key: the first position and the number of rows."""
        if self.start is None and 0 < self.span <= _SPARSE * len(keys):
            self._address()
        start = self.start
        if start is not None:
            index = keys - self.base
            # Seen as unsigned, what lies below the range lies far above it: one comparison for both ends.
            index = np.minimum(index.view(np.uint64), np.uint64(self.span)).view(np.int64)
            lo: Any = start.take(index)
            return lo, start[1:].take(index) - lo
        column = self.column
        if len(keys) > _SORT_PROBES:
            # Sorted probes walk the column in order: several times faster than random ones.
            order = np.argsort(keys)
            probes = keys[order]
            first = np.empty(len(keys), np.int64)
            end = np.empty(len(keys), np.int64)
            first[order] = column.searchsorted(probes, "left")
            end[order] = column.searchsorted(probes, "right")
            return first, end - first
        first = column.searchsorted(keys, "left")
        return first, column.searchsorted(keys, "right") - first

    def range(self, key: int) -> tuple[int, int]:
        """The first position of one key, and the position after its last."""
        start = self.start
        if start is not None:
            index = key - self.base
            if 0 <= index < self.span:
                return start.item(index), start.item(index + 1)
            return 0, 0
        column = self.column
        lo = int(column.searchsorted(key))
        n = len(column)
        hi = lo
        if lo < n and column.item(lo) == key:
            hi = lo + 1
            if hi < n and column.item(hi) == key:
                hi = int(column.searchsorted(key, "right"))
        return lo, hi

    def distinct(self) -> int:
        """How many different keys there are."""
        if self._distinct < 0:
            column = self.column
            self._distinct = int(np.count_nonzero(column[1:] != column[:-1])) + (len(column) > 0)
        return self._distinct


class Table:
    """Facts sorted by (e, v); ``tx`` asserted them, ``end`` (if not None) retracted them."""

    __slots__ = ("_by_e", "_by_v", "_perm", "_probes", "_span", "e", "e_starts", "end", "max_e", "min_e", "tx", "v", "words",
                 "words_before")

    def __init__(self, e: Ints, v: Ints, tx: Ints, end: Ints | None = None) -> None:
        self.e = e
        self.v = v
        self.tx = tx
        self.end = end
        self.min_e = int(e[0]) if len(e) else 0
        self.max_e = int(e[-1]) if len(e) else -1
        #: where the rows of entity ``min_e + k`` begin, and after one more its end; None if not built
        self.e_starts: memoryview | None = None
        self._probes = 0
        self._by_e: _Keys | None = None
        self._by_v: _Keys | None = None
        self._perm: Ints | None = None
        self._span: tuple[int, int] | None = None
        #: the permutation into Datomic's order of dictionary values; ``index.words`` makes it
        self.words: Ints | None = None
        #: that permutation for some of the rows, from the table that they come from
        self.words_before: Ints | None = None

    def __len__(self) -> int:
        return len(self.e)

    # -- by entity

    def _entities(self) -> _Keys:
        keys = self._by_e
        if keys is None:
            keys = self._by_e = _Keys(self.e)
            if keys.start is not None:
                self.e_starts = keys.start.data
        return keys

    def of_entities(self, es: Ints) -> tuple[Ints, Ints]:
        """Rows of entities: (index into ``es``, position)."""
        if self._by_e is None and len(es) <= 16:
            lo = self.e.searchsorted(es, "left")
            return expand(lo, self.e.searchsorted(es, "right") - lo)
        return expand(*self._entities().ranges(es))

    def of_entity(self, e: int) -> tuple[int, int]:
        """The range of positions of one entity's rows. Builds nothing, until it has been asked for so often
        that building has paid."""
        if not self.min_e <= e <= self.max_e:
            return 0, 0
        keys = self._by_e
        if keys is not None:
            return keys.range(e)
        self._probes += 1
        if self._probes > len(self.e) >> _BUILD_AFTER:
            return self._entities().range(e)
        column = self.e
        lo = int(column.searchsorted(e))
        if column.item(lo) != e:
            return lo, lo
        hi = lo + 1
        if hi < len(column) and column.item(hi) == e:
            hi = int(column.searchsorted(e, "right"))
        return lo, hi

    def position(self, e: int, code: int) -> int:
        """The position of the fact (e, code), or -1."""
        lo, hi = self.of_entity(e)
        if hi - lo > 1:
            lo += int(self.v[lo:hi].searchsorted(code))
        return lo if lo < hi and self.v.item(lo) == code else -1

    def positions(self, es: Ints, codes: Ints) -> Ints:
        """The positions of the facts ``(es[i], codes[i])``, -1 for those that aren't here."""
        lo, count = self._entities().ranges(es)
        lo = lo.astype(np.int64)
        end = lo + count
        low, high = lo.copy(), end.copy()
        # A binary search of v inside each entity's range, all at once.
        for _ in range(int(count.max()).bit_length() if len(count) else 0):
            middle = (low + high) >> 1
            active = low < high
            less = active & (self.v.take(np.minimum(middle, len(self.v) - 1)) < codes)
            low = np.where(less, middle + 1, low)
            high = np.where(active & ~less, middle, high)
        found = low < end
        if len(self.v):
            found &= self.v.take(np.minimum(low, len(self.v) - 1)) == codes
        return np.where(found, low, -1)

    def counts_of_entities(self, es: Ints) -> Ints:
        """How many rows each entity has."""
        return self._entities().ranges(es)[1].astype(np.int64, copy=False)

    def distinct_entities(self) -> int:
        """How many entities there are."""
        return self._entities().distinct()

    # -- by value

    def _value_span(self) -> tuple[int, int]:
        span = self._span
        if span is None:
            span = self._span = (int(self.v.min()), int(self.v.max())) if len(self.v) else (0, -1)
        return span

    @property
    def min_v(self) -> int:
        """The least value code."""
        return self._value_span()[0]

    @property
    def max_v(self) -> int:
        """The greatest value code; less than the least if there are no rows."""
        return self._value_span()[1]

    def by_value(self) -> Ints:
        """The permutation into order by (v code, position)."""
        perm = self._perm
        if perm is None:
            perm = self._perm = pair_order(self.v, np.arange(len(self.v)))
        return perm

    def adopt_by_value(self, perm: Ints) -> None:
        """Take over an order by value that was made along with the table."""
        self._perm = perm

    def has_by_value(self) -> bool:
        """Whether the order by value is there already."""
        return self._perm is not None

    def _values(self) -> _Keys:
        keys = self._by_v
        if keys is None:
            keys = self._by_v = _Keys(self.v[self.by_value()])
        return keys

    def of_values(self, codes: Ints) -> tuple[Ints, Ints]:
        """Rows with values: (index into ``codes``, position)."""
        at, index = expand(*self._values().ranges(codes))
        return at, self.by_value().take(index)

    def counts_of_values(self, codes: Ints) -> Ints:
        """How many rows have each value."""
        return self._values().ranges(codes)[1].astype(np.int64, copy=False)

    def value_range(self, code: int) -> tuple[int, int]:
        """The range of one value's rows in :meth:`by_value`."""
        keys = self._by_v
        return (self._values() if keys is None else keys).range(code)

    def of_value(self, code: int) -> Ints:
        """Positions of the rows with one value, ascending."""
        lo, hi = self.value_range(code)
        return self.by_value()[lo:hi]

    def code_range(self, least: int, beyond: int) -> Ints:
        """Positions of the rows with ``least <= v < beyond``, by (v, e)."""
        column = self._values().column
        lo = place_of_code(column, least)
        return self.by_value()[lo:max(lo, place_of_code(column, beyond))]

    def distinct_values(self) -> int:
        """How many values there are."""
        return self._values().distinct()


def place_of_code(column: Ints, code: int) -> int:
    """Where the codes from ``code`` on begin in a sorted column; it may lie just outside 64 bits."""
    if code > 2**63 - 1:
        return len(column)
    return int(column.searchsorted(code)) if code >= -(2**63) else 0


EMPTY_TABLE: Final = Table(NO_INTS, NO_INTS, NO_INTS)
