"""What a transactor gives to a peer's connection, wherever it runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from zope.interface import Attribute, Interface

from peerserver.database import Database
from peerserver.transact import TxResult

__all__ = ("ILog", "ITransactor")


class ITransactor(Interface):
    """The single writer of one database. Transactions are applied in the order of the calls."""

    db: Database = Attribute("The newest value whose transaction is durable.")
    functions: Mapping[str, Any] = Attribute("The operator's transaction functions and predicates, by qualified name.")

    def transact(tx_data: Sequence[Any]) -> Deferred[TxResult]:
        """The result, when it is durable.

        Fails with Anomaly: busy when the queue is full (nothing was done), unavailable when the log could not be
        written (the outcome is unknown), and whatever ``transact`` says of the data (nothing was done).
        """

    def subscribe(listener: Any) -> None:
        """Calls ``listener(db)`` on the reactor's thread after each group of transactions that became durable."""

    def close() -> Deferred[None]:
        """Takes no more; fires when what was taken is finished."""


class ILog(Interface):
    """Where a group of transactions becomes durable."""

    def append(results: Sequence[TxResult]) -> Deferred[None]:
        """Stores the group as one unit, in order. Failing means that the outcome is unknown."""
