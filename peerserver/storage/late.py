"""A storage that is opened when it is first needed, and again when that failed: its service may come up later."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, final

from twisted.internet.defer import Deferred, DeferredLock, ensureDeferred
from zope.interface import implementer

from .interfaces import IStorage, Record

__all__ = ("LateStorage",)


@final
@implementer(IStorage)
class LateStorage:
    """``opened()`` gives the storage or fails; then the call that needed it fails, and the next one tries again."""

    def __init__(self, opened: Callable[[], Awaitable[IStorage]]) -> None:
        self._open = opened
        self._storage: Any = None
        self._lock = DeferredLock()

    @property
    def max_value(self) -> int:
        most: int = 1 << 16 if self._storage is None else self._storage.max_value
        return most

    def get(self, key: str) -> Deferred[bytes | None]:
        return self._call("get", key)

    def put(self, key: str, value: bytes) -> Deferred[None]:
        return self._call("put", key, value)

    def delete(self, key: str) -> Deferred[None]:
        return self._call("delete", key)

    def read(self, name: str) -> Deferred[Record | None]:
        return self._call("read", name)

    def compare_and_set(self, name: str, revision: int, value: bytes) -> Deferred[bool]:
        return self._call("compare_and_set", name, revision, value)

    def delete_record(self, name: str) -> Deferred[None]:
        return self._call("delete_record", name)

    def close(self) -> Deferred[None]:
        async def close() -> None:
            if self._storage is not None:
                await self._storage.close()

        return ensureDeferred(close())

    def _call(self, name: str, *args: Any) -> Deferred[Any]:
        if self._storage is not None:
            found: Deferred[Any] = getattr(self._storage, name)(*args)
            return found
        return ensureDeferred(self._first(name, *args))

    async def _first(self, name: str, *args: Any) -> Any:
        await self._lock.acquire()
        try:
            if self._storage is None:
                self._storage = await self._open()
        finally:
            self._lock.release()
        return await getattr(self._storage, name)(*args)
