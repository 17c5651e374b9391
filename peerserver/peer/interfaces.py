"""What the web needs of a database, wherever its transactor is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from zope.interface import Attribute, Interface

from peerserver.database import Database
from peerserver.transact import TxResult

__all__ = ("IConnection",)


class IConnection(Interface):
    """One database. The value only moves forward."""

    database_id: str | None = Attribute("The database's id: the text of a uuid; None while it isn't known yet.")
    ready: bool = Attribute("Whether there is a value to read.")
    functions: Mapping[str, Any] = Attribute("The operator's transaction functions and predicates, by qualified name.")

    def db() -> Database:
        """The newest value that is known here; never waits. Anomaly unavailable before there is one."""

    def transact(
        tx_data: Sequence[Any], tx_id: Any = None, timeout: float | None = None
    ) -> Deferred[TxResult]:
        """The result, when it is durable and ``db()`` holds it.

        ``tx_id``: who repeats a transaction with the id of an earlier one gets that one's result (within a bounded
        window). ``timeout``: seconds; after them it fails with Anomaly interrupted, the outcome unknown.
        """

    def sync(t: int, timeout: float) -> Deferred[Database]:
        """A value whose basis is ``t`` or later; Anomaly busy with both t in its data after ``timeout`` seconds."""

    def close() -> Deferred[None]:
        """Ends it; what was taken is finished first."""
