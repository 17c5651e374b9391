"""A storage made patient: bounded concurrency, a time limit on every call, retries of what may be repeated.

``compare_and_set`` is never repeated: after a failure its outcome is unknown, and only its caller can read the
record and know what it means. The random source and the clock are arguments, so that tests decide them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, final

import attrs
from twisted.internet import defer
from twisted.internet.defer import Deferred, DeferredSemaphore, ensureDeferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger
from zope.interface import implementer

from .interfaces import IStorage, Record, StorageCorrupt, StorageError, StorageFull

__all__ = ("GuardedStorage", "Limits")

T = TypeVar("T")
_log = Logger()


@final
@attrs.frozen
class Limits:
    """``read_concurrency`` and ``write_concurrency`` as Datomic has them; times in seconds.

    A silently dropped connection must be noticed within 10 s (reliability table, row 13): hence ``timeout``.
    """

    read_concurrency: int = 8
    write_concurrency: int = 4
    timeout: float = 9.0
    attempts: int = 3
    first_delay: float = 0.1
    max_delay: float = 2.0


@final
@implementer(IStorage)
@attrs.define
class GuardedStorage:
    """Any storage behind limits. ``jitter()`` gives numbers from 0 to 1."""

    _inner: Any
    _reactor: IReactorTime
    _limits: Limits
    _jitter: Callable[[], float]
    _reads: DeferredSemaphore = attrs.field(init=False)
    _writes: DeferredSemaphore = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._reads = DeferredSemaphore(self._limits.read_concurrency)
        self._writes = DeferredSemaphore(self._limits.write_concurrency)

    @property
    def max_value(self) -> int:
        found: int = self._inner.max_value
        return found

    def get(self, key: str) -> Deferred[bytes | None]:
        return self._repeated(self._reads, lambda: self._inner.get(key))

    def put(self, key: str, value: bytes) -> Deferred[None]:
        return self._repeated(self._writes, lambda: self._inner.put(key, value))

    def delete(self, key: str) -> Deferred[None]:
        return self._repeated(self._writes, lambda: self._inner.delete(key))

    def read(self, name: str) -> Deferred[Record | None]:
        return self._repeated(self._reads, lambda: self._inner.read(name))

    def compare_and_set(self, name: str, revision: int, value: bytes) -> Deferred[bool]:
        return self._once(self._writes, lambda: self._inner.compare_and_set(name, revision, value))

    def delete_record(self, name: str) -> Deferred[None]:
        return self._repeated(self._writes, lambda: self._inner.delete_record(name))

    def close(self) -> Deferred[None]:
        found: Deferred[None] = self._inner.close()
        return found

    def _once(self, slots: DeferredSemaphore, call: Callable[[], Deferred[T]]) -> Deferred[T]:
        async def limited() -> T:
            await slots.acquire()
            try:
                return await call().addTimeout(self._limits.timeout, self._reactor)
            except defer.TimeoutError as error:
                raise StorageError(f"storage gave no answer in {self._limits.timeout:g} s") from error
            finally:
                slots.release()

        return ensureDeferred(limited())

    def _repeated(self, slots: DeferredSemaphore, call: Callable[[], Deferred[T]]) -> Deferred[T]:
        async def patient() -> T:
            for attempt in range(1, self._limits.attempts + 1):
                try:
                    return await self._once(slots, call)
                except (StorageFull, StorageCorrupt):
                    raise
                except StorageError as error:
                    if attempt == self._limits.attempts:
                        raise
                    delay = self._delay(attempt)
                    _log.warn("Storage call failed, retry {attempt} in {delay:.2f} s: {error}", attempt=attempt,
                              delay=delay, error=str(error))
                    await deferLater(self._reactor, delay)
            raise AssertionError("unreachable: the last attempt returns or raises")

        return ensureDeferred(patient())

    def _delay(self, attempt: int) -> float:
        full = min(self._limits.max_delay, self._limits.first_delay * 2.0 ** (attempt - 1))
        return full * (0.5 + 0.5 * self._jitter())
