"""One attribute as a database value sees it: frozen facts, the tail's on top, within a time window.

Nothing is merged for a join: the few facts of the tail are looked up beside the many frozen ones, and
facts that the tail retracts are left out by position. Only :meth:`View.rows` merges, once.
What is not decided here: what a row is used for; values in Datomic's order (``index.words``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import numpy as np

from .attribute_store import merged_past
from .intervals import NO_INTERVALS, UNKNOWN, Intervals
from .rows import NO_INTS, NO_ROWS, Ints, Rows
from .table import EMPTY_TABLE, Table, merge_order

__all__ = ("Facts", "View", "Window", "facts_of")

# What a kept row takes.
_ROW_BYTES: Final = 24

#: How to read a table: to (index of the probe, position).
Access = Callable[[Table], tuple[Ints, Ints]]


class Window(NamedTuple):
    """The time filters as transaction ids: ``since`` < tx <= ``until`` (None: no bound)."""

    since: int | None
    until: int | None
    history: bool

    @property
    def is_open(self) -> bool:
        return self.since is None and self.until is None and not self.history


NOW = Window(None, None, False)


class Facts(NamedTuple):
    """All facts of one attribute in a database value: ``base`` without the positions in ``dead`` (ascending),
    ``extra`` (both live), and past ones in two tables (the second holds what died in the tail)."""

    base: Table
    dead: Ints
    extra: Table
    past: Table
    extra_past: Table


def facts_of(live: Table, past: Table, tail: Intervals) -> Facts:
    """Frozen tables and the tail's facts, brought together."""
    if tail is NO_INTERVALS:
        return Facts(live, NO_INTS, EMPTY_TABLE, past, EMPTY_TABLE)
    dead, extra_past = NO_INTS, tail.past
    if len(tail.gone_e):
        found = live.positions(tail.gone_e, tail.gone_v)
        hit = np.flatnonzero(found >= 0)
        order = hit[np.argsort(found[hit])]
        dead = found[order]
        died = Table(live.e[dead], live.v[dead], live.tx[dead], tail.gone_tx[order])
        miss = np.flatnonzero(found < 0)
        unknown = Table(tail.gone_e[miss], tail.gone_v[miss], np.full(len(miss), UNKNOWN, np.int64), tail.gone_tx[miss])
        extra_past = merged_past((extra_past, died, unknown))
    return Facts(live, dead, tail.live, past, extra_past)


class View:
    """The reads of one attribute. Cheap to make; keeps the merged rows, and those in order of value once it is worth it
    (``index.values`` says when)."""

    __slots__ = ("_rows", "by_value", "facts", "grew", "wide_ranges", "window")

    def __init__(self, facts: Facts, window: Window) -> None:
        self.facts = facts
        self.window = window
        self._rows: Rows | None = None
        self.by_value: Rows | None = None
        self.wide_ranges = 0
        #: hears how many bytes more are kept
        self.grew: Callable[[int], None] | None = None

    def is_plain(self) -> bool:
        """Whether the rows are exactly those of the base table."""
        return self.window.is_open and not len(self.facts.dead) and not len(self.facts.extra)

    def rows(self) -> Rows:
        """All rows by (e, v code), history ones by (e, v code, tx descending)."""
        rows = self._rows
        if rows is None:
            rows = self._rows = self._merged()
        return rows

    def keep_by_value(self, rows: Rows) -> None:
        """Keeps all rows in order of value."""
        self.by_value = rows
        if self.grew is not None:
            self.grew(_ROW_BYTES * len(rows))

    def kept(self) -> int:
        """How many rows were merged and are kept."""
        merged = 0 if self._rows is None or self.is_plain() else len(self._rows)
        return merged + (0 if self.by_value is None else len(self.by_value))

    def select(self, access: Access) -> tuple[Ints, Rows]:
        """The rows that ``access`` finds in each table, with the index of the probe that found them; in no
        particular order."""
        parts = self.parts(access)
        if not parts:
            return NO_INTS, NO_ROWS
        if len(parts) == 1:
            return parts[0]
        rows = [part for _, part in parts]
        added = None
        if self.window.history:
            added = np.concatenate([part.added_or_true() for part in rows])
        return np.concatenate([at for at, _ in parts]), Rows(
            np.concatenate([part.e for part in rows]), np.concatenate([part.v for part in rows]),
            np.concatenate([part.tx for part in rows]), None, added)

    def parts(self, access: Access) -> list[tuple[Ints, Rows]]:
        """As :meth:`select`, one part for each table that has rows, each in the order of its access."""
        base, dead, extra, past, extra_past = self.facts
        window = self.window
        found: list[tuple[Ints, Rows]] = []
        for table in (base, extra):
            if len(table):
                at, index = access(table)
                if len(index):
                    if table is base and len(dead):
                        at, index = _without(at, index, dead)
                    self._assertions(found, table, at, index)
        if window.until is not None or window.history:
            for table in (past, extra_past):
                if len(table):
                    at, index = access(table)
                    if len(index):
                        self._past(found, table, at, index)
        return found

    def counts(self, count: Callable[[Table], Ints]) -> Ints | None:
        """How many rows there are for each of some keys, where ``count`` says so of a table; None under a time
        filter."""
        if not self.window.is_open:
            return None
        base, dead, extra, _, _ = self.facts
        found = count(base)
        if len(extra):
            found = found + count(extra)
        if len(dead):
            # In the order of the base, and so in that of entities.
            found = found - count(Table(base.e[dead], base.v[dead], base.tx[dead]))
        return found

    def of_txs(self, access: Callable[[Ints], tuple[Ints, Ints]], frozen: bool) -> list[tuple[Ints, Rows]]:
        """The rows of some transactions: ``access`` finds them in a column of tx. Without ``frozen`` those
        transactions are known to be in the tail only."""
        base, dead, extra, past, extra_past = self.facts
        history = self.window.history
        found: list[tuple[Ints, Rows]] = []
        for table, old in ((base, True), (extra, False), (past, True), (extra_past, False)):
            if not len(table) or (old and not frozen):
                continue
            if table.end is None:
                at, index = access(table.tx)
                if table is base and len(dead):
                    at, index = _without(at, index, dead)
                self._assertions(found, table, at, index)
            elif history:
                at, index = access(table.tx)
                self._events(found, table, table.tx, at, index, True)
                at, index = access(table.end)
                self._events(found, table, table.end, at, index, False)
            elif self.window.until is not None:
                at, index = access(table.tx)
                self._past(found, table, at, index)
        return found

    def _events(self, found: list[tuple[Ints, Rows]], table: Table, txs: Ints, at: Ints, index: Ints,
                added: bool) -> None:
        tx = txs.take(index)
        keep = _within(tx, self.window.since, self.window.until)
        some = index[keep]
        if len(some):
            found.append((at[keep], Rows(table.e.take(some), table.v.take(some), tx[keep], None,
                                         np.full(len(some), added))))

    def _assertions(self, found: list[tuple[Ints, Rows]], table: Table, at: Ints, index: Ints) -> None:
        tx = table.tx.take(index)
        since, until, history = self.window
        if since is not None or until is not None:
            keep = _within(tx, since, until)
            at, index, tx = at[keep], index[keep], tx[keep]
        if len(index):
            added = np.ones(len(index), np.bool_) if history else None
            found.append((at, Rows(table.e.take(index), table.v.take(index), tx, None, added)))

    def _past(self, found: list[tuple[Ints, Rows]], table: Table, at: Ints, index: Ints) -> None:
        since, until, history = self.window
        assert table.end is not None
        start, end = table.tx.take(index), table.end.take(index)
        # An unknown start lies before every transaction, and is the assertion of none.
        begun = _within(start, -1 if since is None else since, until)
        if history:
            self._events(found, table, table.end, at, index, False)
            self._events(found, table, table.tx, at[begun], index[begun], True)
        else:
            assert until is not None
            keep = begun & (end > until)
            some = index[keep]
            if len(some):
                found.append((at[keep], Rows(table.e.take(some), table.v.take(some), start[keep])))

    def _merged(self) -> Rows:
        base = self.facts.base
        if self.is_plain():
            return Rows(base.e, base.v, base.tx)
        parts = [rows for _, rows in self.parts(_all)]
        if not parts:
            return Rows(NO_INTS, NO_INTS, NO_INTS, None, np.empty(0, np.bool_) if self.window.history else None)
        if len(parts) == 1 and not self.window.history:
            return parts[0]
        return sorted_rows(parts, self.window.history)

    def count(self) -> int:
        """How many rows there are; an upper bound when the window is not open."""
        base, dead, extra, past, extra_past = self.facts
        live = len(base) - len(dead) + len(extra)
        if self.window.is_open:
            return live
        return live + (len(past) + len(extra_past)) * (2 if self.window.history else 1)


def sorted_rows(parts: Sequence[Rows], history: bool) -> Rows:
    """Parts, each sorted by (e, v code), as one; history by (e, v code, tx descending)."""
    if len(parts) == 2 and not history and len(parts[1]) * 16 < len(parts[0]):
        return _inserted(*parts)
    e = np.concatenate([part.e for part in parts])
    v = np.concatenate([part.v for part in parts])
    tx = np.concatenate([part.tx for part in parts])
    order = merge_order(e, v)
    e, v, tx = e[order], v[order], tx[order]
    if not history:
        return Rows(e, v, tx)
    added = np.concatenate([part.added_or_true() for part in parts])[order]
    # Facts with several rows are few: only they are put in order of tx.
    twin = (e[1:] == e[:-1]) & (v[1:] == v[:-1])
    several = np.zeros(len(e), np.bool_)
    several[1:] |= twin
    several[:-1] |= twin
    index = np.flatnonzero(several)
    if len(index):
        group = np.cumsum(np.concatenate([[True], ~twin]))[index]
        by_tx = index[np.lexsort((-tx[index], group))]
        tx[index], added[index] = tx[by_tx], added[by_tx]
    return Rows(e, v, tx, None, added)


def _inserted(many: Rows, few: Rows) -> Rows:
    # A few rows into many: cheaper by far than to order them all.
    places = many.e.searchsorted(few.e)
    ends = many.e.searchsorted(few.e, "right")
    for i in np.flatnonzero(places < ends).tolist():
        lo, hi = int(places[i]), int(ends[i])
        places[i] = lo + int(many.v[lo:hi].searchsorted(few.v[i]))
    return Rows(np.insert(many.e, places, few.e), np.insert(many.v, places, few.v), np.insert(many.tx, places, few.tx))


def _all(table: Table) -> tuple[Ints, Ints]:
    index = np.arange(len(table))
    return index, index


def _within(tx: Ints, since: int | None, until: int | None) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    if since is None:
        return np.ones(len(tx), np.bool_) if until is None else tx <= until
    return tx > since if until is None else (tx > since) & (tx <= until)


def _without(at: Ints, index: Ints, dead: Ints) -> tuple[Ints, Ints]:
    place = np.minimum(dead.searchsorted(index), len(dead) - 1)
    keep = dead[place] != index
    return at[keep], index[keep]
