"""The composition root: the only place where all parts meet. It builds, wires and starts; it decides nothing else.

``Options`` and ``makeService`` are what the twistd plugin names. A start that cannot succeed ends the process with
one sentence and exit code 1, under twistd, twist and ``bin/run`` alike, never with a traceback.
"""

from __future__ import annotations

import datetime
import gc
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from twisted.application.service import MultiService
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import IReactorFromThreads, ITCPTransport
from twisted.logger import Logger
from twisted.web.server import Site

from peerserver.clocks import steady
from peerserver.index.segment_cache import ObjectCache
from peerserver.options import DatabaseSpec, Options, StorageSettings
from peerserver.peer.connection import Connection, memory_connection
from peerserver.peer.interfaces import IConnection
from peerserver.peer.storage_peer import StoragePeer
from peerserver.systemd import notify
from peerserver.web import make_site
from peerserver.web.bounds import BoundedFactory
from peerserver.web.listen import ListenError, ListenService
from peerserver.web.tls import ReloadableTLS, TLSError, fingerprint, self_signed

__all__ = ("Options", "makeService")

_log = Logger()


def makeService(config: Options, reactor: Any = None, environ: Mapping[str, str] | None = None) -> PeerServerService:  # noqa: N802 - twistd's name
    """The whole server as a service that has not started: no socket is open yet.

    SystemExit with one sentence when the state folder or the certificate cannot be used.
    """
    if reactor is None:
        from twisted.internet import reactor
    steady(reactor)
    return PeerServerService(config, reactor, os.environ if environ is None else environ)


class PeerServerService(MultiService):
    """A running peer server: its port, its databases, its certificate, and the signals it heeds."""

    def __init__(self, config: Options, reactor: Any, environ: Mapping[str, str]) -> None:
        super().__init__()
        self.setName("peer-server")
        self._config = config
        self._reactor = reactor
        self._environ = environ
        source = config["certificate"]
        self._own = source is None
        try:
            if source is None:
                now = datetime.datetime.now(datetime.UTC)
                source = self_signed(config["state-dir"] / "tls", config["host"], now)
            self.tls = ReloadableTLS(source)
        except TLSError as error:
            raise _refusal(error) from None
        self._source = source
        _allow(config["functions"], reactor)
        self._databases = _Databases(config, reactor)
        site = make_site(self._databases.by_name, config["keys"], config["settings"], reactor)
        self._requests = _CountedRequests(site)
        self.bounded = BoundedFactory(site, config["settings"].max_connections, reactor)
        self.listener = ListenService(reactor, config["host"], config["port"], self.bounded, self.tls,
                                      lambda: self._requests.running, self._drop)
        self.listener.setServiceParent(self)
        self._before: Any = None

    def privilegedStartService(self) -> None:  # noqa: N802 - Twisted's name
        try:
            super().privilegedStartService()
        except ListenError as error:
            raise self._given_up(error) from None

    def startService(self) -> None:  # noqa: N802 - Twisted's name
        try:
            super().startService()
        except ListenError as error:
            raise self._given_up(error) from None
        self._announce()
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGHUP, self._hangup)
        _settle_memory()
        self._databases.start(self._unready)
        notify("READY=1", self._environ)

    def stopService(self) -> Deferred[Any]:  # noqa: N802 - Twisted's name
        notify("STOPPING=1", self._environ)
        if self._before is not None:
            signal.signal(signal.SIGHUP, self._before)
            self._before = None
        # The port first, so that the requests that still run find their database.
        closed: Deferred[Any] = super().stopService()
        return closed.addCallback(lambda _: self._databases.close())

    def _unready(self, reasons: Sequence[str]) -> None:
        for reason in reasons:
            _log.error("Giving up: {reason}", reason=reason)
        self._reactor.stop()

    def _given_up(self, error: ListenError) -> SystemExit:
        # The worker threads wait for the reactor's end, which would never come, and would keep the process alive.
        self._reactor.fireSystemEvent("shutdown")
        return _refusal(error)

    def _hangup(self, *_: object) -> None:
        # A signal arrives between any two instructions; the reload is for the reactor's own time.
        cast(IReactorFromThreads, self._reactor).callFromThread(self.tls.reload)

    def _drop(self) -> None:
        for protocol in list(self.bounded.protocols):
            cast(ITCPTransport, protocol.transport).abortConnection()

    def _announce(self) -> None:
        for spec in self._config["databases"]:
            _log.info("Serving {uri} as {name}", uri=str(spec.uri), name=spec.name)
        host, port = self._config["host"], self.listener.addresses[0][1]
        shown = f"[{host}]" if ":" in host else host
        _log.info("Endpoint https://{host}:{port} ({addresses}); GET /health answers OK", host=shown, port=port,
                  addresses=", ".join(address for address, _ in self.listener.addresses))
        certificate = self.tls.identity.chain[0]
        _log.info("{whose} certificate {path}, valid until {until}, SHA-256 {fingerprint}",
                  whose="Self-signed" if self._own else "TLS", path=str(self._source.path),
                  until=certificate.not_valid_after_utc.date().isoformat(), fingerprint=fingerprint(certificate))
        if self._own:
            _log.info('Clients trust it by that file: Clojure :trust-certs [(slurp "{path}")], curl --cacert {path}',
                      path=str(self._source.path))


class _CountedRequests:
    """How many requests are being worked on: what a stop waits for."""

    def __init__(self, site: Site) -> None:
        self.running = 0
        self._make = site.requestFactory
        site.requestFactory = self  # type: ignore[assignment]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        request = self._make(*args, **kwargs)
        self.running += 1
        request.notifyFinish().addBoth(self._finished)
        return request

    def _finished(self, _: object) -> None:
        self.running -= 1


class _Databases:
    """The connections behind the names; two names of one URI share one, and databases of one storage share a link."""

    def __init__(self, config: Options, reactor: Any) -> None:
        self._reactor = reactor
        self._timeout: float | None = config["start-timeout"]
        self._peers: dict[str, StoragePeer] = {}
        self.by_name: dict[str, IConnection] = {}
        in_memory: dict[str, Connection] = {}
        settings: StorageSettings = config["storage"]
        cache = ObjectCache(settings.object_cache_max)
        specs: Sequence[DatabaseSpec] = config["databases"]
        for spec in specs:
            if spec.uri.protocol == "mem":
                if spec.uri.text not in in_memory:
                    in_memory[spec.uri.text] = memory_connection(spec.uri.database, reactor,
                                                                 functions=config["functions"])
                self.by_name[spec.name] = in_memory[spec.uri.text]
                continue
            peer = self._peers.get(spec.uri.storage)
            if peer is None:
                peer = self._peers[spec.uri.storage] = StoragePeer(
                    spec.uri, reactor, cache, settings.caches, settings.read_concurrency, config["functions"],
                    config["tx-timeout"])
            self.by_name[spec.name] = peer.connection(spec.uri.database)
        self._in_memory = list(in_memory.values())

    def start(self, give_up: Callable[[Sequence[str]], None]) -> None:
        """Begins to load what is in storage; ``give_up(reasons)`` when it is not there in time."""
        for peer in self._peers.values():
            peer.start()
        if self._timeout is not None and self._peers:
            self._reactor.callLater(self._timeout, self._check, give_up)

    def _check(self, give_up: Callable[[Sequence[str]], None]) -> None:
        missing = [name for name, connection in self.by_name.items() if not connection.ready]
        if missing:
            give_up([f"the database {name} was not there after {self._timeout:g} s" for name in missing])

    def close(self) -> Deferred[Any]:
        """Ends them; what they have taken is finished first."""
        everything: list[Any] = [*self._in_memory, *self._peers.values()]
        return gatherResults([one.close() for one in everything], consumeErrors=True)


def _allow(functions: Mapping[str, Callable[..., Any]], reactor: Any) -> None:
    """Lets queries and pulls call the operator's functions (transactions get them with their database), and the ones
    that need chance or the time."""
    from peerserver.pull import xforms
    from peerserver.query import builtins
    from peerserver.query.builtins.impure import impure_functions

    builtins.install(impure_functions(random.random, lambda: int(time.time() * 1000)))
    try:
        builtins.install({name: builtins.Function(name, function) for name, function in functions.items()})
    except ValueError as error:
        raise _refusal(ValueError(f"--extensions: {error}")) from None
    xforms.install(functions)


def _settle_memory() -> None:
    """Makes the collector of cycles rarer: a full pass over the values of a large database stops every thread for a
    tenth of a second, and took 10 to 20 % of a bulk load. What the start made is never looked at again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 10, 200)


def _refusal(error: Exception) -> SystemExit:
    return SystemExit(f"peer-server: {error}")
