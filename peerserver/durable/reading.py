"""Reads for worker threads out of a storage that answers with Deferreds.

The engine asks for segments while it evaluates a query, in a worker thread, and waits. A storage that fails or is too
slow is an anomaly of that query alone.
What is not decided here: how long a storage may take (``storage.guard``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred, ensureDeferred, gatherResults
from twisted.internet.threads import blockingCallFromThread
from twisted.python.failure import Failure
from twisted.python.threadable import isInIOThread

from peerserver.model.anomaly import Anomaly, fault, unavailable
from peerserver.storage.interfaces import IStorage, StorageCorrupt, StorageError

from .values import get_value

__all__ = ("blocking_fetch", "storage_anomaly")


def blocking_fetch(storage: IStorage, reactor: Any) -> Callable[[Sequence[str]], list[bytes]]:
    """A function from keys to the values under them, for worker threads.

    It raises Anomaly unavailable when storage does not answer, fault when a value is damaged or missing."""

    def fetch(keys: Sequence[str]) -> list[bytes]:
        try:
            if isInIOThread():
                return _at_once(gathered(storage, keys))
            return blockingCallFromThread(reactor, lambda: gathered(storage, keys))
        except StorageError as error:
            raise storage_anomaly(error) from error

    return fetch


def gathered(storage: IStorage, keys: Sequence[str]) -> Deferred[list[bytes]]:
    """The values under keys, in order, read side by side."""
    return gatherResults([ensureDeferred(_value(storage, key)) for key in keys], consumeErrors=True).addErrback(_first)


def storage_anomaly(error: StorageError) -> Anomaly:
    """What a client is told of a storage that failed."""
    if isinstance(error, StorageCorrupt):
        return fault(f"Storage holds damaged data: {error}")
    return unavailable(f"Storage is not available: {error}; try again")


async def _value(storage: IStorage, key: str) -> bytes:
    found = await get_value(storage, key)
    if found is None:
        # What is immutable and was pointed to is there; a service that has it not yet is behind.
        raise StorageError(f"{key} is not there yet")
    return found


def _first(failure: Failure) -> Any:
    # Of several reads that failed the first one tells why.
    problem: Any = failure.value
    while hasattr(problem, "subFailure"):
        problem = problem.subFailure.value
    raise problem


def _at_once(deferred: Deferred[list[bytes]]) -> list[bytes]:
    # In the reactor's own thread nothing can be waited for: only a storage in memory answers at once.
    results: list[Any] = []
    deferred.addBoth(results.append)
    if not results:
        raise fault("Storage was to be read on the reactor's thread")
    if isinstance(results[0], Failure):
        results[0].raiseException()
    found: list[bytes] = results[0]
    return found
