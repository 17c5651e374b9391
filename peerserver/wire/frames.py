"""Frames on a connection: u32 length and payload, heartbeats when there is nothing to say, an end to silence.

Any bytes that come in show that the other side lives. Until the handshake is over a frame may have 4 KB, and it must
be over soon: strangers cost next to nothing.
What is not decided here: what a payload means.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any, final

import attrs
from twisted.internet.interfaces import ITCPTransport
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from .messages import MAX_MESSAGE, BadMessage, pack, unpack

__all__ = ("FrameBuffer", "MessageProtocol")

_LENGTH = struct.Struct(">I")
#: bytes of a frame before the handshake is over, and seconds that it may take.
STRANGERS_FRAME = 4096
STRANGERS_SECONDS = 10.0
_PING = pack("ping")


@final
@attrs.define
class FrameBuffer:
    """Bytes in, payloads out. ``limit``: the most bytes of a payload."""

    limit: int = STRANGERS_FRAME
    _parts: list[bytes] = attrs.field(factory=list)
    _have: int = 0
    _need: int = -1

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The payloads that are complete now; BadMessage for one that is too long."""
        self._parts.append(data)
        self._have += len(data)
        while True:
            if self._need < 0:
                if self._have < _LENGTH.size:
                    return
                self._join()
                self._need = _LENGTH.unpack_from(self._parts[0])[0]
                if self._need > self.limit:
                    raise BadMessage(f"a frame of {self._need} bytes, where {self.limit} are allowed")
            end = _LENGTH.size + self._need
            if self._have < end:
                return
            self._join()
            whole = self._parts[0]
            self._parts = [whole[end:]]
            self._have -= end
            self._need = -1
            yield whole[_LENGTH.size:end]

    def _join(self) -> None:
        if len(self._parts) > 1:
            self._parts = [b"".join(self._parts)]


class MessageProtocol(Protocol):
    """A connection that sends and receives messages. Subclasses say what to do in :meth:`message`.

    ``clock``: an IReactorTime; ``interval``: seconds of silence after which a ping is sent; after 2.5 times that
    without a byte from the other side the connection is given up."""

    _log = Logger()

    def __init__(self, clock: Any, interval: float) -> None:
        self._clock = clock
        self._interval = interval
        self._buffer = FrameBuffer()
        self._heard = 0.0
        self._sent = 0.0
        self._beat = LoopingCall(self._tick)
        self._beat.clock = clock
        self._met = False
        self._began = 0.0
        self.ended = False

    def connectionMade(self) -> None:  # noqa: N802 - Twisted's name
        self._began = self._heard = self._sent = self._clock.seconds()
        transport: Any = self.transport
        if ITCPTransport.providedBy(transport):
            transport.setTcpNoDelay(True)
        self._beat.start(self._interval / 4, now=False)

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802 - Twisted's name
        self.ended = True
        if self._beat.running:
            self._beat.stop()

    def met(self) -> None:
        """The handshake is over: long frames are welcome."""
        self._met = True
        self._buffer.limit = MAX_MESSAGE

    def send(self, *message: Any) -> None:
        """Sends a message."""
        self.send_packed(pack(*message))

    def send_packed(self, data: bytes) -> None:
        """Sends a message that is bytes already."""
        if self.transport is not None and not self.ended:
            self._sent = self._clock.seconds()
            self.transport.writeSequence([_LENGTH.pack(len(data)), data])

    def dataReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        self._heard = self._clock.seconds()
        try:
            for payload in self._buffer.feed(data):
                message = unpack(payload)
                if message[0] != "ping":
                    self.message(message)
                if self.ended:
                    return
        except BadMessage as error:
            self.give_up(f"{error} from {self.whom()}")
        except Exception:
            self._log.failure("A message could not be handled")
            self.give_up("a message could not be handled")

    def message(self, message: list[Any]) -> None:
        """A message came."""
        raise NotImplementedError

    def give_up(self, why: str) -> None:
        """Ends the connection at once."""
        if not self.ended:
            self.ended = True
            self._log.info("Closing a connection: {why}", why=why)
            transport: Any = self.transport
            transport.abortConnection()

    def whom(self) -> str:
        """The other side's address, for the log."""
        peer: Any = self.transport.getPeer() if self.transport is not None else None
        return f"{getattr(peer, 'host', '?')}:{getattr(peer, 'port', '?')}"

    def _tick(self) -> None:
        now = self._clock.seconds()
        if not self._met and now - self._began > STRANGERS_SECONDS:
            self.give_up(f"no handshake from {self.whom()} in {STRANGERS_SECONDS:g} s")
        elif now - self._heard > 2.5 * self._interval:
            self.give_up(f"nothing was heard of {self.whom()} for {now - self._heard:.1f} s")
        elif self._met and now - self._sent >= self._interval:
            self.send_packed(_PING)
