"""A growing set of tuples of codes, for fixed points: which of these rows are new?

Rows are packed into one int64 each; a bitmap says what is there while the range is small, else a sorted array. What
doesn't fit 62 bits goes into a Python set. What is not decided here: what the codes mean (``relation``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from peerserver.index.rows import Bools, Ints
from peerserver.model.values import Symbol

from .kinds import Kind, Pool
from .relation import Column, Relation, convert

__all__ = ("TupleSet",)

_BITMAP: Final = 1 << 25
_ROOM: Final = 1 << 62


class TupleSet:
    """Rows over ``names``. Kinds are those of the first rows; a column that meets another kind becomes one of any
    values."""

    __slots__ = ("_bitmap", "_columns", "_exact", "_kinds", "_lows", "_sorted", "_widths", "names", "n", "pool")

    def __init__(self, names: Sequence[Symbol], pool: Pool) -> None:
        self.names = tuple(names)
        self.pool = pool
        self.n = 0
        self._kinds: list[Kind] = []
        self._columns: list[list[Ints]] = [[] for _ in self.names]
        self._lows: list[int] = []
        self._widths: list[int] = []
        self._bitmap: Bools | None = None
        self._sorted: Ints | None = None
        self._exact: set[tuple[int, ...]] | None = None

    def relation(self) -> Relation:
        """All rows."""
        cols = {}
        for i, (name, parts) in enumerate(zip(self.names, self._columns)):
            if len(parts) > 1:
                parts[:] = [np.concatenate(parts)]
            data = parts[0] if parts else np.empty(0, np.int64)
            cols[name] = Column(self._kinds[i] if self._kinds else self.pool, data)
        return Relation(self.n, cols, (frozenset(self.names),))

    def add(self, rel: Relation) -> Relation:
        """Adds rows (repeats allowed); gives those that are new, each once."""
        columns = [rel.cols[name] for name in self.names]
        if not rel.n:
            return Relation(0, {name: Column(c.kind, np.empty(0, np.int64)) for name, c in zip(self.names, columns)})
        if not self.names:
            fresh = 0 if self.n else 1
            self.n = 1
            return Relation(fresh, {}, (frozenset(),))
        if not self._kinds:
            self._kinds = [column.kind for column in columns]
        elif any(column.kind is not kind for column, kind in zip(columns, self._kinds)):
            self._generalise(columns)
        codes = [convert(column, kind)[0] for column, kind in zip(columns, self._kinds)]
        index = self._new_index(codes)
        found = [data if len(index) == len(data) else data[index] for data in codes] if index is not None else codes
        self.n += len(found[0])
        for parts, data in zip(self._columns, found):
            parts.append(data)
        return Relation(len(found[0]), {name: Column(kind, data) for name, kind, data in
                                        zip(self.names, self._kinds, found)}, (frozenset(self.names),))

    def _generalise(self, columns: Sequence[Column]) -> None:
        old = self.relation()
        self._kinds = [kind if column.kind is kind else self.pool for column, kind in zip(columns, self._kinds)]
        codes = [convert(old.cols[name], kind)[0] for name, kind in zip(self.names, self._kinds)]
        self._columns = [[data] for data in codes]
        self._lows = []
        self._exact = None
        if old.n:
            self._refit(codes)

    # -- packing

    def _refit(self, new: Sequence[Ints]) -> None:
        """Ranges wide enough for the rows here and the new ones, and the sets made anew."""
        held = [parts[0] if len(parts) == 1 else np.concatenate(parts) if parts else data[:0]
                for parts, data in zip(self._columns, new)]
        self._lows, self._widths = [], []
        room = 1
        for data, more in zip(held, new):
            low = min(int(x.min()) for x in (data, more) if len(x))
            high = max(int(x.max()) for x in (data, more) if len(x))
            width = max((high - low + 1) * 2, 16) if self.n else high - low + 1
            low -= (width - (high - low + 1)) // 2
            self._lows.append(low)
            self._widths.append(width)
            room *= width
        self._bitmap = self._sorted = None
        if room >= _ROOM or min(self._lows) <= -(1 << 62):
            self._exact = set(zip(*(data.tolist() for data in held)))
            return
        packed = self._pack(held)
        if room <= _BITMAP:
            self._bitmap = np.zeros(room, np.bool_)
            self._bitmap[packed] = True
        else:
            self._sorted = np.sort(packed)

    def _fits(self, codes: Sequence[Ints]) -> bool:
        return bool(self._lows) and all(
            int(data.min()) >= low and int(data.max()) < low + width
            for data, low, width in zip(codes, self._lows, self._widths))

    def _pack(self, codes: Sequence[Ints]) -> Ints:
        packed = codes[0] - self._lows[0]
        for data, low, width in zip(codes[1:], self._lows[1:], self._widths[1:]):
            packed *= width
            packed += data
            packed -= low
        return packed

    def _new_index(self, codes: Sequence[Ints]) -> Ints:
        """Positions of rows that are not here yet, one for each; they are taken in."""
        if self._exact is None and not self._fits(codes):
            self._refit(codes)
        if self._exact is not None:
            return self._new_exact(codes)
        packed = self._pack(codes)
        if self._bitmap is not None:
            fresh = np.flatnonzero(~self._bitmap[packed])
            if len(fresh) > 1:
                fresh = _once(packed, fresh)
            self._bitmap[packed[fresh]] = True
            return fresh
        known = self._sorted
        assert known is not None
        order = np.argsort(packed)
        ordered = packed[order]
        keep = np.ones(len(ordered), np.bool_)
        np.not_equal(ordered[1:], ordered[:-1], out=keep[1:])
        if len(known):
            place = np.minimum(np.searchsorted(known, ordered), len(known) - 1)
            keep &= known[place] != ordered
        added = ordered[keep]
        if len(added):
            merged = np.concatenate([known, added])
            merged.sort(kind="stable" if len(known) > 50 * len(added) else "quicksort")
            self._sorted = merged
        return order[keep]

    def _new_exact(self, codes: Sequence[Ints]) -> Ints:
        assert self._exact is not None
        index = []
        for i, row in enumerate(zip(*(data.tolist() for data in codes))):
            if row not in self._exact:
                self._exact.add(row)
                index.append(i)
        return np.array(index, np.int64)


def _once(packed: Ints, index: Ints) -> Ints:
    """One of the positions ``index`` for each distinct number there."""
    some = packed[index]
    order = np.argsort(some)
    ordered = some[order]
    keep = np.ones(len(ordered), np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=keep[1:])
    return index[order[keep]]
