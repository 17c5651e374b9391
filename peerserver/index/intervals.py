"""From events to intervals: when each fact held.

A fact ``(e, a, v)`` is asserted and later perhaps retracted, and so on. Facts that hold now are
*live* rows; closed ones are *history* rows with the tx of both ends. That form answers every time
view by comparing numbers: what held at t is ``start <= t < end``.
"""

from __future__ import annotations

import attrs
import numpy as np

from .rows import NO_INTS, Bools, Ints, Rows
from .table import pair_order

__all__ = ("Intervals", "NO_INTERVALS", "from_events", "view_current", "view_history")

#: The start of an interval whose assertion isn't known: an end alone (see Intervals.ends).
UNKNOWN = -1


@attrs.frozen(eq=False)
class Intervals:
    """One attribute's facts, each group sorted by (e, v).

    live: e, v, tx — hold. past: pe, pv, start, end — held. gone: ge, gv, gtx — retractions of
    facts asserted before these events began.
    """

    e: Ints
    v: Ints
    tx: Ints
    pe: Ints
    pv: Ints
    start: Ints
    end: Ints
    ge: Ints
    gv: Ints
    gtx: Ints


NO_INTERVALS = Intervals(*(NO_INTS,) * 10)


def from_events(e: Ints, v: Ints, tx: Ints, added: Bools) -> Intervals:
    """The intervals of one attribute's events, given in the order of the log."""
    n = len(e)
    if n == 0:
        return NO_INTERVALS
    if added.all():
        order = pair_order(e, v)
        return Intervals(e[order], v[order], tx[order], *(NO_INTS,) * 7)
    order = np.lexsort((np.arange(n), v, e))
    e, v, tx, added = e[order], v[order], tx[order], added[order]
    same = np.empty(n, np.bool_)  # row i and row i + 1 are of one fact
    same[-1] = False
    np.logical_and(e[1:] == e[:-1], v[1:] == v[:-1], out=same[:-1])
    first = np.empty(n, np.bool_)
    first[0] = True
    np.logical_not(same[:-1], out=first[1:])
    live = added & ~same
    closed = np.flatnonzero(added & same)
    gone = ~added & first
    return Intervals(
        e[live], v[live], tx[live],
        e[closed], v[closed], tx[closed], tx[closed + 1],
        e[gone], v[gone], tx[gone],
    )


def view_current(facts: Intervals, since_tx: int, until_tx: int | None) -> Rows:
    """What holds at ``until_tx`` (None: now) and was asserted after ``since_tx``; sorted by (e, v)."""
    if until_tx is None:
        if since_tx < 0:
            return Rows(facts.e, facts.v, facts.tx)
        keep = facts.tx > since_tx
        return Rows(facts.e[keep], facts.v[keep], facts.tx[keep])
    keep = (facts.tx > since_tx) & (facts.tx <= until_tx)
    held = (facts.start > since_tx) & (facts.start <= until_tx) & (facts.end > until_tx)
    if not held.any():
        return Rows(facts.e[keep], facts.v[keep], facts.tx[keep])
    e = np.concatenate([facts.e[keep], facts.pe[held]])
    v = np.concatenate([facts.v[keep], facts.pv[held]])
    tx = np.concatenate([facts.tx[keep], facts.start[held]])
    order = pair_order(e, v)
    return Rows(e[order], v[order], tx[order])


def view_history(facts: Intervals, since_tx: int, until_tx: int | None) -> Rows:
    """Every assertion and retraction between; sorted by (e, v, tx descending)."""
    started = facts.start >= 0
    e = np.concatenate([facts.e, facts.pe[started], facts.pe, facts.ge])
    v = np.concatenate([facts.v, facts.pv[started], facts.pv, facts.gv])
    tx = np.concatenate([facts.tx, facts.start[started], facts.end, facts.gtx])
    added = np.zeros(len(e), np.bool_)
    added[:len(facts.e) + int(started.sum())] = True
    if since_tx >= 0 or until_tx is not None:
        keep = tx > since_tx
        if until_tx is not None:
            keep &= tx <= until_tx
        e, v, tx, added = e[keep], v[keep], tx[keep], added[keep]
    order = np.lexsort((-tx, v, e))
    return Rows(e[order], v[order], tx[order], None, added[order])
