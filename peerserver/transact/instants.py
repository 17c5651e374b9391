"""``:db/txInstant``: every transaction has one, and they never go back.

Rules (oracle, ``transact-time/*``): given explicitly, it is not before the last transaction's and not
after the clock; without, it is the clock's, or the last transaction's if the clock went back. On former
transactions it can't be set at all.
What is not decided here: what the clock says.
"""

from __future__ import annotations

from peerserver.database import Database
from peerserver.model import anomaly
from peerserver.model.entity import is_tx, tx_id

from .plan import TX_INSTANT
from .state import State

__all__ = ("automatic_instant", "check_instants", "last_instant")


def last_instant(db: Database) -> int:
    """The instant of the last transaction, in ms."""
    codes = db.codes(tx_id(db.basis_t), TX_INSTANT)
    return codes[0] if codes else 0


def automatic_instant(state: State) -> int:
    """The instant of a transaction that gives none."""
    return max(state.now, last_instant(state.db))


def check_instants(state: State) -> None:
    """Check the instants that the forms give. Raises an Anomaly for one that can't be."""
    for e, handler, code in zip(state.es, state.hs, state.vs):
        if handler.aid != TX_INSTANT:
            continue
        if e < 0:
            e = state.final[~e]
        if e == state.tx:
            if code < last_instant(state.db):
                raise anomaly.incorrect(f"Time conflict: {code} ms is older than database basis, whose instant is "
                                        f"{last_instant(state.db)} ms", "past-tx-instant")
            if code > state.now:
                raise anomaly.incorrect(f"Time conflict: {code} ms is in the future; the clock says {state.now} ms",
                                        "future-tx-instant")
        elif is_tx(e):
            raise anomaly.incorrect("You can set :db/txInstant only on the current transaction.", "reset-tx-instant")
