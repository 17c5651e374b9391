"""From events to intervals: when each fact held.

A fact ``(e, a, v)`` is asserted and later perhaps retracted, and so on. Facts that hold now are
*live*; closed ones are *past*, with the tx of both ends. That form answers every time view by
comparing numbers: what held at t is ``start <= t < end``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import attrs
import numpy as np

from .rows import NO_INTS, Bools, Ints
from .table import EMPTY_TABLE, Table, expand, pair_order

__all__ = ("NO_INTERVALS", "UNKNOWN", "Intervals", "from_events", "laid_together")

#: The start of a past fact of which only the retraction is known.
UNKNOWN: Final = -1


@attrs.frozen(eq=False)
class Intervals:
    """One attribute's facts out of some events: those that hold, those that held, and the retractions
    (e, v, tx) of facts asserted before the events began."""

    live: Table
    past: Table
    gone_e: Ints = NO_INTS
    gone_v: Ints = NO_INTS
    gone_tx: Ints = NO_INTS

    def __bool__(self) -> bool:
        return bool(len(self.live) or len(self.past) or len(self.gone_e))

    def of_entities(self, es: Ints) -> Intervals:
        """Those of some entities."""
        keys = np.unique(es)
        return self._some(_within(self.live.e, keys), _within(self.past.e, keys), _within(self.gone_e, keys))

    def of_value(self, code: int) -> Intervals:
        """Those of one value."""
        return self._some(*(np.flatnonzero(column == code) for column in (self.live.v, self.past.v, self.gone_v)))

    def _some(self, live: Ints, past: Ints, gone: Ints) -> Intervals:
        return Intervals(_taken(self.live, live), _taken(self.past, past), self.gone_e[gone], self.gone_v[gone],
                         self.gone_tx[gone])


NO_INTERVALS = Intervals(EMPTY_TABLE, EMPTY_TABLE)


def from_events(e: Ints, v: Ints, tx: Ints, added: Bools) -> Intervals:
    """The intervals of one attribute's events, given in the order of the log."""
    n = len(e)
    if n == 0:
        return NO_INTERVALS
    if added.all():
        order = pair_order(e, v)
        return Intervals(Table(e[order], v[order], tx[order]), EMPTY_TABLE)
    order = np.lexsort((np.arange(n), v, e))
    e, v, tx, added = e[order], v[order], tx[order], added[order]
    same = np.zeros(n, np.bool_)  # row i and row i + 1 are of one fact
    np.logical_and(e[1:] == e[:-1], v[1:] == v[:-1], out=same[:-1])
    first = np.ones(n, np.bool_)
    np.logical_not(same[:-1], out=first[1:])
    live = added & ~same
    closed = np.flatnonzero(added & same)
    gone = ~added & first
    return Intervals(
        Table(e[live], v[live], tx[live]), Table(e[closed], v[closed], tx[closed], tx[closed + 1]),
        e[gone], v[gone], tx[gone],
    )


def laid_together(several: Sequence[Intervals]) -> Intervals:
    """Intervals of events that followed one another, as those of all the events."""
    e: list[Ints] = []
    v: list[Ints] = []
    tx: list[Ints] = []
    added: list[Bools] = []

    def put(es: Ints, vs: Ints, txs: Ints, op: bool) -> None:
        e.append(es)
        v.append(vs)
        tx.append(txs)
        added.append(np.full(len(es), op))

    for facts in several:
        put(facts.live.e, facts.live.v, facts.live.tx, True)
        put(facts.gone_e, facts.gone_v, facts.gone_tx, False)
        past = facts.past
        if past.end is not None:
            put(past.e, past.v, past.tx, True)
            put(past.e, past.v, past.end, False)
    es, vs, txs, ops = np.concatenate(e), np.concatenate(v), np.concatenate(tx), np.concatenate(added)
    order = np.argsort(txs, kind="stable")
    return from_events(es[order], vs[order], txs[order], ops[order])


def _within(column: Ints, keys: Ints) -> Ints:
    lo = column.searchsorted(keys)
    return expand(lo, column.searchsorted(keys, "right") - lo)[1]


def _taken(table: Table, index: Ints) -> Table:
    return Table(table.e[index], table.v[index], table.tx[index], None if table.end is None else table.end[index])
