"""Results of transactions as a peer makes them, out of the groups that the transactor sent. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from peerserver.database import Database
from peerserver.durable.groups import Group, LoggedTransaction
from peerserver.index.schema_view import TX_INSTANT
from peerserver.model.anomaly import unavailable
from peerserver.model.entity import NUMBER_MASK, t_of, tx_id
from peerserver.transact import TxResult

__all__ = ("result_at", "results_of")


def results_of(group: Group, db: Database) -> list[tuple[str | None, TxResult]]:
    """The results of a group's transactions that ``db`` lacks, each with its :tx-id; at least one."""
    found = []
    for one in group.transactions:
        if one.t > db.basis_t:
            after = one.apply(db)
            found.append((one.tx_id, _result(one, db, after)))
            db = after
    return found


def result_at(db: Database, groups: Sequence[Group], t: int, tempids: dict[Any, int]) -> TxResult:
    """The result of a transaction that ``db`` has already: out of the groups that are still held, else out of the
    index, where its datoms are in the order of the index. Reads storage: not for the reactor's thread."""
    for group in groups:
        if group.first_t <= t <= group.last_t:
            for one in group.transactions:
                if one.t == t:
                    return _result(one, _told(db, t), _told(db, t, one.next_t))
    rows = db.unfiltered().history().rows_of_txs(np.array([tx_id(t)], np.int64))[1]
    if rows.a is None or not len(rows):
        raise unavailable(f"The transaction of t {t} is not here yet; try again")
    later = [int(e) & NUMBER_MASK for e in rows.e.tolist()]
    next_t = max([t, *(number for number in later if number >= t)]) + 1
    return TxResult(_told(db, t), _told(db, t, next_t), t, rows.e.tolist(), rows.a.tolist(), rows.v.tolist(),
                    rows.added_or_true().tolist(), tempids)


def _result(one: LoggedTransaction, before: Database, after: Database) -> TxResult:
    return TxResult(before, after, one.t, one.es, one.attrs, one.vs, one.added, one.tempids)


def _told(db: Database, t: int, next_t: int | None = None) -> Database:
    # What a client is told of the value before or after t: its basis and its counter.
    if next_t is not None:
        return db.labelled(t, next_t)
    txs = db.unfiltered().rows(TX_INSTANT).e
    place = int(txs.searchsorted(tx_id(t)))
    return db.labelled(t_of(int(txs[place - 1])) if place else 0, t)
