"""Runs the lease of one transactor on a clock and a storage: waits as standby, then renews as the active one.

What is not decided here: what an active transactor does (``transactor.service`` gives the callbacks).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, final

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.task import deferLater
from twisted.logger import Logger

from peerserver.codec.columns import CorruptValue
from peerserver.storage.interfaces import IStorage, Record, StorageError

from .lease import Decision, Holder, Lease, LeaseRecord, decode_lease, encode_lease
from .names import LEASE

__all__ = ("LeaseDriver", "read_lease")

_log = Logger()
T = TypeVar("T")


async def read_lease(storage: IStorage) -> tuple[int, LeaseRecord | None]:
    """The lease as it stands: its revision and content. Fails with StorageError."""
    return _told(await storage.read(LEASE))


def _told(record: Record | None) -> tuple[int, LeaseRecord | None]:
    if record is None:
        return 0, None
    try:
        return record.revision, decode_lease(record.value)
    except CorruptValue as error:
        raise StorageError(str(error)) from error


@final
class LeaseDriver:
    """``on_active()`` is called once, when the lease is ours; ``on_lost(reason)`` once, when it may be ours no more.

    ``clock``: an IReactorTime whose seconds never jump."""

    def __init__(self, storage: IStorage, clock: Any, holder: Holder, interval: float, on_active: Callable[[], None],
                 on_lost: Callable[[str], None]) -> None:
        self.lease = Lease(holder, interval)
        self._storage = storage
        self._clock = clock
        self._on_active = on_active
        self._on_lost = on_lost
        self._stopped = False
        self._running: Deferred[None] | None = None

    def start(self) -> None:
        """Begins as standby."""
        self._running = ensureDeferred(self._run())
        self._running.addErrback(lambda failure: self._lose(f"its lease failed: {failure.value}"))

    async def stop(self) -> None:
        """Gives the lease back, if it is ours: a standby takes it at its next look."""
        self._stopped = True
        lease = self.lease
        if lease.is_active:
            try:
                await self._in_time(self._storage.compare_and_set(LEASE, lease.revision,
                                                                  encode_lease(lease.record(released=True))))
            except StorageError as error:
                _log.warn("The lease could not be given back: {error}", error=str(error))
            lease.lost()

    async def _run(self) -> None:
        while not self._stopped and not self.lease.is_active:
            try:
                await self._as_standby()
            except StorageError as error:
                _log.warn("A standby cannot read the lease: {error}", error=str(error))
            if not self.lease.is_active:
                # The claim comes when it is due, not up to a look later.
                due = self.lease.until_claim(self._clock.seconds()) or self.lease.interval
                await self._pause(min(self.lease.interval / 4, due))
        if self._stopped:
            return
        self._on_active()
        while not self._stopped and self.lease.is_active:
            await self._pause(min(self.lease.interval / 8, 1.0))
            if not self._stopped and self.lease.active(self._clock.seconds()) is Decision.WRITE:
                await self._renew()

    async def _as_standby(self) -> None:
        revision, found = _told(await self._in_time(self._storage.read(LEASE)))
        sent = self._clock.seconds()
        if self.lease.standby(sent, revision, found) is Decision.WRITE:
            data = encode_lease(self.lease.record())
            if await self._in_time(self._storage.compare_and_set(LEASE, revision, data)):
                self.lease.written(sent)

    async def _renew(self) -> None:
        lease = self.lease
        sent = self._clock.seconds()
        try:
            renewed = self._storage.compare_and_set(LEASE, lease.revision, encode_lease(lease.record()))
            if await self._in_time(renewed, lease.left(sent)):
                if not self._stopped:
                    lease.written(sent)
                return
            revision, found = _told(await self._in_time(self._storage.read(LEASE), lease.left(self._clock.seconds())))
        except StorageError as error:
            _log.warn("A heartbeat could not be written: {error}", error=str(error))
            if lease.overdue(self._clock.seconds()) and not await self._still_ours(sent):
                self._lose("it could not write its heartbeat to storage for two intervals")
            return
        if lease.found(revision, found):
            lease.written(sent)
        elif not self._stopped:
            self._lose("another transactor has taken over")

    async def _still_ours(self, sent: float) -> bool:
        # The last write may have succeeded without an answer. There is little time to ask: peers that are connected to one
        # that is deposed wait for it.
        try:
            revision, found = _told(await self._in_time(self._storage.read(LEASE), self.lease.interval / 4))
        except StorageError:
            return False
        if self.lease.found(revision, found):
            self.lease.written(sent)
            return True
        return False

    def _lose(self, reason: str) -> None:
        if not self._stopped:
            self._stopped = True
            self.lease.lost()
            self._on_lost(reason)

    def _pause(self, seconds: float) -> Deferred[None]:
        return deferLater(self._clock, seconds)

    def _in_time(self, call: Deferred[T], seconds: float | None = None) -> Deferred[T]:
        # Whatever storage still tries: later than this (as a rule, an interval and a half) an answer is of no use.
        limit = self.lease.interval * 1.5 if seconds is None else seconds
        answer: Deferred[T] = Deferred()

        def late() -> None:
            answer.errback(StorageError(f"storage gave no answer in {limit:.3g} s"))
            call.cancel()

        timer = self._clock.callLater(limit, late)

        def settled(result: Any) -> None:
            if timer.active():
                timer.cancel()
                answer.callback(result)

        call.addBoth(settled)
        return answer
