"""The one way from the reactor to a worker thread, with a bound on how much may wait.

Tests put :class:`Inline` in its place and need no threads. What is not decided here: what is worth a thread.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from twisted.internet.defer import CancelledError, Deferred, execute
from twisted.python.threadpool import ThreadPool

from peerserver.model.anomaly import busy

__all__ = ("Inline", "Lane", "Threads", "Work")

T = TypeVar("T")

#: how long a thread may compute while another wants to.
SWITCH_SECONDS = 0.001


class Work(Protocol):
    """Runs a function somewhere and gives its result on the reactor's thread."""

    def run(self, function: Callable[..., T], *args: Any) -> Deferred[T]:
        """The result of ``function(*args)``; fails with Anomaly busy at once when too much waits."""


class Inline:
    """Runs everything at once, in the caller's thread: for tests and for programs without a reactor."""

    def run(self, function: Callable[..., T], *args: Any) -> Deferred[T]:
        return execute(function, *args)


class Lane:
    """A bounded queue before a pool of threads."""

    def __init__(self, reactor: Any, pool: ThreadPool, limit: int) -> None:
        self._reactor = reactor
        self._pool = pool
        self._limit = limit
        self._under_way = 0

    def run(self, function: Callable[..., T], *args: Any) -> Deferred[T]:
        if self._under_way >= self._limit + self._pool.max:
            refused: Deferred[T] = execute(_refuse)
            return refused
        self._under_way += 1
        result: Deferred[T] = Deferred()

        def ended(succeeded: bool, outcome: Any) -> None:
            self._reactor.callFromThread(self._ended, result, outcome)

        def guarded() -> T:
            if result.called:
                raise CancelledError  # nobody waits for it any more, so it isn't begun
            return function(*args)

        self._pool.callInThreadWithCallback(ended, guarded)
        return result

    def _ended(self, result: Deferred[Any], outcome: Any) -> None:
        # Here, and not where a caller gives up: the thread is busy until now.
        self._under_way -= 1
        result.callback(outcome)


class Threads:
    """Two lanes, so that slow queries hold up only other queries."""

    def __init__(self, reactor: Any, query_threads: int, other_threads: int, limit: int) -> None:
        self._reactor = reactor
        self._pools = [ThreadPool(0, query_threads, "queries"), ThreadPool(0, other_threads, "others")]
        self.queries = Lane(reactor, self._pools[0], limit)
        self.others = Lane(reactor, self._pools[1], limit)
        self._started = False

    def start(self) -> None:
        """Starts the threads; they end before the reactor's own shutdown ends."""
        if not self._started:
            self._started = True
            # With Python's 5 ms the reactor waits that long for each of its turns while queries compute: measured,
            # 7 ms for the smallest request beside four large queries, against 0.6 ms so.
            sys.setswitchinterval(SWITCH_SECONDS)
            for pool in self._pools:
                pool.start()
                self._reactor.addSystemEventTrigger("during", "shutdown", pool.stop)

    def stop(self) -> None:
        """Ends the threads, after what they are doing."""
        if self._started:
            self._started = False
            for pool in self._pools:
                pool.stop()


def _refuse() -> Any:
    raise busy("The server has as many requests waiting as it may; try again in a moment")
