"""What one connection, or all together, may take of the server before a request is even read.

Too many connections are closed as they come, and a TLS handshake must end in time. Idle and half-sent requests are
bounded by the HTTP channel above.
"""

from __future__ import annotations

from typing import cast

from twisted.internet.interfaces import (
    IDelayedCall,
    IHandshakeListener,
    IProtocolFactory,
    IProtocolNegotiationFactory,
    IReactorTime,
    ITCPTransport,
)
from twisted.logger import Logger
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.python.failure import Failure
from zope.interface import implementer

__all__ = ("BoundedFactory",)

#: seconds for the handshake: some round trips over a bad line, and no more.
HANDSHAKE_SECONDS = 10.0


@implementer(IHandshakeListener)
class _BoundedProtocol(ProtocolWrapper):
    """Counts itself, and ends when the handshake takes too long."""

    _deadline: IDelayedCall | None = None
    factory: BoundedFactory

    def connectionMade(self) -> None:  # noqa: N802 - Twisted's name
        super().connectionMade()
        if self.factory.full():
            self._abort()
            return
        self._deadline = self.factory.clock.callLater(HANDSHAKE_SECONDS, self._abort)

    def handshakeCompleted(self) -> None:  # noqa: N802 - Twisted's name
        self._cancel()

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override] # noqa: N802 - Twisted's name
        self._cancel()
        super().connectionLost(reason)

    def _cancel(self) -> None:
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()

    def _abort(self) -> None:
        cast(ITCPTransport, self.transport).abortConnection()


@implementer(IProtocolNegotiationFactory)
class BoundedFactory(WrappingFactory):
    """Wraps the site: at most ``limit`` connections, each with a deadline for its handshake."""

    protocol = _BoundedProtocol
    noisy = False
    _log = Logger()

    def __init__(self, wrapped: IProtocolFactory, limit: int, clock: IReactorTime) -> None:
        super().__init__(wrapped)
        self.limit = limit
        self.clock = clock
        self._was_full = False

    def acceptableProtocols(self) -> list[bytes]:  # noqa: N802 - Twisted's name
        """What ALPN may agree on: the wire is HTTP/1.1 only."""
        return [b"http/1.1"]

    def full(self) -> bool:
        """Whether the newest connection is one too many; the first of a time of need is logged."""
        over = len(self.protocols) > self.limit
        if over and not self._was_full:
            self._log.warn("Closing new connections: {limit} are open", limit=self.limit)
        self._was_full = over
        return over
