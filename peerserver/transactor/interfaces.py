"""What a transactor gives to a peer's connection in the same process, and to those who carry its groups away."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from zope.interface import Attribute, Interface

from peerserver.database import Database

__all__ = ("Answer", "ILog", "ITransactor")


class Answer(Protocol):
    """What became of a transaction: a TxResult, or of an earlier incarnation's what the log has of it."""

    @property
    def t(self) -> int: ...

    @property
    def tempids(self) -> dict[Any, int]: ...


class ITransactor(Interface):
    """The single writer of one database. Transactions are applied in the order of the calls."""

    db: Database = Attribute("The newest value whose transaction is durable.")
    functions: Mapping[str, Any] = Attribute("The operator's transaction functions and predicates, by qualified name.")

    def transact(tx_data: Sequence[Any], tx_id: str | None = None) -> Deferred[Any]:
        """The TxResult, when it is durable. With the ``tx_id`` of an earlier transaction, within a bounded window, that
        one's answer: its TxResult, or if it was given by an earlier process an object with ``t`` and ``tempids``.

        Fails with Anomaly: busy when the queue is full (nothing was done), unavailable when the log could not be
        written (the outcome is unknown), and whatever ``transact`` says of the data (nothing was done).
        """

    def subscribe(listener: Callable[[Database], None]) -> None:
        """Calls ``listener(db)`` on the reactor's thread after each group of transactions that became durable."""

    def close() -> Deferred[None]:
        """Takes no more; fires when what was taken is finished."""


class ILog(Interface):
    """Where a group of transactions becomes durable; ``durable.log`` has the one over storage."""

    def append(group: bytes, last_t: int, next_t: int, next_schema_id: int) -> Deferred[None]:
        """Stores the group as one unit, in order. Any failure ends the writer: nobody can tell then what is stored."""
