"""A TCP proxy that can be told to fail, as a process of its own: ``python -m tests.chaos.proxy LISTEN TARGET``.

Lines on its standard input change what it does, from then on and to connections that are open:

``pass``       forwards
``delay S``    forwards each piece S seconds late
``hold``       takes connections and bytes, and forwards nothing: what lost packets look like
``forsake``    what is open stays silent for ever, what is opened from now on passes: a path that changed
``cut``        ends every connection, and each new one
"""

from __future__ import annotations

import sys
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet import stdio
from twisted.internet.protocol import ClientFactory, Factory, Protocol, connectionDone
from twisted.protocols.basic import LineReceiver
from twisted.python.failure import Failure

__all__ = ("main",)

reactor: Any = _reactor


class _Side(Protocol):
    """One half of a forwarded connection. ``other`` is there once both are open; bytes wait until then."""

    other: _Side | None = None
    transport: Any  # a TCP connection

    def __init__(self, state: _State) -> None:
        self.state = state
        self.waiting: list[bytes] = []
        self.due = 0.0
        self.forsaken = False

    def connectionMade(self) -> None:
        self.state.sides.add(self)
        if self.state.mode == "hold":
            self.transport.pauseProducing()

    def dataReceived(self, data: bytes) -> None:
        if self.state.delay == 0 and self.due <= reactor.seconds():
            self.forward(data)
            return
        self.due = max(self.due, reactor.seconds() + self.state.delay)
        reactor.callLater(self.due - reactor.seconds(), self.forward, data)

    def forward(self, data: bytes) -> None:
        if self.other is None or self.other.transport is None:
            self.waiting.append(data)
        else:
            self.other.transport.write(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.state.sides.discard(self)
        if self.other is not None and self.other.transport is not None:
            self.other.transport.loseConnection()


class _In(_Side):
    """What a client opened; opens the way to the target."""

    def connectionMade(self) -> None:
        if self.state.mode == "cut":
            self.transport.abortConnection()
            return
        super().connectionMade()
        reactor.connectTCP("127.0.0.1", self.state.target, _Out(self, self.state), timeout=10)


class _Out(ClientFactory):
    noisy = False

    def __init__(self, front: _In, state: _State) -> None:
        self.front, self.state = front, state

    def buildProtocol(self, addr: object) -> _Side:
        back = _Side(self.state)
        back.other, self.front.other = self.front, back
        reactor.callLater(0, self._flush)
        return back

    def _flush(self) -> None:
        waiting, self.front.waiting = self.front.waiting, []
        for data in waiting:
            self.front.forward(data)

    def clientConnectionFailed(self, connector: object, reason: Failure) -> None:
        if self.front.transport is not None:
            self.front.transport.abortConnection()


class _State(Factory):
    """What the proxy does now, and its connections."""

    noisy = False

    def __init__(self, target: int) -> None:
        self.target = target
        self.mode, self.delay = "pass", 0.0
        self.sides: set[_Side] = set()

    def buildProtocol(self, addr: object) -> _In:
        return _In(self)

    def told(self, mode: str, delay: float) -> None:
        self.mode, self.delay = mode, delay
        for side in list(self.sides):
            if side.forsaken:
                if mode == "cut":
                    side.transport.abortConnection()
            elif mode == "forsake":
                side.forsaken = True
                side.transport.pauseProducing()
            elif mode == "cut":
                side.transport.abortConnection()
            elif mode == "hold":
                side.transport.pauseProducing()
            else:
                side.transport.resumeProducing()


class _Orders(LineReceiver):
    delimiter = b"\n"

    def __init__(self, state: _State) -> None:
        self.state = state

    def lineReceived(self, line: bytes) -> None:
        mode, *rest = line.decode().split()
        self.state.told(mode, float(rest[0]) if rest else 0.0)
        self.sendLine(b"ok")

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if reactor.running:
            reactor.stop()


def main() -> None:
    """Runs until its standard input ends."""
    listen, target = (int(x) for x in sys.argv[1:3])
    state = _State(target)
    reactor.listenTCP(listen, state, interface="127.0.0.1", backlog=200)
    stdio.StandardIO(_Orders(state))
    print("ready", flush=True)
    reactor.run()


if __name__ == "__main__":
    main()
