"""The transactor's process: storage, lease, and when it is active the databases and the port.

It begins as standby and holds no port. When it may be active no more, it ends: what it would go on with is another's.
What is not decided here: any of what its parts do.
"""

from __future__ import annotations

import datetime
import gc
import os
import random
import time
from collections.abc import Callable, Mapping
from typing import Any, final
from uuid import uuid4

from twisted.application.service import Service
from twisted.internet.defer import Deferred, ensureDeferred, succeed
from twisted.internet.error import CannotListenError
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.threadpool import ThreadPool

from peerserver.clocks import steady
from peerserver.durable.lease import Holder
from peerserver.durable.lease_driver import LeaseDriver
from peerserver.durable.loading import Loader
from peerserver.durable.log import Deposed, OutcomeUnknown
from peerserver.durable.secret import made_secret
from peerserver.index.segment_cache import ObjectCache
from peerserver.model.anomaly import Anomaly
from peerserver.storage.guard import Limits as StorageLimits
from peerserver.storage.interfaces import IStorage, StorageError
from peerserver.storage.opening import CacheSettings, open_storage
from peerserver.systemd import notify
from peerserver.wire.messages import VERSION
from peerserver.wire.tls import ChannelCertificate

from .host import Limits, TransactorHost
from .job import JobProcess
from .options import TransactorOptions as Options
from .properties import TransactorProperties
from .server import PeerPort
from .surroundings import Unusable, check_host, health_site, listen, log_to, write_pid

__all__ = ("Options", "TransactorService", "makeService")

_log = Logger()

#: seconds between attempts to reach storage at the start, and to take the port.
RETRY = 1.0
#: seconds that a stop waits for the transactions that were taken.
GRACE = 10.0
_LOCAL = ("127.0.0.1", "::1", "::ffff:127.0.0.1")


def makeService(options: Options, reactor: Any = None,  # noqa: N802 - twistd's name
                environ: Mapping[str, str] | None = None) -> TransactorService:
    """The transactor as a service that has not started."""
    if reactor is None:
        from twisted.internet import reactor
    steady(reactor)
    return TransactorService(options["properties"], options["functions"], reactor, os.environ if environ is None else environ)


@final
class TransactorService(Service):
    """A transactor that runs: standby, then perhaps active. ``exit_code`` is 1 after it had to end by itself."""

    name = "transactor"

    def __init__(self, properties: TransactorProperties, functions: Mapping[str, Callable[..., Any]], reactor: Any,
                 environ: Mapping[str, str]) -> None:
        self.exit_code = 0
        self._properties = properties
        self._functions = functions
        self._reactor = reactor
        self._environ = environ
        self._incarnation = uuid4().hex
        self._storage: IStorage | None = None
        self._driver: LeaseDriver | None = None
        self._host: TransactorHost | None = None
        self._port: PeerPort | None = None
        self._ports: list[Any] = []
        self._unlog: Callable[[], None] | None = None
        self._job: JobProcess | None = None
        self._pool = ThreadPool(1, 4, "transactor")
        self._stopping = False

    def startService(self) -> None:  # noqa: N802 - Twisted's name
        super().startService()
        # As in the peer server: full passes of the collector over a database stop every thread for a tenth of a second.
        gc.collect()
        gc.freeze()
        gc.set_threshold(10_000, 10, 200)
        properties = self._properties
        try:
            check_host(properties.host)
            if properties.log_dir is not None:
                self._unlog = log_to(properties.log_dir)
            if properties.pid_file is not None:
                write_pid(properties.pid_file)
            if properties.ping is not None:
                self._ports += listen(*properties.ping, self._ping)
        except (Unusable, CannotListenError) as error:
            raise SystemExit(f"transactor: {error}") from None
        if properties.ignored:
            _log.info("Ignored, for they mean nothing here: {names}", names=", ".join(properties.ignored))
        self._pool.start()
        self._reactor.addSystemEventTrigger("during", "shutdown", self._pool.stop)
        ensureDeferred(self._begin()).addErrback(
            lambda failure: self._end(f"it could not start: {failure.getErrorMessage()}"))

    def stopService(self) -> Deferred[Any]:  # noqa: N802 - Twisted's name
        self._stopping = True
        notify("STOPPING=1", self._environ)
        super().stopService()
        return ensureDeferred(self._finish())

    # -- standby

    async def _begin(self) -> None:
        properties = self._properties
        self._storage = storage = await self._opened()
        certificate = ChannelCertificate.new(datetime.datetime.now(datetime.UTC)) if properties.encrypt_channel else None
        secret = await self._patiently(lambda: made_secret(storage, os.urandom(32)))
        if self._stopping:
            return
        holder = Holder(self._incarnation, properties.host, properties.alt_host, properties.port, str(VERSION),
                        "" if certificate is None else certificate.digest)
        self._driver = LeaseDriver(storage, self._reactor, holder, properties.heartbeat_interval,
                                   lambda: self._activate(certificate, secret), self._end)
        self._driver.start()
        _log.info("Transactor on {storage}: standby", storage=str(properties.storage))
        notify("READY=1", self._environ)

    async def _opened(self) -> IStorage:
        properties = self._properties
        limits = StorageLimits(read_concurrency=properties.read_concurrency,
                               write_concurrency=properties.write_concurrency)
        caches = CacheSettings(properties.valcache_path, properties.valcache_bytes, properties.memcached)
        storage: IStorage = await self._patiently(lambda: open_storage(
            properties.storage, self._reactor, random.random, limits, caches, create=True))
        return storage

    async def _patiently(self, attempt: Callable[[], Any]) -> Any:
        told = ""
        while True:
            try:
                return await attempt()
            except StorageError as error:
                if str(error) != told:
                    told = str(error)
                    _log.warn("Storage is not there yet: {error}; trying on", error=told)
                if self._stopping:
                    raise
                await deferLater(self._reactor, RETRY)

    # -- active

    def _activate(self, certificate: ChannelCertificate | None, secret: bytes) -> None:
        ensureDeferred(self._serve(certificate, secret)).addErrback(
            lambda failure: self._end(f"it could not take over: {failure.getErrorMessage()}"))

    async def _serve(self, certificate: ChannelCertificate | None, secret: bytes) -> None:
        properties, storage = self._properties, self._storage
        assert storage is not None
        started = time.monotonic()
        _log.info("Active: taking the databases")
        loader = Loader(storage, self._reactor, ObjectCache(properties.object_cache_max), self._pool)
        self._job = JobProcess(self._reactor, properties.storage, properties.object_cache_max,
                               properties.write_concurrency)
        host = TransactorHost(
            loader, self._reactor, self._incarnation, Limits(properties.memory_index_threshold, properties.memory_index_max),
            self._functions, self._job.run, self._end, self._on_group, self._on_index)
        self._host = host
        try:
            await self._patiently(host.start)
        except (Deposed, OutcomeUnknown, Anomaly) as problem:
            self._end(str(problem))
            return
        self._port = PeerPort(self._reactor, host, self._secret_of(secret), self._beat(),
                              storage if properties.dev else None)
        await self._listen(certificate)
        _log.info("Active on {host}:{port} after {seconds:.2f} s", host=properties.host, port=properties.port,
                  seconds=time.monotonic() - started)

    async def _listen(self, certificate: ChannelCertificate | None) -> None:
        properties = self._properties
        told = False
        while not self._stopping:
            try:
                self._ports += listen(properties.host, properties.port, lambda port, address: self._open(
                    certificate, port, address))
                return
            except CannotListenError as error:
                # A predecessor on the same machine may need a moment more.
                if not told:
                    _log.warn("Port {port} cannot be taken: {error}; trying on", port=properties.port,
                              error=str(error.socketError))
                    told = True
                await deferLater(self._reactor, RETRY / 4)

    def _open(self, certificate: ChannelCertificate | None, port: int, address: str) -> Any:
        if certificate is None:
            return self._reactor.listenTCP(port, self._port, interface=address)
        return self._reactor.listenSSL(port, self._port, certificate.options, interface=address)

    def _ping(self, port: int, address: str) -> Any:
        return self._reactor.listenTCP(port, health_site(), interface=address)

    def _beat(self) -> float:
        return min(self._properties.heartbeat_interval, 2.0)

    def _secret_of(self, secret: bytes) -> Callable[[str, str], bytes | None]:
        properties = self._properties

        def secret_of(role: str, address: str) -> bytes | None:
            if role != "storage":
                return secret
            if not properties.dev or (properties.storage_access == "local" and address not in _LOCAL):
                return None
            return properties.storage_password.encode()

        return secret_of

    def _on_group(self, database_id: str, data: bytes, last_t: int) -> None:
        if self._port is not None:
            self._port.novelty(database_id, data, last_t)

    def _on_index(self, database_id: str, key: str) -> None:
        if self._port is not None:
            self._port.indexed(database_id, key)

    # -- the end

    def _end(self, reason: str) -> None:
        """Ends the process: this transactor is active no more, or cannot be."""
        if self._stopping:
            return
        self._stopping = True
        self.exit_code = 1
        _log.error("The transactor ends: {reason}", reason=reason)
        if self._port is not None:
            for connection in list(self._port.connections):
                connection.transport.abortConnection()
        self._reactor.callLater(0, self._reactor.stop)

    async def _finish(self) -> None:
        for port in self._ports:
            await _stopped(port.stopListening())
        if self._job is not None:
            self._job.stop()
        if self._host is not None and self.exit_code == 0:
            closed = self._host.close()
            closed.addTimeout(GRACE, self._reactor)
            try:
                await closed
            except Exception as problem:
                _log.warn("Transactions were still under way: {problem}", problem=type(problem).__name__)
        if self._driver is not None:
            await self._driver.stop()
        if self._port is not None:
            self._port.close()
        if self._storage is not None:
            await self._storage.close()
        if self._properties.pid_file is not None:
            self._properties.pid_file.unlink(missing_ok=True)
        if self._unlog is not None:
            self._unlog()


def _stopped(result: Any) -> Deferred[Any]:
    return result if isinstance(result, Deferred) else succeed(result)
