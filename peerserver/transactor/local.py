"""A transactor in this process: one queue per database, one thread at a time, groups that become durable together.

The thread takes everything that waits, applies it one after the other, and hands the group to the log; meanwhile
the next group gathers. A failed transaction fails alone. What is not decided here: what a transaction means
(``transact``), and how a log stores a group.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs
from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from peerserver.database import Database
from peerserver.model.anomaly import Anomaly, busy, fault, incorrect, unavailable
from peerserver.transact import TxResult, transact

from .interfaces import ILog, ITransactor

__all__ = ("LocalTransactor", "NoLog")

_log = Logger()

#: The most transactions in a group, so that the first of many doesn't wait long for the last.
GROUP = 256

Outcome = TxResult | Exception


@implementer(ILog)
class NoLog:
    """For databases that end with the process."""

    def append(self, results: Sequence[TxResult]) -> Deferred[None]:
        return succeed(None)


@attrs.frozen(eq=False)
class _Waiting:
    tx_data: Any
    deferred: Deferred[TxResult]


@implementer(ITransactor)
class LocalTransactor:
    """See :class:`~peerserver.transactor.interfaces.ITransactor`.

    ``run(function, *args) -> Deferred``: where the work is done (a worker thread, or inline).
    ``now``: the wall clock in seconds; ``:db/txInstant`` never goes back, whatever the clock does.
    """

    def __init__(self, db: Database, *, run: Callable[..., Deferred[Any]], now: Callable[[], float], log: Any = None,
                 functions: Mapping[str, Any] | None = None, limit: int = 10_000) -> None:
        self.db = db
        self._tip = db
        self._run = run
        self._now = now
        self._log = log or NoLog()
        self.functions: Mapping[str, Any] = dict(functions or {})
        self._limit = limit
        self._queue: deque[_Waiting] = deque()
        self._listeners: list[Callable[[Database], None]] = []
        self._working = False
        self._closing: Deferred[None] | None = None
        self._last_ms = 0

    def transact(self, tx_data: Sequence[Any]) -> Deferred[TxResult]:
        deferred: Deferred[TxResult] = Deferred()
        if self._closing is not None:
            deferred.errback(busy("The server is shutting down; nothing was done"))
        elif len(self._queue) >= self._limit:
            deferred.errback(busy("Too many transactions wait in this database's queue; try again in a moment"))
        else:
            self._queue.append(_Waiting(tx_data, deferred))
            self._start()
        return deferred

    def subscribe(self, listener: Callable[[Database], None]) -> None:
        self._listeners.append(listener)

    def close(self) -> Deferred[None]:
        if self._closing is None:
            self._closing = Deferred()
            if not self._working:
                self._closing.callback(None)
        return self._closing

    def _start(self) -> None:
        if self._working or not self._queue:
            return
        self._working = True
        group = [self._queue.popleft() for _ in range(min(GROUP, len(self._queue)))]
        self._run(self._apply, [waiting.tx_data for waiting in group]).addCallback(
            self._commit, group).addErrback(self._broken, group).addBoth(self._again)

    def _apply(self, batch: Sequence[Any]) -> list[Outcome]:
        # In the worker thread: only this touches _tip, and only one runs at a time.
        outcomes: list[Outcome] = []
        for tx_data in batch:
            self._last_ms = max(self._last_ms, int(self._now() * 1000))
            try:
                result = transact(self._tip, tx_data, self._last_ms, self.functions)
            except Exception as problem:
                outcomes.append(problem)
            else:
                self._tip = result.db_after
                outcomes.append(result)
        return outcomes

    def _commit(self, outcomes: list[Outcome], group: list[_Waiting]) -> Deferred[None]:
        results = [outcome for outcome in outcomes if isinstance(outcome, TxResult)]
        done = self._log.append(results) if results else succeed(None)
        return done.addCallback(self._publish, outcomes, group)

    def _publish(self, _: None, outcomes: list[Outcome], group: list[_Waiting]) -> None:
        results = [outcome for outcome in outcomes if isinstance(outcome, TxResult)]
        if results:
            self.db = results[-1].db_after
            for listener in self._listeners:
                listener(self.db)
        for waiting, outcome in zip(group, outcomes):
            if isinstance(outcome, Exception):
                waiting.deferred.errback(_told(outcome))
            else:
                waiting.deferred.callback(outcome)

    def _broken(self, failure: Failure, group: list[_Waiting]) -> None:
        # The log did not say yes (or there was no thread): nothing of this group may be seen.
        _log.failure("A group of transactions was lost", failure=failure)
        self._tip = self.db
        for waiting in group:
            if not waiting.deferred.called:
                waiting.deferred.errback(unavailable("The log could not be written; the outcome is unknown"))

    def _again(self, _: object) -> None:
        self._working = False
        if self._queue:
            self._start()
        elif self._closing is not None and not self._closing.called:
            self._closing.callback(None)


def _told(problem: Exception) -> Exception:
    if isinstance(problem, Anomaly):
        return problem
    if isinstance(problem, RecursionError):
        return incorrect("The transaction data is nested too deep")
    _log.failure("A transaction failed in a way that it should not", failure=Failure(problem))
    return fault("Internal error in a transaction; nothing was done")
