"""The link to the transactor: found through storage, connected, authenticated, and connected again when it is lost.

A transaction that was sent over a link that was lost is sent again over the next one, under its :tx-id: the
transactor, this one or its successor, answers with what became of it the first time.
What is not decided here: what the novelty means (``peer.following``).
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from random import random
from typing import Any, Protocol, final

import attrs
from twisted.internet.defer import Deferred, ensureDeferred, fail
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from peerserver.model.anomaly import Anomaly, interrupted, unavailable
from peerserver.wire.client import Address, Client, dial
from peerserver.wire.handshake import Refused
from peerserver.wire.messages import BadMessage, anomaly_of

__all__ = ("Follower", "Link")

_log = Logger()

#: seconds between attempts to find and reach the transactor: the first, and at most.
FIRST_DELAY = 0.05
LONGEST_DELAY = 0.5


class Follower(Protocol):
    """Who is told of one database."""

    def up(self) -> None: ...

    def following(self, basis_t: int) -> None: ...

    def novelty(self, data: bytes) -> None: ...

    def gap(self, t: int) -> None: ...

    def indexed(self, key: str) -> None: ...


@attrs.define(eq=False)
class _Pending:
    message: tuple[Any, ...]
    done: Deferred[Any]
    sent: bool = False
    late: Any = None


@final
class Link:
    """One connection for all databases of a storage. ``find()``: the transactor's Address, or None when there is none
    now. ``reactor`` also gives the time; ``interval``: of heartbeats."""

    def __init__(self, reactor: Any, find: Callable[[], Deferred[Address | None]], interval: float = 1.0) -> None:
        self._reactor = reactor
        self._find = find
        self._interval = interval
        self._client: Client | None = None
        self._followers: dict[str, Follower] = {}
        self._pending: dict[int, _Pending] = {}
        self._numbers = count(1)
        self._stopped = False
        self._lost: Deferred[None] | None = None
        self._why = "no transactor was found yet"

    @property
    def is_up(self) -> bool:
        """Whether there is a connection now."""
        return self._client is not None

    def start(self) -> None:
        """Connects, and goes on doing so."""
        ensureDeferred(self._run()).addErrback(
            lambda failure: _log.failure("The link to the transactor failed", failure=failure))

    def stop(self) -> None:
        """Ends it."""
        self._stopped = True
        for number in list(self._pending):
            self._give_up(number, "The server is shutting down")
        if self._client is not None:
            self._client.transport.loseConnection()

    def attach(self, database_id: str, follower: Follower) -> None:
        """From now on the follower is told of a database; it asks with :meth:`follow`."""
        self._followers[database_id] = follower

    def follow(self, database_id: str, basis_t: int) -> None:
        """Asks for the novelty of a database."""
        if self._client is not None:
            self._client.send("follow", database_id, basis_t)

    def transact(self, database_id: str, data: bytes, tx_id: str, timeout: float) -> Deferred[tuple[int, dict[Any, int]]]:
        """See ILink. Without a transactor it waits for one up to ``timeout`` seconds; then it fails with Anomaly
        unavailable (nothing was sent) or interrupted (the outcome may be either)."""
        if self._stopped:
            return fail(unavailable("The server is shutting down; nothing was sent"))
        number = next(self._numbers)
        pending = _Pending(("transact", database_id, data, tx_id), Deferred())
        self._pending[number] = pending
        pending.late = self._reactor.callLater(timeout, self._give_up, number, f"No answer in {timeout:g} s")
        self._send(number)
        return pending.done.addCallback(_answer)

    # -- connecting

    async def _run(self) -> None:
        delay = FIRST_DELAY
        while not self._stopped:
            try:
                address = await self._find()
                if address is not None:
                    await self._connect(address)
                    delay = FIRST_DELAY
                    lost: Deferred[None] = Deferred()
                    self._lost = lost
                    if self._client is not None:
                        await lost
                else:
                    self._told("there is no active transactor")
            except (Refused, BadMessage) as problem:
                self._told(f"the transactor refused us: {problem}")
            except Exception as problem:
                self._told(f"the transactor cannot be reached: {type(problem).__name__}")
            if not self._stopped:
                await deferLater(self._reactor, delay * (0.5 + 0.5 * random()))  # noqa: S311 - spreads attempts
                delay = min(LONGEST_DELAY, delay * 2)

    async def _connect(self, address: Address) -> None:
        client = await dial(self._reactor, address, self._interval, "peer", self._message, self._gone)
        if self._stopped or client.ended:
            client.give_up("it is not needed any more")
            return
        self._client = client
        self._why = "the connection was lost"
        _log.info("Connected to the transactor at {host}:{port}", host=address.host, port=address.port)
        for follower in list(self._followers.values()):
            follower.up()
        for number in list(self._pending):
            self._send(number)

    def _told(self, why: str) -> None:
        if why != self._why:
            self._why = why
            _log.warn("No transactor: {why}; trying on", why=why)

    def _gone(self, client: Client) -> None:
        if client is self._client:
            self._client = None
            _log.warn("The connection to the transactor was lost")
            lost, self._lost = self._lost, None
            if lost is not None:
                lost.callback(None)

    # -- calls

    def _send(self, number: int) -> None:
        pending = self._pending[number]
        if self._client is not None:
            pending.sent = True
            self._client.call(*pending.message).addCallbacks(
                self._finish, self._failed, callbackArgs=(number,), errbackArgs=(number,))

    def _finish(self, answer: Any, number: int) -> None:
        pending = self._pending.pop(number, None)
        if pending is not None:
            pending.late.cancel()
            pending.done.callback(answer)

    def _failed(self, failure: Failure, number: int) -> None:
        # Of a connection that was lost nothing is known: the transaction stays pending, for the next one.
        if failure.check(Anomaly) is not None:
            pending = self._pending.pop(number, None)
            if pending is not None:
                pending.late.cancel()
                pending.done.errback(failure.value)

    def _give_up(self, number: int, why: str) -> None:
        pending = self._pending.pop(number, None)
        if pending is None:
            return
        if pending.late.active():
            pending.late.cancel()
        if pending.sent:
            pending.done.errback(interrupted(
                f"{why}: the outcome of the transaction may be either; send it again with the same :tx-id to learn it"))
        else:
            pending.done.errback(unavailable(f"{why}: {self._why}; the transaction was not sent"))

    # -- what the transactor tells

    def _message(self, message: list[Any]) -> None:
        kind, database_id, *rest = message
        follower = self._followers.get(database_id)
        if follower is None:
            return
        if kind == "novelty":
            follower.novelty(rest[0])
        elif kind == "following":
            follower.following(rest[0])
        elif kind == "gap":
            follower.gap(rest[0])
        elif kind == "indexed":
            follower.indexed(rest[0])
        elif kind == "lost":
            _log.warn("The transactor does not serve {database}: {why}", database=database_id,
                      why=anomaly_of(rest[0]).message)


def _answer(parts: list[Any]) -> tuple[int, dict[Any, int]]:
    t, tempids = parts
    return t, dict(tempids)
