"""Caches between memory and storage: a folder on a local disk, and memcached.

Values never change, so nothing is ever invalidated. A cache that fails, lies or is away costs time and nothing else:
every value carries a checksum, and whatever goes wrong ends in a read from the storage below.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from hashlib import sha256
from pathlib import Path
from typing import Any, cast, final

import attrs
from twisted.application.internet import ClientService
from twisted.internet import defer
from twisted.internet.defer import CancelledError, Deferred, ensureDeferred
from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.protocols.memcache import MemCacheProtocol
from zope.interface import implementer

from .interfaces import IStorage, Record, StorageCorrupt
from .sealed import seal, unseal

__all__ = ("DiskCache", "Memcached")

_log = Logger()


class _Through:
    """What every cache hands on unchanged."""

    _inner: Any

    @property
    def max_value(self) -> int:
        found: int = self._inner.max_value
        return found

    def read(self, name: str) -> Deferred[Record | None]:
        found: Deferred[Record | None] = self._inner.read(name)
        return found

    def compare_and_set(self, name: str, revision: int, value: bytes) -> Deferred[bool]:
        found: Deferred[bool] = self._inner.compare_and_set(name, revision, value)
        return found

    def delete_record(self, name: str) -> Deferred[None]:
        found: Deferred[None] = self._inner.delete_record(name)
        return found


@final
@implementer(IStorage)
@attrs.define
class DiskCache(_Through):
    """Values as files of a folder that processes of one machine may share; at most ``max_bytes`` of them.

    A file is written under another name and renamed, so a reader sees all of it or nothing. The least recently used
    files, as far as this process knows, go first.
    """

    _inner: Any
    _folder: Path
    max_bytes: int
    _sizes: OrderedDict[str, int] = attrs.field(factory=OrderedDict)
    _total: int = 0

    def __attrs_post_init__(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        found = [(entry.stat(), entry.name) for entry in os.scandir(self._folder) if entry.is_file()]
        for stat, name in sorted(found, key=lambda x: x[0].st_mtime):
            self._note(name, stat.st_size)

    def get(self, key: str) -> Deferred[bytes | None]:
        async def look() -> bytes | None:
            value = self._load(key)
            if value is None:
                value = await self._inner.get(key)
                if value is not None:
                    self._save(key, value)
            return value

        return ensureDeferred(look())

    def put(self, key: str, value: bytes) -> Deferred[None]:
        async def both() -> None:
            await self._inner.put(key, value)
            self._save(key, value)

        return ensureDeferred(both())

    def delete(self, key: str) -> Deferred[None]:
        self._drop(_file_name(key))
        found: Deferred[None] = self._inner.delete(key)
        return found

    def close(self) -> Deferred[None]:
        found: Deferred[None] = self._inner.close()
        return found

    def _load(self, key: str) -> bytes | None:
        name = _file_name(key)
        try:
            value = unseal(key, (self._folder / name).read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, StorageCorrupt) as error:
            _log.warn("Disk cache: {error}; reading from storage", error=str(error))
            self._drop(name)
            return None
        if name in self._sizes:
            self._sizes.move_to_end(name)
        return value

    def _save(self, key: str, value: bytes) -> None:
        name = _file_name(key)
        sealed = seal(value)
        draft = self._folder / f"{name}.{os.getpid()}.draft"
        try:
            draft.write_bytes(sealed)
            draft.replace(self._folder / name)
        except OSError as error:
            _log.warn("Disk cache: could not write: {error}", error=error.strerror)
            draft.unlink(missing_ok=True)
            return
        self._note(name, len(sealed))

    def _note(self, name: str, size: int) -> None:
        self._total += size - self._sizes.pop(name, 0)
        self._sizes[name] = size
        while self._total > self.max_bytes and len(self._sizes) > 1:
            self._drop(next(iter(self._sizes)))

    def _drop(self, name: str) -> None:
        self._total -= self._sizes.pop(name, 0)
        (self._folder / name).unlink(missing_ok=True)


def _file_name(key: str) -> str:
    # Keys are ours, but a name made of a digest can't leave the folder whatever they are.
    return sha256(key.encode()).hexdigest()


@final
@implementer(IStorage)
@attrs.define
class Memcached(_Through):
    """Values in memcached servers, spread by key. A call to one gets ``timeout`` seconds."""

    _inner: Any
    _services: list[ClientService]
    _reactor: IReactorTime
    timeout: float = 0.5
    #: the server's own limit unless it was started with -I.
    largest: int = 1_000_000

    def get(self, key: str) -> Deferred[bytes | None]:
        async def look() -> bytes | None:
            value = await self._ask(key)
            if value is None:
                value = await self._inner.get(key)
                if value is not None:
                    await self._tell(key, value)
            return value

        return ensureDeferred(look())

    def put(self, key: str, value: bytes) -> Deferred[None]:
        async def both() -> None:
            await self._inner.put(key, value)
            await self._tell(key, value)

        return ensureDeferred(both())

    def delete(self, key: str) -> Deferred[None]:
        found: Deferred[None] = self._inner.delete(key)
        return found

    def close(self) -> Deferred[None]:
        async def stop() -> None:
            for service in self._services:
                await service.stopService()
            await self._inner.close()

        return ensureDeferred(stop())

    async def _protocol(self, name: bytes) -> MemCacheProtocol:
        service = self._services[int(name[:8], 16) % len(self._services)]
        try:
            waiting = service.whenConnected(failAfterFailures=1).addTimeout(self.timeout, self._reactor)
            return cast(MemCacheProtocol, await waiting)
        except Exception:
            # The service tells of a failure from within its state machine, where nobody may stop it.
            await deferLater(self._reactor, 0)
            raise

    async def _ask(self, key: str) -> bytes | None:
        name = _file_name(key).encode()
        try:
            protocol = await self._protocol(name)
            _, sealed = await protocol.get(name).addTimeout(self.timeout, self._reactor)
            return None if sealed is None else unseal(key, sealed)
        except StorageCorrupt as error:
            _log.warn("memcached: {error}; reading from storage", error=str(error))
        except (defer.TimeoutError, CancelledError, ConnectionLost, OSError) as error:
            _log.debug("memcached did not answer: {error}", error=type(error).__name__)
        except Exception as error:  # its protocol raises bare errors for what a server says
            _log.warn("memcached failed: {error}", error=type(error).__name__)
        return None

    async def _tell(self, key: str, value: bytes) -> None:
        if len(value) > self.largest:
            return
        name = _file_name(key).encode()
        try:
            protocol = await self._protocol(name)
            await protocol.set(name, seal(value)).addTimeout(self.timeout, self._reactor)
        except Exception as error:
            _log.debug("memcached did not take a value: {error}", error=type(error).__name__)
