"""The listening sockets: every address of the host, one port, and an end that lets running requests finish.

What is served there, and with which certificate, is not decided here.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from typing import Any, cast

from twisted.application.service import Service
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort, IProtocolFactory

__all__ = ("ListenError", "ListenService")

#: seconds that running requests get to finish at a stop; systemd's and Docker's own patience is longer.
GRACE_SECONDS = 8.0
_POLL_SECONDS = 0.05
BACKLOG = 512


class ListenError(Exception):
    """The port cannot be listened on; the message is one sentence that says what to change."""


class ListenService(Service):
    """Listens with TLS on ``host`` and ``port`` while it runs.

    ``running`` says how many requests are being worked on; ``drop`` closes the connections that are left at the end.
    """

    def __init__(self, reactor: Any, host: str, port: int, factory: IProtocolFactory, tls: object,
                 running: Callable[[], int], drop: Callable[[], None]) -> None:
        self._reactor = reactor
        self._host = host
        self._port = port
        self._factory = factory
        self._tls = tls
        self._running = running
        self._drop = drop
        self.ports: list[IListeningPort] = []

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """The addresses in use, after the start."""
        found = (cast(IPv4Address | IPv6Address, port.getHost()) for port in self.ports)
        return [(address.host, address.port) for address in found]

    def privilegedStartService(self) -> None:  # noqa: N802 - Twisted's name
        """Listens while the process may still take ports below 1024. ListenError when it cannot."""
        super().privilegedStartService()
        self._listen()

    def startService(self) -> None:  # noqa: N802 - Twisted's name
        """Listens, unless the privileged start (which twist leaves out) has. ListenError when it cannot."""
        if not self.ports:
            self._listen()
        super().startService()

    def _listen(self) -> None:
        missing: CannotListenError | None = None
        port = self._port
        for address in _addresses(self._host):
            try:
                listening = self._reactor.listenSSL(port, self._factory, self._tls, BACKLOG, address)
            except CannotListenError as error:
                if getattr(error.socketError, "errno", None) in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                    # localhost names ::1 on machines that have no IPv6.
                    missing = error
                    continue
                for opened in self.ports:
                    opened.stopListening()
                raise ListenError(_reason(error, self._host, port)) from None
            self.ports.append(listening)
            port = listening.getHost().port
        if not self.ports and missing is not None:
            raise ListenError(_reason(missing, self._host, port))

    def stopService(self) -> Deferred[None]:  # noqa: N802 - Twisted's name
        """Takes no more connections, waits for the running requests (bounded), then closes what is left."""
        super().stopService()
        ports, self.ports = self.ports, []
        closed = [maybeDeferred(port.stopListening) for port in ports]
        done: Deferred[None] = Deferred()
        self._drain(closed, done, self._reactor.seconds() + GRACE_SECONDS)
        return done

    def _drain(self, closed: list[Deferred[Any]], done: Deferred[None], deadline: float) -> None:
        if self._running() and self._reactor.seconds() < deadline:
            self._reactor.callLater(_POLL_SECONDS, self._drain, closed, done, deadline)
            return
        self._drop()
        done.callback(None)


def _addresses(host: str) -> list[str]:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (socket.gaierror, UnicodeError):
        raise ListenError(f"-h {host}: no such host is known; give an address or a name of this machine") from None
    return list(dict.fromkeys(str(info[4][0]) for info in found))


def _reason(error: CannotListenError, host: str, port: int) -> str:
    match getattr(error.socketError, "errno", None):
        case errno.EADDRINUSE:
            return f"port {port} on {host} is in use; stop what listens there or choose another with -p"
        case errno.EACCES | errno.EPERM:
            return f"port {port} needs privileges; choose one above 1023 with -p"
        case errno.EADDRNOTAVAIL | errno.EAFNOSUPPORT:
            return f"-h {host} is no address of this machine; give one that is, or 0.0.0.0 for all"
    return f"port {port} on {host} cannot be listened on: {error.socketError}"
