"""One thread for one database's transactions: they follow one another, whatever else the process does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, final

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

__all__ = ("OwnThread",)


@final
class OwnThread:
    """Runs functions one at a time in a thread that starts with the first and ends with the reactor, or before."""

    def __init__(self, name: str, reactor: Any) -> None:
        self._pool = ThreadPool(0, 1, name)
        self._reactor = reactor
        self._trigger: Any = None

    def run(self, function: Callable[..., Any], *args: Any) -> Deferred[Any]:
        """The function's result, from the thread."""
        if self._trigger is None:
            self._pool.start()
            self._trigger = self._reactor.addSystemEventTrigger("during", "shutdown", self._pool.stop)
        return deferToThreadPool(self._reactor, self._pool, function, *args)

    def stop(self) -> None:
        """Ends the thread when its work is done."""
        if self._trigger is not None:
            self._reactor.removeSystemEventTrigger(self._trigger)
            self._trigger = None
            self._pool.stop()
