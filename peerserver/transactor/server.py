"""The transactor's port: peers follow databases, transact and administer; for dev storage they read it, too.

Nobody waits for a slow peer: what it does not take is left out beyond a bound, and it is told to read the log instead.
What is not decided here: what a transaction does (the host knows), and what the messages look like (``wire``).
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol, final

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import Factory, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from peerserver.durable.reading import storage_anomaly
from peerserver.model.anomaly import Anomaly, fault, incorrect
from peerserver.storage.interfaces import IStorage, StorageError
from peerserver.wire.frames import MessageProtocol
from peerserver.wire.handshake import Refused, ServerHandshake
from peerserver.wire.messages import BadMessage, pack, told

__all__ = ("Host", "PeerPort")

_log = Logger()

#: bytes of novelty that wait for a peer at most
WAITING: int = 32 << 20
#: connections whose handshake is not over
STRANGERS: int = 64
#: calls of one connection under way before no more is read from it
PIPELINE: int = 4096


class Host(Protocol):
    """What the port needs of the transactor."""

    def basis_t(self, database_id: str) -> int:
        """The newest durable t; Anomaly not-found."""

    def index_key(self, database_id: str) -> str | None:
        """The key of the newest index."""

    def transact(self, database_id: str, data: bytes, tx_id: str) -> Deferred[Any]:
        """An object with ``t`` and ``tempids``, when it is durable."""

    def admin(self, op: str, args: list[Any]) -> Deferred[Any]:
        """Carries out an administrator's call."""


@final
class PeerPort(Factory):
    """``secret_of(role, host)``: see ServerHandshake; ``storage``: what the role ``storage`` reads, or None."""

    noisy = False

    def __init__(self, clock: Any, host: Host, secret_of: Callable[[str, str], bytes | None], interval: float,
                 storage: IStorage | None = None) -> None:
        self.clock = clock
        self.host = host
        self.secret_of = secret_of
        self.interval = interval
        self.storage = storage
        self.connections: set[_Connection] = set()

    def buildProtocol(self, addr: Any) -> _Connection | None:  # noqa: N802 - Twisted's name
        if sum(connection.role is None for connection in self.connections) >= STRANGERS:
            return None
        return _Connection(self, getattr(addr, "host", ""))

    def novelty(self, database_id: str, data: bytes, last_t: int) -> None:
        """Tells all who follow a database of a group that became durable."""
        message = pack("novelty", database_id, data)
        for connection in self.connections:
            if database_id in connection.followed:
                connection.tell(database_id, message, last_t)

    def indexed(self, database_id: str, key: str) -> None:
        """Tells them of a newer index."""
        for connection in self.connections:
            if database_id in connection.followed:
                connection.send("indexed", database_id, key)

    def close(self) -> None:
        """Ends all connections."""
        for connection in list(self.connections):
            connection.transport.loseConnection()


@final
@implementer(IPushProducer)
class _Connection(MessageProtocol):
    transport: Any

    def __init__(self, port: PeerPort, address: str) -> None:
        super().__init__(port.clock, port.interval)
        self.role: str | None = None
        self.followed: set[str] = set()
        self._port = port
        self._handshake = ServerHandshake(os.urandom(16), lambda role: port.secret_of(role, address))
        self._full = False
        self._waiting: deque[tuple[str, bytes, int]] = deque()
        self._waiting_bytes = 0
        self._gaps: dict[str, int] = {}
        self._calls = 0
        self._held = False

    def connectionMade(self) -> None:  # noqa: N802 - Twisted's name
        super().connectionMade()
        self._port.connections.add(self)
        self.transport.registerProducer(self, True)
        self.send(*self._handshake.hello())

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802 - Twisted's name
        super().connectionLost(reason)
        self._port.connections.discard(self)
        self._waiting.clear()

    # -- messages

    def message(self, message: list[Any]) -> None:
        if self.role is None:
            self._meet(message)
            return
        kind, args = message[0], message[1:]
        handler = _HANDLERS[self.role].get(kind)
        if handler is None:
            raise BadMessage(f"{kind!r} is no message for a {self.role}")
        try:
            handler(self, *args)
        except TypeError as error:
            raise BadMessage(f"{kind!r} has other arguments") from error

    def _meet(self, message: list[Any]) -> None:
        try:
            role, welcome = self._handshake.answer(message)
        except Refused as refusal:
            _log.warn("Refused {whom}: {why}", whom=self.whom(), why=str(refusal))
            self.send("refused", str(refusal))
            self.transport.loseConnection()
            self.ended = True
            return
        self.role = role
        self.met()
        self.send(*welcome)
        _log.info("Met a {role} at {whom}", role=role, whom=self.whom())

    def _follow(self, database_id: str, basis_t: int) -> None:
        try:
            here = self._port.host.basis_t(database_id)
            key = self._port.host.index_key(database_id)
        except Anomaly as anomaly:
            self.send("lost", database_id, told(anomaly))
            return
        self.followed.add(database_id)
        self.send("following", database_id, here)
        if key is not None:
            self.send("indexed", database_id, key)

    def _transact(self, call: int, database_id: str, data: bytes, tx_id: str) -> None:
        def done(answer: Any) -> None:
            self.send("result", call, answer.t, [list(item) for item in answer.tempids.items()])

        self._begin(call, self._port.host.transact(database_id, data, tx_id).addCallback(done))

    def _admin(self, call: int, op: str, args: list[Any]) -> None:
        self._begin(call, self._port.host.admin(op, args).addCallback(lambda answer: self.send("answer", call, answer)))

    def _storage(self, call: int, op: str, key: str) -> None:
        storage = self._port.storage
        if storage is None:
            raise BadMessage("there is no storage behind this port")

        async def read() -> None:
            if op == "get":
                self.send("value", call, await storage.get(key))
            elif op == "read":
                record = await storage.read(key)
                self.send("value", call, None if record is None else [record.revision, record.value])
            else:
                raise incorrect(f"Storage has no operation {op!r} for peers")

        self._begin(call, ensureDeferred(read()))

    def _begin(self, call: int, work: Deferred[Any]) -> None:
        self._calls += 1
        if self._calls >= PIPELINE and not self._held:
            self._held = True
            self.transport.pauseProducing()
        work.addErrback(self._failed, call)
        work.addBoth(self._ended_one)

    def _failed(self, failure: Failure, call: int) -> None:
        problem = failure.value
        if isinstance(problem, StorageError):
            problem = storage_anomaly(problem)
        if not isinstance(problem, Anomaly):
            _log.failure("A call of a peer failed in a way that it should not", failure=failure)
            problem = fault("Internal error in the transactor; the outcome is unknown")
        self.send("error", call, told(problem))

    def _ended_one(self, _: object) -> None:
        self._calls -= 1
        if self._held and self._calls < PIPELINE // 2 and not self.ended:
            self._held = False
            self.transport.resumeProducing()

    # -- novelty, as fast as the peer takes it

    def tell(self, database_id: str, message: bytes, last_t: int) -> None:
        """Sends novelty, or keeps it while the peer is slow, or leaves it out when it is too slow."""
        if database_id in self._gaps:
            self._gaps[database_id] = last_t
        elif not self._full:
            self.send_packed(message)
        elif self._waiting_bytes + len(message) <= WAITING:
            self._waiting.append((database_id, message, last_t))
            self._waiting_bytes += len(message)
        else:
            self._gaps[database_id] = last_t
            _log.warn("{whom} is slow: novelty is left out, it will read the log", whom=self.whom())

    def pauseProducing(self) -> None:  # noqa: N802 - Twisted's name
        self._full = True

    def resumeProducing(self) -> None:  # noqa: N802 - Twisted's name
        self._full = False
        while self._waiting and not self._full:
            _, message, _ = self._waiting.popleft()
            self._waiting_bytes -= len(message)
            self.send_packed(message)
        if not self._waiting and not self._full:
            for database_id, last_t in self._gaps.items():
                self.send("gap", database_id, last_t)
            self._gaps = {}

    def stopProducing(self) -> None:  # noqa: N802 - Twisted's name
        """The connection is over."""


_HANDLERS: dict[str, dict[str, Callable[..., None]]] = {
    "peer": {"follow": _Connection._follow, "transact": _Connection._transact},
    "admin": {"admin": _Connection._admin},
    "storage": {"storage": _Connection._storage},
}
