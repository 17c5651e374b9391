"""From a database URI to a storage: the adapter, limits and retries around it, and the caches that are wanted.

What is not decided here: what is kept in it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, final

import attrs
from twisted.application.internet import ClientService
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.protocol import Factory
from twisted.protocols.memcache import MemCacheProtocol

from peerserver.model.anomaly import incorrect
from peerserver.wire.client import Address

from .caches import DiskCache, Memcached
from .guard import GuardedStorage, Limits
from .interfaces import IStorage, StorageError
from .uri import DatabaseURI

__all__ = ("CacheSettings", "open_storage", "sqlite_path")


@final
@attrs.frozen
class CacheSettings:
    """``valcache_path``: a folder for at most ``valcache_bytes``; ``memcached``: (host, port) of servers."""

    valcache_path: Path | None = None
    valcache_bytes: int = 0
    memcached: tuple[tuple[str, int], ...] = ()


def sqlite_path(uri: DatabaseURI) -> Path | None:
    """The file of a ``datomic:sql://…?jdbc:sqlite:/path`` URI, else None."""
    prefix = "jdbc:sqlite:"
    return Path(uri.jdbc.removeprefix(prefix)) if uri.jdbc.startswith(prefix) else None


async def open_storage(uri: DatabaseURI, reactor: Any, jitter: Callable[[], float], limits: Limits | None = None,
                       caches: CacheSettings | None = None, create: bool = False) -> IStorage:
    """A storage behind limits and caches. ``create``: tables that are missing are made, where peers may not.

    Fails with Anomaly incorrect for a URI that names no storage or lacks its driver, StorageError when the service
    can't be reached and the adapter needs it at once."""
    limits = limits or Limits()
    inner = await _adapter(uri, reactor, limits, create)
    storage: Any = GuardedStorage(inner, reactor, limits, jitter)
    caches = caches or CacheSettings()
    if caches.memcached:
        services = [_memcached(reactor, host, port) for host, port in caches.memcached]
        storage = Memcached(storage, services, reactor)
    if caches.valcache_path is not None:
        storage = DiskCache(storage, caches.valcache_path, caches.valcache_bytes)
    return storage  # type: ignore[no-any-return]


async def _adapter(uri: DatabaseURI, reactor: Any, limits: Limits, create: bool) -> Any:
    connections = limits.read_concurrency + limits.write_concurrency
    try:
        if uri.protocol == "dev":
            from .remote import RemoteStorage

            password = uri.options.get("password", "")
            encrypted = uri.options.get("encrypt-channel", "true") != "false"
            return RemoteStorage(reactor, Address(uri.host, uri.port, password.encode(), encrypted))
        if uri.protocol == "sql":
            return await _sql(uri, reactor, connections, create)
        if uri.protocol.startswith("ddb"):
            from .dynamodb import open_dynamodb

            storage = open_dynamodb(uri, connections, reactor)
            if create and uri.protocol == "ddb-local":
                await storage.create_table()
            return storage
        if uri.protocol.startswith("cass"):
            from .cassandra import open_cassandra

            return await open_cassandra(uri, reactor, create)
    except ImportError as error:
        raise incorrect(f"{uri} needs the Python package {error.name}, which is not installed; bin/run and "
                        "bin/transactor install it, or use the extras of this package") from error
    raise incorrect(f"{uri} lives in the memory of a peer server; it has no storage that could be opened")


async def _sql(uri: DatabaseURI, reactor: Any, connections: int, create: bool) -> Any:
    path = sqlite_path(uri)
    if path is not None:
        from .sqlite import open_sqlite

        return await open_sqlite(path, reactor)
    from .jdbc import open_jdbc, parse_jdbc

    storage = open_jdbc(parse_jdbc(uri.jdbc), connections, reactor)
    if create:
        try:
            await storage.read("")
        except StorageError:
            # Only then: a user who may use the table need not be one who may make tables.
            await storage.create_table()
    return storage


def _memcached(reactor: Any, host: str, port: int) -> ClientService:
    factory = Factory.forProtocol(MemCacheProtocol)
    factory.noisy = False
    service = ClientService(HostnameEndpoint(reactor, host, port, timeout=2), factory, clock=reactor)
    service.startService()
    return service
