"""A peer of one storage: its databases, one link to its transactor, one cache of what was read.

What is not decided here: how a database is followed (``peer.following``) or a transactor reached (``peer.link``).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any, final

from twisted.internet.defer import Deferred, ensureDeferred, gatherResults
from twisted.internet.interfaces import IReactorTime
from twisted.python.threadpool import ThreadPool

from peerserver.durable.finding import find_transactor
from peerserver.durable.loading import Loader
from peerserver.index.segment_cache import ObjectCache
from peerserver.storage.guard import Limits
from peerserver.storage.late import LateStorage
from peerserver.storage.opening import CacheSettings, open_storage
from peerserver.storage.uri import DatabaseURI

from .following import DurableConnection
from .link import Link

__all__ = ("StoragePeer",)


@final
class StoragePeer:
    """``uri``: of any database of the storage; ``cache``: shared by all storages of the process."""

    def __init__(self, uri: DatabaseURI, reactor: Any, cache: ObjectCache, caches: CacheSettings, read_concurrency: int,
                 functions: Mapping[str, Callable[..., Any]], tx_timeout: float) -> None:
        limits = Limits(read_concurrency=read_concurrency)
        self._storage = LateStorage(lambda: open_storage(uri, reactor, random.random, limits, caches))
        self._pool = ThreadPool(0, 4, f"reader {uri.protocol}")
        self._reactor: IReactorTime = reactor
        self._functions = functions
        self._tx_timeout = tx_timeout
        self._loader = Loader(self._storage, reactor, cache, self._pool)
        self.link = Link(reactor, lambda: ensureDeferred(find_transactor(self._storage)))
        self._connections: dict[str, DurableConnection] = {}

    def connection(self, name: str) -> DurableConnection:
        """The connection to a database, loaded or not."""
        found = self._connections.get(name)
        if found is None:
            found = self._connections[name] = DurableConnection(
                name, self._loader, self.link, self._reactor, self._functions, self._tx_timeout)
        return found

    def start(self) -> Deferred[Any]:
        """Begins to load and to follow; fires when all databases are there."""
        reactor: Any = self._reactor
        self._pool.start()
        reactor.addSystemEventTrigger("during", "shutdown", self._pool.stop)
        self.start_link()
        return gatherResults([connection.start() for connection in self._connections.values()])

    def start_link(self) -> None:
        """Connects to the transactor."""
        self.link.start()

    def close(self) -> Deferred[Any]:
        """Ends the link and the storage."""
        self.link.stop()
        ended = gatherResults([connection.close() for connection in self._connections.values()], consumeErrors=True)
        return ended.addCallback(lambda _: self._storage.close())
