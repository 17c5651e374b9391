"""Lanes of worker threads: bounded, and honest about what is still being worked on."""

from __future__ import annotations

import threading
from typing import Any

from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from twisted.python.threadpool import ThreadPool

from peerserver.model.anomaly import Anomaly
from peerserver.web.work import Inline, Lane


class Reactor(MemoryReactorClock):
    """Calls from threads are made when the test asks for them."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[Any] = []
        self.there = threading.Semaphore(0)

    def callFromThread(self, function: Any, *args: Any, **kwargs: Any) -> None:  # type: ignore[override]
        self.calls.append(lambda: function(*args, **kwargs))
        self.there.release()

    def next(self) -> None:
        """Waits for a thread to call, and makes its call."""
        assert self.there.acquire(timeout=30)
        self.calls.pop(0)()


def test_a_lane_is_bounded_by_what_is_under_way() -> None:
    """Work that nobody waits for any more still counts until its thread is free; then there is room again."""
    reactor, pool, gate = Reactor(), ThreadPool(1, 1), threading.Event()
    started = threading.Event()
    pool.start()
    try:
        lane = Lane(reactor, pool, 1)
        begun: list[str] = []
        results: list[Any] = []

        def slow(name: str) -> str:
            begun.append(name)
            started.set()
            gate.wait(30)
            return name

        first, second = lane.run(slow, "first"), lane.run(slow, "second")
        for deferred in (first, second):
            deferred.addBoth(results.append)
        assert started.wait(30)
        first.cancel()
        second.cancel()
        lane.run(slow, "third").addErrback(results.append)
        assert results[2].check(Anomaly)
        gate.set()
        reactor.next()
        reactor.next()
        assert begun == ["first"]
        lane.run(slow, "fourth").addBoth(results.append)
        reactor.next()
        assert results[3] == "fourth"
    finally:
        gate.set()
        pool.stop()


def test_failures_come_back() -> None:
    """What the function raises is the Deferred's failure, in a thread and inline."""
    reactor, pool = Reactor(), ThreadPool(1, 1)
    pool.start()
    try:
        results: list[Any] = []
        Lane(reactor, pool, 1).run(int, "x").addBoth(results.append)
        reactor.next()
        Inline().run(int, "x").addBoth(results.append)
        assert all(isinstance(r, Failure) and r.check(ValueError) for r in results)
        assert len(results) == 2
    finally:
        pool.stop()
