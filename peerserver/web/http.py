"""HTTP with bounds: how large a request may be, and how long it may take to arrive.

What is not decided here: what a request means (``resource``), and how many connections there may be (``bounds``).
"""

from __future__ import annotations

from io import BytesIO
from typing import Any

from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel
from twisted.web.server import Request as TwistedRequest
from twisted.web.server import Site

from .settings import Settings

__all__ = ("BoundedRequest", "BoundedSite", "Channel")


class _Discarded(BytesIO):
    def write(self, data: Any) -> int:
        return len(data)


class BoundedRequest(TwistedRequest):
    """A request whose body is held in memory up to the site's limit; a larger one is answered and cut off."""

    too_large = False
    channel: Channel

    def gotLength(self, length: int | None) -> None:  # noqa: N802 - Twisted's name
        """The declared length; None for a body in chunks."""
        self.content: BytesIO = BytesIO()
        self._received = 0
        if length is not None and length > self._limit():
            self._refuse()

    def handleContentChunk(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        """A piece of the body."""
        if self.too_large:
            return
        self._received += len(data)
        if self._received > self._limit():
            self._refuse()
        else:
            self.content.write(data)

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:  # noqa: N802 - Twisted's name
        """The whole request. One that was refused has been answered already."""
        if not self.too_large:
            super().requestReceived(command, path, version)

    def _limit(self) -> int:
        # The request's own site is set only once it is whole.
        site = self.channel.site
        limit: int = site.settings.max_body if isinstance(site, BoundedSite) else Settings().max_body
        return limit

    def _refuse(self) -> None:
        from .resource import too_large

        self.too_large = True
        self.content = _Discarded()
        kind, body = too_large(self.getHeader("content-type"), self._limit())
        head = (f"HTTP/1.1 413 Content Too Large\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
                "Connection: close\r\n\r\n")
        self.channel.transport.write(head.encode() + body)
        self.channel.loseConnection()


class Channel(HTTPChannel):
    """A connection. A request that has begun must be complete within ``receive_timeout``, however it trickles."""

    _deadline: Any = None
    site: Any
    transport: Any

    def dataReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        """Some bytes of a request."""
        if self._deadline is None and not self._handlingRequest and isinstance(self.site, BoundedSite):
            self._deadline = self.callLater(self.site.settings.receive_timeout, self._too_slow)
        super().dataReceived(data)

    def allContentReceived(self) -> None:  # noqa: N802 - Twisted's name
        """A request is complete."""
        self._stop_deadline()
        super().allContentReceived()

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802 - Twisted's name
        """The end, at whatever moment."""
        self._stop_deadline()
        super().connectionLost(reason)

    def _too_slow(self) -> None:
        self._deadline = None
        self.timeoutConnection()

    def _stop_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class BoundedSite(Site):
    """The server's site."""

    protocol = Channel  # type: ignore[assignment]

    def __init__(self, resource: Any, settings: Settings, reactor: Any) -> None:
        super().__init__(resource, requestFactory=BoundedRequest, timeout=settings.idle_timeout, reactor=reactor,
                         parsePOSTFormSubmission=False)
        self.settings = settings

    def log(self, request: Any) -> None:
        """No line for each request: what is refused or fails is logged where it happens."""
