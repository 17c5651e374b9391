"""A connection on top of a transactor in this process: waits for a t, and gives up waiting in time.

What is not decided here: where the transactor is.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID, uuid4

from twisted.internet.defer import Deferred, fail, succeed
from zope.interface import implementer

from peerserver.database import Database
from peerserver.model.anomaly import busy, incorrect, unavailable
from peerserver.transact import TxResult
from peerserver.transactor.local import LocalTransactor
from peerserver.transactor.threads import OwnThread

from .interfaces import IConnection

__all__ = ("Connection", "memory_connection")

@implementer(IConnection)
class Connection:
    """See :class:`~peerserver.peer.interfaces.IConnection`. ``clock``: an IReactorTime."""

    def __init__(self, transactor: Any, clock: Any) -> None:
        self._transactor = transactor
        self._clock = clock
        self.database_id: str | None = transactor.db.id
        self.ready = True
        self.functions: Mapping[str, Any] = transactor.functions
        self._waiting: list[tuple[int, Deferred[Database]]] = []
        transactor.subscribe(self._moved)

    def db(self) -> Database:
        db: Database = self._transactor.db
        return db

    def transact(self, tx_data: Sequence[Any], tx_id: Any = None, timeout: float | None = None) -> Deferred[TxResult]:
        if tx_id is not None and not isinstance(tx_id, (UUID, str)):
            return fail(incorrect(":tx-id must be a uuid"))
        return self._within(self._transactor.transact(tx_data, None if tx_id is None else str(tx_id)), timeout)

    def sync(self, t: int, timeout: float) -> Deferred[Database]:
        db = self.db()
        if t <= db.basis_t:
            return succeed(db)
        entry: tuple[int, Deferred[Database]] = (t, Deferred(lambda _: self._waiting.remove(entry)))
        self._waiting.append(entry)
        deferred = entry[1]
        call = self._clock.callLater(timeout, self._too_late, entry)

        def settled(result: Any) -> Any:
            if call.active():
                call.cancel()
            return result

        return deferred.addBoth(settled)

    def close(self) -> Deferred[None]:
        closed: Deferred[None] = self._transactor.close()
        return closed

    # -- waiting for a t

    def _moved(self, db: Database) -> None:
        if not self._waiting:
            return
        ready = [entry for entry in self._waiting if entry[0] <= db.basis_t]
        self._waiting = [entry for entry in self._waiting if entry[0] > db.basis_t]
        for _, deferred in ready:
            deferred.callback(db)

    def _too_late(self, entry: tuple[int, Deferred[Database]]) -> None:
        self._waiting.remove(entry)
        here = self.db().basis_t
        entry[1].errback(busy(f"The database is at t {here} here, not yet at t {entry[0]}; try again in a moment",
                              t=entry[0], basis_t=here))

    def _within(self, deferred: Deferred[TxResult], timeout: float | None) -> Deferred[TxResult]:
        if timeout is None or deferred.called:
            return deferred
        # The transaction itself goes on: only the answer is given up.
        answer: Deferred[TxResult] = Deferred()
        late = unavailable(f"Transaction not finished after {timeout:g} s; its outcome is unknown")
        call = self._clock.callLater(timeout, lambda: answer.errback(late))

        def settled(result: Any) -> None:
            if call.active():
                call.cancel()
                answer.callback(result)

        deferred.addBoth(settled)
        return answer


def memory_connection(name: str, reactor: Any, run: Callable[..., Deferred[Any]] | None = None,
                      functions: Mapping[str, Any] | None = None, now: Callable[[], float] = time.time) -> Connection:
    """A connection to a new ``datomic:mem://`` database, which lives as long as the process.

    ``run``: where transactions are worked on (by default a thread of the database's own); ``functions``: the
    operator's transaction functions and predicates; ``now``: the wall clock in seconds.
    """
    if run is None:
        run = OwnThread(f"transactor {name}", reactor).run
    transactor = LocalTransactor(Database.new(str(uuid4())), run=run, clock=reactor, now=now,
                                 functions=functions)
    return Connection(transactor, reactor)

