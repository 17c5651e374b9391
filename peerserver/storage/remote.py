"""The storage of a ``datomic:dev://`` transactor, read through its port.

What is read heals itself: a connection that was lost is made anew at the next call. Peers only read; writing is the
transactor's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, final

from twisted.internet.defer import Deferred, DeferredLock, ensureDeferred, fail, succeed
from zope.interface import implementer

from peerserver.model.anomaly import Anomaly
from peerserver.wire.client import Address, Client, dial
from peerserver.wire.handshake import Refused
from peerserver.wire.messages import BadMessage

from .interfaces import IStorage, Record, StorageError

__all__ = ("RemoteStorage",)


@final
@implementer(IStorage)
class RemoteStorage:
    """``address``: the transactor's, its secret the storage's password."""

    max_value: int = 1 << 30

    def __init__(self, reactor: Any, address: Address, interval: float = 2.0) -> None:
        self._reactor = reactor
        self._address = address
        self._interval = interval
        self._client: Client | None = None
        self._lock = DeferredLock()

    def get(self, key: str) -> Deferred[bytes | None]:
        return ensureDeferred(self._ask("get", key, lambda found: found))

    def read(self, name: str) -> Deferred[Record | None]:
        return ensureDeferred(self._ask("read", name, lambda found: None if found is None else Record(*found)))

    def put(self, key: str, value: bytes) -> Deferred[None]:
        return fail(StorageError("a peer does not write to dev storage"))

    def delete(self, key: str) -> Deferred[None]:
        return fail(StorageError("a peer does not write to dev storage"))

    def compare_and_set(self, name: str, revision: int, value: bytes) -> Deferred[bool]:
        return fail(StorageError("a peer does not write to dev storage"))

    def delete_record(self, name: str) -> Deferred[None]:
        return fail(StorageError("a peer does not write to dev storage"))

    def close(self) -> Deferred[None]:
        if self._client is not None:
            self._client.transport.loseConnection()
        return succeed(None)

    async def _ask(self, op: str, key: str, made: Callable[[Any], Any]) -> Any:
        try:
            client = await self._connected()
            return made((await client.call("storage", op, key))[0])
        except Anomaly as anomaly:
            raise StorageError(anomaly.message) from anomaly
        except (Refused, BadMessage) as problem:
            raise StorageError(f"the transactor's storage refused us: {problem}") from problem
        except Exception as problem:
            where = f"{self._address.host}:{self._address.port}"
            raise StorageError(f"the transactor at {where}, which serves this storage, cannot be reached "
                               f"({type(problem).__name__}); is it running?") from problem

    async def _connected(self) -> Client:
        await self._lock.acquire()
        try:
            if self._client is None or self._client.ended:
                self._client = await dial(self._reactor, self._address, self._interval, "storage", _ignored, _ignored)
            return self._client
        finally:
            self._lock.release()


def _ignored(_: Any) -> None:
    return None
