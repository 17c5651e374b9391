"""The transactor of one database: one queue, one thread at a time, groups that become durable together.

The thread takes everything that waits, applies it one after the other, and hands the group to the log; meanwhile
the next group gathers. A failed transaction fails alone. A log that cannot tell what became of a group, or that is
another's now, ends the transactor.
What is not decided here: what a transaction means (``transact``), and how a log stores a group.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import attrs
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from peerserver.database import Database
from peerserver.durable.groups import Group, Logged, encode_group, group_of
from peerserver.durable.log import Deposed, OutcomeUnknown
from peerserver.model.anomaly import Anomaly, busy, fault, incorrect, unavailable
from peerserver.storage.interfaces import StorageError
from peerserver.transact import TxResult, transact

from .interfaces import Answer, ITransactor
from .recent import Known, Recent

__all__ = ("LocalTransactor",)

_log = Logger()

#: The most transactions in a group, so that the first of many doesn't wait long for the last.
GROUP: Final = 256
#: seconds that a group waits at most when the memory index is nearly full.
LONGEST_DELAY: Final = 0.5

Outcome = TxResult | Exception
GroupListener = Callable[[bytes, Group, Database], None]


@attrs.frozen(eq=False)
class _Waiting:
    tx_data: Any
    tx_id: str | None
    deferred: Deferred[Any]


@implementer(ITransactor)
class LocalTransactor:
    """See :class:`~peerserver.transactor.interfaces.ITransactor`.

    ``run(function, *args) -> Deferred``: where the work is done (a worker thread, or inline).
    ``clock``: an IReactorTime. ``now``: the wall clock in seconds; ``:db/txInstant`` never goes back, whatever the
    clock does. ``log``: an ILog, or None for a database that ends with the process. ``recent``: what is known of
    transactions before this process. ``pressure()``: 0 to 1, how full the memory index is. ``on_lost(reason)`` is
    called once when the log failed.
    """

    def __init__(self, db: Database, *, run: Callable[..., Deferred[Any]], clock: Any,
                 now: Callable[[], float] = time.time, log: Any = None, functions: Mapping[str, Any] | None = None,
                 limit: int = 10_000, recent: Recent | None = None, pressure: Callable[[], float] | None = None,
                 on_lost: Callable[[str], None] | None = None) -> None:
        self.db = db
        self._tip = db
        self._run = run
        self._clock = clock
        self._now = now
        self._log = log
        self.functions: Mapping[str, Any] = dict(functions or {})
        self._limit = limit
        self._recent = recent or Recent()
        self._pressure = pressure or (lambda: 0.0)
        self._on_lost = on_lost
        self._queue: deque[_Waiting] = deque()
        self._jobs: deque[tuple[Callable[[Database], Database], Deferred[None]]] = deque()
        self._listeners: list[Callable[[Database], None]] = []
        self._group_listeners: list[GroupListener] = []
        self._working = False
        self._lost = False
        self._closing: Deferred[None] | None = None
        self._last_ms = 0

    def transact(self, tx_data: Sequence[Any], tx_id: str | None = None) -> Deferred[Any]:
        if tx_id is not None:
            known = self._recent.again(tx_id, self._clock.seconds())
            if known is not None:
                return known
        refusal = self._refusal()
        if refusal is not None:
            return fail(refusal)
        if tx_id is not None:
            self._recent.begin(tx_id, self._clock.seconds())
        waiting = _Waiting(tx_data, tx_id, Deferred())
        self._queue.append(waiting)
        self._start()
        return waiting.deferred

    def _refusal(self) -> Anomaly | None:
        if self._lost:
            return unavailable("This transactor has lost the database; nothing was done")
        if self._closing is not None:
            return busy("The server is shutting down; nothing was done")
        if len(self._queue) >= self._limit:
            return busy("Too many transactions wait in this database's queue; try again in a moment")
        if self._pressure() >= 1.0:
            return busy("The memory index is full and indexing is behind; nothing was done, try again in a moment")
        return None

    def subscribe(self, listener: Callable[[Database], None]) -> None:
        self._listeners.append(listener)

    def subscribe_groups(self, listener: GroupListener) -> None:
        """Calls ``listener(data, group, db)`` on the reactor's thread for each group that became durable, before those
        who sent its transactions are answered."""
        self._group_listeners.append(listener)

    def rebase(self, function: Callable[[Database], Database]) -> Deferred[None]:
        """Between two groups, in the worker thread, replaces the value by ``function`` of it: the same facts, laid down
        otherwise."""
        done: Deferred[None] = Deferred()
        self._jobs.append((function, done))
        self._start()
        return done

    def close(self) -> Deferred[None]:
        if self._closing is None:
            self._closing = Deferred()
            if not self._working:
                self._closing.callback(None)
        return self._closing

    def _start(self) -> None:
        if self._working or not (self._queue or self._jobs):
            return
        self._working = True
        if self._jobs:
            self._do_job()
            return
        delay = self._pressure() * LONGEST_DELAY
        ready = deferLater(self._clock, delay) if delay > 0.005 else succeed(None)
        ready.addCallback(self._take)

    def _do_job(self) -> None:
        function, done = self._jobs.popleft()
        work = self._run(function, self._tip)

        def replaced(db: Database) -> None:
            self.db = self._tip = db

        work.addCallback(replaced)
        work.addBoth(self._again)
        work.addCallbacks(lambda _: done.callback(None), done.errback)

    def _take(self, _: object) -> None:
        group = [self._queue.popleft() for _ in range(min(GROUP, len(self._queue)))]
        self._run(self._apply, group).addCallback(
            self._commit, group).addErrback(self._broken, group).addBoth(self._again)

    def _apply(self, batch: Sequence[_Waiting]) -> tuple[list[Outcome], bytes, Group | None]:
        # In the worker thread: only this touches _tip, and only one runs at a time.
        outcomes: list[Outcome] = []
        logged: list[Logged] = []
        for waiting in batch:
            self._last_ms = max(self._last_ms, int(self._now() * 1000))
            try:
                result = transact(self._tip, waiting.tx_data, self._last_ms, self.functions)
            except Exception as problem:
                outcomes.append(problem)
            else:
                self._tip = result.db_after
                outcomes.append(result)
                logged.append(Logged(result, waiting.tx_id))
        if self._log is None or not logged:
            return outcomes, b"", None
        return outcomes, encode_group(logged), group_of(logged)

    def _commit(self, applied: tuple[list[Outcome], bytes, Group | None], group: list[_Waiting]) -> Deferred[None]:
        _, data, columns = applied
        done: Deferred[None] = succeed(None)
        if columns is not None:
            done = self._log.append(data, columns.last_t, int(columns.next_ts[-1]), int(columns.next_schema_ids[-1]))
        return done.addCallback(self._publish, applied, group)

    def _publish(self, _: None, applied: tuple[list[Outcome], bytes, Group | None], group: list[_Waiting]) -> None:
        outcomes, data, columns = applied
        results = [outcome for outcome in outcomes if isinstance(outcome, TxResult)]
        if results:
            self.db = results[-1].db_after
            if columns is not None:
                for tell in self._group_listeners:
                    tell(data, columns, self.db)
            for listener in self._listeners:
                listener(self.db)
        for waiting, outcome in zip(group, outcomes):
            if isinstance(outcome, Exception):
                self._failed(waiting, _told(outcome))
            else:
                if waiting.tx_id is not None:
                    self._recent.finish(waiting.tx_id, *self._kept(outcome))
                waiting.deferred.callback(outcome)

    def _kept(self, result: TxResult) -> tuple[Answer, int]:
        return (result, len(result.es)) if self._log is None else (Known(result.t, result.tempids), 0)

    def _failed(self, waiting: _Waiting, problem: Exception) -> None:
        if waiting.tx_id is not None:
            self._recent.fail(waiting.tx_id, problem)
        waiting.deferred.errback(problem)

    def _broken(self, failure: Failure, group: list[_Waiting]) -> None:
        # The log did not say yes (or there was no thread): nothing of this group may be seen.
        _log.warn("A group of transactions was lost: {error}", error=str(failure.value))
        self._tip = self.db
        if failure.check(Deposed, OutcomeUnknown) is not None:
            problem = unavailable("The log could not be written; the outcome is unknown. Send it again with the same "
                                  ":tx-id to learn it")
            self._lose(str(failure.value))
        elif failure.check(StorageError) is not None:
            problem = unavailable(f"Storage did not take the transaction: {failure.value}; nothing was done")
        else:
            problem = fault("Internal error in a group of transactions; nothing was done")
        for waiting in group:
            if not waiting.deferred.called:
                self._failed(waiting, problem)

    def _lose(self, reason: str) -> None:
        self._lost = True
        while self._queue:
            self._failed(self._queue.popleft(), unavailable("This transactor has lost the database; nothing was done"))
        if self._on_lost is not None:
            self._on_lost(reason)

    def _again(self, result: Any) -> Any:
        self._working = False
        if self._queue or self._jobs:
            self._start()
        elif self._closing is not None and not self._closing.called:
            self._closing.callback(None)
        return result


def _told(problem: Exception) -> Exception:
    if isinstance(problem, Anomaly):
        return problem
    if isinstance(problem, RecursionError):
        return incorrect("The transaction data is nested too deep")
    _log.failure("A transaction failed in a way that it should not", failure=Failure(problem))
    return fault("Internal error in a transaction; nothing was done")
