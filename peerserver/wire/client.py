"""The calling end of a connection to a transactor: the handshake, calls and their answers.

What is not decided here: where the transactor is and when to connect again (``wire.dial``, ``peer.link``).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import count
from typing import Any, final

import attrs
from twisted.internet.defer import Deferred, fail
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IHandshakeListener
from twisted.internet.protocol import Factory, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from .frames import MessageProtocol
from .handshake import ClientHandshake, Refused
from .messages import BadMessage, anomaly_of
from .tls import PinnedClient, peer_digest

__all__ = ("Address", "Client", "dial")

CONNECT_SECONDS = 3.0


@final
@attrs.frozen
class Address:
    """Where a transactor listens. ``digest``: of its certificate, "" for any; ``secret`` for the role. Without
    ``encrypted`` the channel is plain."""

    host: str
    port: int
    secret: bytes = attrs.field(repr=False)
    encrypted: bool = True
    digest: str = ""


@implementer(IHandshakeListener)
class Client(MessageProtocol):
    """``met_deferred`` fires with the client itself when the handshake is over, or fails with Refused, BadMessage or
    ConnectionLost. ``tell(message)`` takes what isn't an answer; ``gone(client)`` is called when it is over."""

    transport: Any

    def __init__(self, clock: Any, interval: float, role: str, address: Address, tell: Callable[[list[Any]], None],
                 gone: Callable[[Client], None]) -> None:
        super().__init__(clock, interval)
        self.met_deferred: Deferred[Client] = Deferred()
        self._address = address
        self._handshake = ClientHandshake(role, address.secret, os.urandom(16))
        self._step = 0
        self._tell = tell
        self._gone = gone
        self._calls: dict[int, Deferred[Any]] = {}
        self._numbers = count(1)

    def handshakeCompleted(self) -> None:  # noqa: N802 - Twisted's name
        if self._address.digest and peer_digest(self.transport) != self._address.digest:
            self._refuse(Refused("The transactor's certificate is not the one that storage names"))

    def call(self, *message: Any) -> Deferred[Any]:
        """Sends ``[kind, number, *rest]`` for a message ``[kind, *rest]``: the elements of its answer. Fails with
        Anomaly, or ConnectionLost."""
        if self.ended:
            return fail(ConnectionLost("the connection to the transactor is over"))
        number = next(self._numbers)
        done: Deferred[Any] = Deferred()
        self._calls[number] = done
        self.send(message[0], number, *message[1:])
        return done

    def message(self, message: list[Any]) -> None:
        if self._step < 2:
            self._meet(message)
            return
        kind = message[0]
        if kind in ("result", "answer", "value", "error"):
            if len(message) < 3:
                raise BadMessage("an answer without content")
            done = self._calls.pop(message[1], None)
            if done is not None and not done.called:
                if kind == "error":
                    done.errback(anomaly_of(message[2]))
                else:
                    done.callback(message[2:])
        else:
            self._tell(message)

    def _meet(self, message: list[Any]) -> None:
        try:
            if self._step == 0 and message[0] != "refused":
                self.send(*self._handshake.answer(message))
            else:
                self._handshake.finish(message)
        except (Refused, BadMessage) as problem:
            self._refuse(problem)
            return
        self._step += 1
        if self._step == 2:
            self.met()
            self.met_deferred.callback(self)

    def _refuse(self, problem: Exception) -> None:
        self._fail_meeting(problem)
        self.ended = True
        self.transport.abortConnection()

    def _fail_meeting(self, problem: Exception) -> None:
        if not self.met_deferred.called:
            self.met_deferred.errback(problem)

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802 - Twisted's name
        super().connectionLost(reason)
        self._fail_meeting(ConnectionLost("the connection was closed before the handshake was over"))
        calls, self._calls = self._calls, {}
        for done in calls.values():
            if not done.called:
                done.errback(ConnectionLost("the connection to the transactor was lost"))
        self._gone(self)


async def dial(reactor: Any, address: Address, interval: float, role: str, tell: Callable[[list[Any]], None],
               gone: Callable[[Client], None]) -> Client:
    """A connection whose handshake is over. Fails with Refused, BadMessage, or what the network says."""
    made: list[Client] = []

    def build() -> Client:
        made.append(Client(reactor, interval, role, address, tell, gone))
        return made[-1]

    factory = Factory.forProtocol(build)
    factory.noisy = False
    endpoint: Any = HostnameEndpoint(reactor, address.host, address.port, timeout=CONNECT_SECONDS)
    if address.encrypted:
        endpoint = wrapClientTLS(PinnedClient(), endpoint)
    await endpoint.connect(factory)
    client = made[-1]
    client.met_deferred.addTimeout(CONNECT_SECONDS, reactor)
    try:
        return await client.met_deferred
    except Exception:
        client.give_up("the handshake failed")
        raise
