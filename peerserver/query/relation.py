"""Relations: named columns of codes, and what the executor does to them.

A column's data is an int64 array, or a list of ints where the relation is small (NumPy costs more than it saves on a
few rows). A relation may hold a row twice; ``keys`` are sets of variables that no two rows agree in, so that nobody
sorts to find repeats that can't be there. What is not decided here: where rows come from (``scan``, ``calls``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from peerserver.index.rows import NO_INTS, Bools, Ints
from peerserver.model.values import Symbol

from .kinds import DOUBLE, FLOAT, INT, Kind, Pool

__all__ = ("Column", "Keys", "Relation", "UNIT", "comparable", "convert", "distinct_codes", "distinct_index",
           "expand", "is_member", "join_index", "pack", "union")

Keys = tuple[frozenset[Symbol], ...]
_DENSE: Final = 1 << 24
_FLOATING: Final = (DOUBLE, FLOAT)
_FEW: Final = 64
_MAX_KEYS: Final = 4


class Column:
    """Codes of one kind."""

    __slots__ = ("data", "kind")

    def __init__(self, kind: Kind, data: Ints | list[int]) -> None:
        self.kind = kind
        self.data = data

    def array(self) -> Ints:
        """The codes as an array; a small column keeps it."""
        data = self.data
        if data.__class__ is list:
            data = self.data = np.array(data, np.int64)
        return data  # type: ignore[return-value]

    def codes(self) -> list[int]:
        """The codes as a list."""
        data: Any = self.data
        return data if data.__class__ is list else data.tolist()

    def take(self, index: Any) -> Column:
        """The codes at positions, or where a mask says."""
        return Column(self.kind, self.array()[index])

    def part(self, start: int, end: int) -> Column:
        """The codes from one position to before another."""
        return Column(self.kind, self.data[start:end])

    def values(self) -> list[Any]:
        """The Python values, in order."""
        if self.kind is INT:
            return self.codes()
        if self.data.__class__ is list:
            one = self.kind.decode_one
            return [one(code) for code in self.data]
        return self.kind.decode(self.array())


class Relation:
    """``n`` rows of named columns. Without columns it still counts: one row is true, none is false."""

    __slots__ = ("cols", "keys", "n")

    def __init__(self, n: int, cols: Mapping[Any, Column], keys: Keys = ()) -> None:
        self.n = n
        self.cols = cols
        self.keys = keys

    def take(self, index: Any, n: int | None = None, keys: Keys = ()) -> Relation:
        """The rows at positions or under a mask; ``keys`` those of the new relation."""
        if index.dtype == np.bool_:
            index = np.flatnonzero(index)
        return Relation(len(index) if n is None else n, {name: c.take(index) for name, c in self.cols.items()}, keys)

    def filter(self, mask: Bools) -> Relation:
        """The rows under a mask; keys stay keys."""
        index = np.flatnonzero(mask)
        if len(index) == self.n:
            return self
        return self.take(index, keys=self.keys)

    def project(self, names: Iterable[Symbol]) -> Relation:
        """Only the columns of ``names`` that are here; repeats are not removed."""
        cols = {name: self.cols[name] for name in names if name in self.cols}
        if len(cols) == len(self.cols):
            return self
        return Relation(self.n, cols, tuple(key for key in self.keys if key <= cols.keys()))

    def is_distinct(self) -> bool:
        """Whether the rows are known to be distinct."""
        return self.n <= 1 or any(key <= self.cols.keys() for key in self.keys)

    def distinct(self) -> Relation:
        """Each row once."""
        if self.is_distinct():
            return self
        names = frozenset(self.cols)
        if not self.cols:
            return Relation(min(self.n, 1), {}, (names,))
        if self.n <= _FEW:
            rows = dict.fromkeys(zip(*(column.codes() for column in self.cols.values())))
            if len(rows) == self.n:
                return Relation(self.n, self.cols, (names, *self.keys))
            lists = zip(self.cols.items(), zip(*rows))
            return Relation(len(rows), {name: Column(c.kind, list(codes)) for (name, c), codes in lists}, (names,))
        if len(self.cols) == 1:
            ((name, column),) = self.cols.items()
            codes = distinct_codes(column.array())
            return Relation(len(codes), {name: Column(column.kind, codes)}, (names,))
        index = distinct_index([column.array() for column in self.cols.values()])
        return Relation(len(index), {name: c.take(index) for name, c in self.cols.items()}, (names, *self.keys))

    def with_columns(self, more: Mapping[Any, Column], keys: Keys | None = None) -> Relation:
        """The same rows with more columns."""
        return Relation(self.n, {**self.cols, **more}, self.keys if keys is None else keys)

    def rename(self, names: Mapping[Symbol, Symbol]) -> Relation:
        """The columns of ``names`` under their new names; others are left out."""
        cols = {new: self.cols[old] for old, new in names.items()}
        keys = tuple(frozenset(names[x] for x in key) for key in self.keys if key <= names.keys())
        return Relation(self.n, cols, keys)


UNIT: Final = Relation(1, {}, (frozenset(),))


# -- arrays


def distinct_codes(codes: Ints) -> Ints:
    """The distinct codes, ascending."""
    n = len(codes)
    if n < 2:
        return codes
    lo, hi = int(codes.min()), int(codes.max())
    if hi - lo < max(4 * n, 4096):
        seen = np.zeros(hi - lo + 1, np.bool_)
        seen[codes - lo] = True
        found = np.flatnonzero(seen)
        found += lo
        return found
    ordered = np.sort(codes)
    keep = np.empty(n, np.bool_)
    keep[0] = True
    np.not_equal(ordered[1:], ordered[:-1], out=keep[1:])
    return ordered[keep]


def pack(columns: Sequence[Ints]) -> Ints:
    """One int64 for each row such that rows are equal exactly when the numbers are. All columns have one length,
    not 0. For keys that must mean the same in two relations, concatenate first."""
    packed, room = columns[0], 0
    if len(columns) == 1:
        return packed
    low = int(packed.min())
    packed = packed - low
    room = int(packed.max()) + 1
    for column in columns[1:]:
        low = int(column.min())
        width = int(column.max()) - low + 1
        if room * width >= 1 << 63:
            packed, room = _dense(packed)
            if room * width >= 1 << 63:
                column, width = _dense(column)
                low = 0
        packed = packed * width
        packed += column
        packed -= low
        room *= width
    return packed


def _dense(codes: Ints) -> tuple[Ints, int]:
    """Codes renumbered 0, 1, … in their order."""
    known = distinct_codes(codes)
    return np.searchsorted(known, codes), len(known)


def distinct_index(columns: Sequence[Ints]) -> Ints:
    """Positions of one row of each set of equal rows."""
    n = len(columns[0])
    if n < 2:
        return np.arange(n)
    packed = pack(columns)
    order = np.argsort(packed)
    ordered = packed[order]
    keep = np.empty(n, np.bool_)
    keep[0] = True
    np.not_equal(ordered[1:], ordered[:-1], out=keep[1:])
    return order[keep]


def expand(starts: Ints, counts: Ints, admit: Callable[[int], None] | None = None) -> tuple[Ints, Ints]:
    """For probe i the positions ``starts[i] … starts[i] + counts[i]``: (probe of each, position). ``admit`` hears how
    many before they are made, and may raise."""
    total = int(counts.sum())
    if admit is not None:
        admit(total)
    if total == len(counts) and bool((counts == 1).all()):
        return np.arange(total), starts
    at = np.repeat(np.arange(len(counts)), counts)
    offset = np.arange(total)
    offset -= np.repeat(np.cumsum(counts) - counts, counts)
    return at, np.repeat(starts, counts) + offset


def join_index(left: Ints, right: Ints, admit: Callable[[int], None] | None = None) -> tuple[Ints, Ints]:
    """All pairs (i, j) with ``left[i] == right[j]``. ``admit`` as of :func:`expand`."""
    if not len(left) or not len(right):
        return NO_INTS, NO_INTS
    lo, hi = int(right.min()), int(right.max())
    width = hi - lo + 1
    order = np.argsort(right)
    if width <= max(_DENSE >> 4, 8 * len(right)) and width <= _DENSE:
        counts = np.bincount(right - lo, minlength=width)
        starts = np.cumsum(counts) - counts
        probe = left - lo
        inside = (probe >= 0) & (probe < width)
        probe = np.where(inside, probe, 0)
        n = np.where(inside, counts[probe], 0)
        at, place = expand(starts[probe], n, admit)
    else:
        ordered = right[order]
        first = np.searchsorted(ordered, left, "left")
        at, place = expand(first, np.searchsorted(ordered, left, "right") - first, admit)
    return at, order[place]


def convert(column: Column, kind: Kind) -> tuple[Ints, Bools | None]:
    """The column's codes in another kind, and a mask of those that have one (None: all have)."""
    if column.kind is kind:
        return column.array(), None
    codes = column.array()
    if {column.kind, kind} == {DOUBLE, FLOAT}:
        return codes, np.zeros(len(codes), np.bool_)  # they never join (oracle: types/cross-compare)
    if not len(codes):
        return codes, None
    known = distinct_codes(codes)
    encode = kind.encode
    made = [encode(value) for value in column.kind.decode(known)]
    table = np.array([0 if code is None else code for code in made], np.int64)
    place = np.searchsorted(known, codes) if len(known) > 1 else np.zeros(len(codes), np.int64)
    if None not in made:
        return table[place], None
    ok = np.array([code is not None for code in made], np.bool_)
    return table[place], ok[place]


# Codes of these kinds are equal exactly when the values are `=`.
_EXACT: Final = frozenset(("int", "instant", "bool", "string", "keyword", "symbol", "uuid", "bytes", "bigint"))


def comparable(left: Column, right: Column, pool: Pool) -> tuple[Ints, Ints, Bools | None]:
    """The codes of two columns such that codes are equal where the values are `=`, and a mask of the right ones that
    can be equal to any (None: all can)."""
    kind = left.kind
    if kind in _FLOATING and right.kind in _FLOATING:
        return _zeros(left.array()), _zeros(right.array()), None
    if kind is right.kind and kind is not pool:
        return left.array(), right.array(), None
    if kind.name in _EXACT:
        codes, ok = convert(right, kind)
        return left.array(), codes, ok
    return pool.classes(convert(left, pool)[0]), pool.classes(convert(right, pool)[0]), None


def _zeros(codes: Ints) -> Ints:
    # 0.0 and -0.0 are `=`; the code of the latter is -1.
    return np.where(codes == -1, 0, codes)


def union(parts: Sequence[Relation], names: Sequence[Symbol], pool: Pool) -> Relation:
    """All rows of ``parts`` in the columns ``names``; a column whose parts differ in kind becomes one of values."""
    parts = [part for part in parts if part.n] or list(parts[:1])
    if len(parts) == 1:
        return parts[0].project(names)
    cols = {}
    for name in names:
        columns = [part.cols[name] for part in parts]
        kind: Kind = columns[0].kind
        if any(column.kind is not kind for column in columns):
            kind = pool
        cols[name] = Column(kind, np.concatenate([convert(column, kind)[0] for column in columns]))
    return Relation(sum(part.n for part in parts), cols)


def is_member(codes: Ints, among: Ints) -> Bools:
    """Which codes are in ``among``."""
    if not len(among) or not len(codes):
        return np.zeros(len(codes), np.bool_)
    lo, hi = int(among.min()), int(among.max())
    if hi - lo < max(1 << 22, 4 * len(among)):
        seen = np.zeros(hi - lo + 2, np.bool_)
        seen[among - lo] = True
        place = codes - lo
        outside = (place < 0) | (place > hi - lo)
        place[outside] = hi - lo + 1
        return seen[place]
    ordered = np.sort(among)
    place = np.minimum(np.searchsorted(ordered, codes), len(ordered) - 1)
    return np.asarray(ordered[place] == codes)
