"""From events to intervals: when each fact held.

A fact ``(e, a, v)`` is asserted and later perhaps retracted, and so on. Facts that hold now are
*live*; closed ones are *past*, with the tx of both ends. That form answers every time view by
comparing numbers: what held at t is ``start <= t < end``.
"""

from __future__ import annotations

from typing import Final

import attrs
import numpy as np

from .rows import NO_INTS, Bools, Ints
from .table import EMPTY_TABLE, Table, pair_order

__all__ = ("NO_INTERVALS", "UNKNOWN", "Intervals", "from_events")

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
