"""A storage in memory that fails as a test, or a seed, says: before the call, after it, late, or with an old value."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock, deferLater
from zope.interface import implementer

from peerserver.storage.interfaces import IStorage, Record, StorageError, StorageFull
from peerserver.storage.memory import MemoryStorage

__all__ = ("FINE", "FULL", "LOST", "REFUSED", "FailingStorage", "drive", "seeded")

#: what becomes of a call: it is done; it is not done and fails; it is done and its answer is lost; there is no room.
FINE, REFUSED, LOST, FULL = "fine", "refused", "lost", "full"


@implementer(IStorage)
class FailingStorage:
    """``fate(number, method)`` says what becomes of each call, counted from 1; ``delay()`` seconds it takes."""

    def __init__(self, inner: MemoryStorage, clock: Clock, fate: Callable[[int, str], str] = lambda n, m: FINE,
                 delay: Callable[[], float] = lambda: 0.0) -> None:
        self.inner = inner
        self.clock = clock
        self.fate = fate
        self.delay = delay
        self.calls = 0

    @property
    def max_value(self) -> int:
        return self.inner.max_value

    def get(self, key: str) -> Deferred[bytes | None]:
        return self._do("get", lambda: self.inner.get(key))

    def put(self, key: str, value: bytes) -> Deferred[None]:
        return self._do("put", lambda: self.inner.put(key, value))

    def delete(self, key: str) -> Deferred[None]:
        return self._do("delete", lambda: self.inner.delete(key))

    def read(self, name: str) -> Deferred[Record | None]:
        return self._do("read", lambda: self.inner.read(name))

    def compare_and_set(self, name: str, revision: int, value: bytes) -> Deferred[bool]:
        return self._do("compare_and_set", lambda: self.inner.compare_and_set(name, revision, value))

    def delete_record(self, name: str) -> Deferred[None]:
        return self._do("delete_record", lambda: self.inner.delete_record(name))

    def close(self) -> Deferred[None]:
        return succeed(None)

    def _do(self, method: str, call: Callable[[], Deferred[Any]]) -> Deferred[Any]:
        self.calls += 1
        fate = self.fate(self.calls, method)
        seconds = self.delay()

        def now() -> Deferred[Any]:
            if fate == REFUSED:
                return fail(StorageError(f"{method} was refused"))
            if fate == FULL:
                return fail(StorageFull("there is no room"))
            done = call()
            return done.addCallback(_lost, method) if fate == LOST else done

        return deferLater(self.clock, seconds, now) if seconds else now()


def _lost(_: object, method: str) -> None:
    raise StorageError(f"the answer of {method} was lost")


def drive(clock: Clock, deferred: Deferred[Any], seconds: float = 120.0, step: float = 0.05) -> Any:
    """Advances the clock until the result is there; raises what it failed with, AssertionError when it never came."""
    results: list[Any] = []
    failures: list[Any] = []
    deferred.addCallbacks(results.append, failures.append)
    until = clock.seconds() + seconds
    while not results and not failures and clock.seconds() < until:
        clock.advance(step)
    if failures:
        failures[0].raiseException()
    assert results, "it never came"
    return results[0]


def seeded(seed: int, share: float) -> Callable[[int, str], str]:
    """Calls fail at random, a share of them."""
    rng = random.Random(seed)
    return lambda n, m: rng.choice((REFUSED, LOST)) if rng.random() < share else FINE
