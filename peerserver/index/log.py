"""The log: transactions in order, with their datoms, out of the same columns that the indexes are.

What is not decided here: the durable log (``transactor``, ``storage``).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from peerserver.model.entity import FIRST_T, NUMBER_MASK, t_of
from peerserver.model.values import Instant

from .identifiers import t_of_point
from .rows import Datom
from .schema_view import TX_INSTANT

if TYPE_CHECKING:
    from peerserver.database import Database

__all__ = ("tx_range",)

# Finding transactions is one pass over the columns, for one of them or for this many.
_MAX_LOT: Final = 1024


def tx_range(db: Database, start: Any, end: Any) -> Iterator[tuple[int, list[Datom]]]:
    """See :meth:`peerserver.database.Database.tx_range`."""
    instants = db.rows(TX_INSTANT)
    ts = instants.e & NUMBER_MASK

    def position(point: Any) -> int:
        if isinstance(point, Instant):
            return int(np.searchsorted(instants.v, point.ms))
        return int(np.searchsorted(ts, t_of_point(point)))

    first = max(int(np.searchsorted(ts, FIRST_T)), 0 if start is None else position(start))
    last = len(ts) if end is None else position(end)
    return _transactions(db, instants.e[first:max(first, last)])


def _transactions(db: Database, txs: Any) -> Iterator[tuple[int, list[Datom]]]:
    history = db.history()
    first, size = 0, 1  # the first transaction soon, the later ones in growing lots
    while first < len(txs):
        lot = txs[first:first + size]
        at, rows = history.rows_of_txs(lot)
        order = np.argsort(at, kind="stable")
        bounds = np.searchsorted(at[order], np.arange(len(lot) + 1)).tolist()
        for i, tx in enumerate(lot.tolist()):
            yield t_of(tx), db.to_datoms(rows.take(order[bounds[i]:bounds[i + 1]]))
        first += len(lot)
        size = min(size * 4, _MAX_LOT)
