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

from peerserver.model.anomaly import Anomaly, busy, incorrect

from .resource import early_answer
from .settings import Settings

__all__ = ("BoundedRequest", "BoundedSite", "Channel")


class BoundedRequest(TwistedRequest):
    """A request whose body is held in memory up to the site's limits; one beyond them is answered and cut off."""

    refused = False
    channel: Channel
    _held = 0

    def gotLength(self, length: int | None) -> None:  # noqa: N802 - Twisted's name
        """The declared length; None for a body in chunks."""
        self.content: BytesIO = BytesIO()
        if length is not None:
            self._check(length, 0)

    def handleContentChunk(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        """A piece of the body."""
        if not self.refused and self._check(self._held + len(data), len(data)):
            self.content.write(data)

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:  # noqa: N802 - Twisted's name
        """The whole request. One that was refused has been answered already."""
        if not self.refused:
            super().requestReceived(command, path, version)

    def finish(self) -> None:
        """The answer is complete."""
        self._release()
        super().finish()

    def connectionLost(self, reason: Failure) -> None:  # noqa: N802 - Twisted's name
        """The client has gone."""
        self._release()
        super().connectionLost(reason)

    def _check(self, length: int, more: int) -> bool:
        # The request's own site is set only once it is whole.
        site: BoundedSite = self.channel.site
        settings = site.settings
        if length > settings.max_body:
            self._refuse(413, "Content Too Large", incorrect(
                f"The request's body has more than {settings.max_body} bytes; send less at a time"))
            return False
        if site.held + more > settings.held_bodies:
            self._refuse(429, "Too Many Requests", busy("The server holds as many requests as it may; try again"))
            return False
        self._held += more
        site.held += more
        return True

    def _release(self) -> None:
        self.channel.site.held -= self._held
        self._held = 0

    def _refuse(self, status: int, reason: str, anomaly: Anomaly) -> None:
        self.refused = True
        self._release()
        self.content = BytesIO()
        kind, body = early_answer(self.getHeader("content-type"), anomaly)
        head = (f"HTTP/1.1 {status} {reason}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
                "Connection: close\r\n\r\n")
        self.channel.transport.write(head.encode() + body)
        self.channel.loseConnection()


class Channel(HTTPChannel):
    """A connection. A request that has begun must be complete within ``receive_timeout``, however it trickles."""

    _deadline: Any = None
    site: BoundedSite
    transport: Any

    def dataReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        """Some bytes of a request."""
        if self._deadline is None and not self._handlingRequest:
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
        #: bytes of bodies that are held now.
        self.held = 0

    def log(self, request: Any) -> None:
        """No line for each request: what is refused or fails is logged where it happens."""
