"""A database in storage as a peer follows it: loads it, applies what the transactor tells, fills any gap from the log.

The value only moves forward and is always a prefix of the log. With the transactor away reads go on; with storage
away those go on that need nothing from it. Groups are applied one after the other, large ones in a thread.
What is not decided here: how the transactor is found and spoken to (``peer.link``).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, final
from uuid import UUID, uuid4

from twisted.internet.defer import Deferred, ensureDeferred, fail, succeed
from twisted.logger import Logger
from zope.interface import implementer

from peerserver.codec import transit
from peerserver.database import Database
from peerserver.durable.catalogue import find_database
from peerserver.durable.groups import CorruptValue, Group, decode_group, group_range
from peerserver.durable.loading import Loader
from peerserver.durable.novelty import Novelty, base_over, laid_on
from peerserver.durable.reading import storage_anomaly
from peerserver.model.anomaly import Anomaly, busy, fault, incorrect, interrupted, unavailable
from peerserver.storage.interfaces import StorageError
from peerserver.transact import TxResult

from .interfaces import IConnection
from .results import result_at, results_of

__all__ = ("DurableConnection", "ILink")

_log = Logger()

#: seconds until a start, or a catch-up, that failed is tried again: the first time, and at most.
RETRY = 0.25
LONGEST_RETRY = 5.0
# Groups of more bytes are decoded and applied in a thread.
_LARGE = 16 * 1024


class ILink(Protocol):
    """What a connection needs of the link to the transactor."""

    def attach(self, database_id: str, follower: Any) -> None:
        """From now on the follower (a DurableConnection) is told of a database."""

    def follow(self, database_id: str, basis_t: int) -> None:
        """Asks for the novelty of a database that is known up to a t; again after every reconnection."""

    def transact(self, database_id: str, data: bytes, tx_id: str, timeout: float) -> Deferred[tuple[int, dict[Any, int]]]:
        """Sends a transaction: its t and tempids, when it is durable."""


@final
@implementer(IConnection)
class DurableConnection:
    """See :class:`~peerserver.peer.interfaces.IConnection`. ``clock``: an IReactorTime; ``name``: the database's in
    its storage; ``retry``: whether a start that fails (no such database, storage away) is tried again."""

    def __init__(self, name: str, loader: Loader, link: ILink, clock: Any, functions: Mapping[str, Any],
                 tx_timeout: float = 10.0) -> None:
        self.name = name
        self.functions = functions
        self._loader = loader
        self._link = link
        self._clock = clock
        self._tx_timeout = tx_timeout
        self._db: Database | None = None
        self._novelty = Novelty(None)
        self._why = f"The database {name} is being loaded"
        self._inbox: deque[bytes] = deque()
        self._pumping = False
        self._behind = False
        self._index_key: str | None = None
        self._waiting: list[tuple[int, Deferred[Database]]] = []
        #: what this peer sent and has no answer to yet, by :tx-id
        self._mine: dict[str, list[Deferred[TxResult]]] = {}
        self._closed = False

    # -- IConnection

    @property
    def database_id(self) -> str | None:
        """The id, once the database is loaded."""
        return None if self._db is None else self._db.id

    @property
    def ready(self) -> bool:
        """Whether there is a value to read."""
        return self._db is not None

    def db(self) -> Database:
        if self._db is None:
            raise unavailable(f"{self._why}; try again in a moment")
        return self._db

    def transact(self, tx_data: Sequence[Any], tx_id: Any = None, timeout: float | None = None) -> Deferred[TxResult]:
        if tx_id is not None and not isinstance(tx_id, (UUID, str)):
            return fail(incorrect(":tx-id must be a uuid"))
        if self._db is None:
            return fail(unavailable(f"{self._why}; nothing was sent"))
        seconds = self._tx_timeout if timeout is None else timeout
        key = str(uuid4() if tx_id is None else tx_id)
        answer: Deferred[TxResult] = Deferred()
        self._mine.setdefault(key, []).append(answer)
        call = self._clock.callLater(seconds, self._too_late, key, answer, seconds)
        if len(self._mine[key]) == 1:
            sent = self._link.transact(self._db.id, transit.msgpack.encode(tuple(tx_data)), key, seconds)
            sent.addCallbacks(self._answered, self._refused, callbackArgs=(key,), errbackArgs=(key,))

        def settled(result: Any) -> Any:
            if call.active():
                call.cancel()
            return result

        return answer.addBoth(settled)

    def sync(self, t: int, timeout: float) -> Deferred[Database]:
        if self._db is not None and t <= self._db.basis_t:
            return succeed(self._db)
        entry: tuple[int, Deferred[Database]] = (t, Deferred(lambda _: self._waiting.remove(entry)))
        self._waiting.append(entry)
        call = self._clock.callLater(timeout, self._not_in_time, entry)

        def settled(result: Any) -> Any:
            if call.active():
                call.cancel()
            return result

        return entry[1].addBoth(settled)

    def close(self) -> Deferred[None]:
        self._closed = True
        for _, deferred in self._waiting:
            deferred.errback(unavailable("The server is shutting down"))
        self._waiting = []
        for key in list(self._mine):
            self._settle(key, unavailable("The server is shutting down; the outcome is unknown"))
        return succeed(None)

    # -- starting

    def start(self) -> Deferred[None]:
        """Loads the database; tries again until it is there. Fires when there is a value."""
        return ensureDeferred(self._start())

    async def _start(self) -> None:
        wait = RETRY
        told = ""
        while not self._closed:
            try:
                database_id = await find_database(self._loader.storage, self.name)
                loaded = await self._loader.load(database_id)
            except (Anomaly, StorageError) as error:
                why = error.message if isinstance(error, Anomaly) else storage_anomaly(error).message
                self._why = f"The database {self.name} is not ready: {why}"
                if why != told:
                    _log.warn("{why}; trying again", why=self._why)
                    told = why
            else:
                self._novelty = loaded.novelty
                self._moved(loaded.db)
                self._index_key = loaded.root.index
                _log.info("Database {name} at t {t}", name=self.name, t=loaded.db.basis_t)
                self._link.attach(loaded.db.id, self)
                self._link.follow(loaded.db.id, loaded.db.basis_t)
                return
            await self._pause(wait)
            wait = min(LONGEST_RETRY, wait * 2)

    def _pause(self, seconds: float) -> Deferred[None]:
        done: Deferred[None] = Deferred()
        self._clock.callLater(seconds, done.callback, None)
        return done

    # -- what the transactor tells (the link's listener calls these)

    def up(self) -> None:
        """There is a new connection to a transactor."""
        if self._db is not None:
            self._link.follow(self._db.id, self._db.basis_t)

    def following(self, basis_t: int) -> None:
        """Novelty after ``basis_t`` will come; what is before it must be read from the log."""
        if self._db is not None and basis_t > self._db.basis_t:
            self._fill()

    def novelty(self, data: bytes) -> None:
        """A group became durable."""
        if self._db is not None:
            self._inbox.append(data)
            self._pump()

    def gap(self, t: int) -> None:
        """Novelty up to ``t`` was left out."""
        self.following(t)

    def indexed(self, key: str) -> None:
        """A newer index was published."""
        if self._db is not None and key != self._index_key:
            self._index_key = key
            self._pump()

    # -- moving forward: one thing after the other

    def _fill(self) -> None:
        self._behind = True
        self._pump()

    def _pump(self) -> None:
        if self._pumping or self._closed:
            return
        # Most groups are small and follow the last: they are applied at once.
        while self._inbox and not self._behind and self._is_next(self._inbox[0]) and len(self._inbox[0]) <= _LARGE:
            data = self._inbox.popleft()
            try:
                self._apply(decode_group(data, self.db().dictionary), len(data))
            except CorruptValue as error:
                _log.warn("Novelty of {name} could not be read: {error}", name=self.name, error=str(error))
                self._behind = True
        if self._inbox or self._behind or self._adoption() is not None:
            self._pumping = True
            ensureDeferred(self._work()).addErrback(self._failed).addBoth(self._again)

    def _is_next(self, data: bytes) -> bool:
        first, _ = group_range(data)
        return first <= self.db().next_t

    def _adoption(self) -> str | None:
        key = self._index_key
        return key if key is not None and key != self._adopted else None

    @property
    def _adopted(self) -> str | None:
        return self._novelty.index_key

    async def _work(self) -> None:
        wait = RETRY
        while not self._closed:
            try:
                if self._behind:
                    await self._catch_up()
                elif self._inbox:
                    await self._take(self._inbox.popleft())
                elif (key := self._adoption()) is not None:
                    await self._adopt(key)
                else:
                    return
                wait = RETRY
            except StorageError as error:
                _log.warn("Following {name} waits for storage: {error}", name=self.name, error=str(error))
                await self._pause(wait)
                wait = min(LONGEST_RETRY, wait * 2)

    async def _take(self, data: bytes) -> None:
        db = self.db()
        if group_range(data)[1] <= db.basis_t:
            return  # it was read from the log in the meantime
        if not self._is_next(data):
            self._behind = True
            return
        try:
            group = await self._loader.in_thread(decode_group, data, db.dictionary)
        except CorruptValue as error:
            _log.warn("Novelty of {name} could not be read: {error}", name=self.name, error=str(error))
            self._behind = True
            return
        if any(tx_id in self._mine for tx_id in group.tx_ids):
            self._apply(group, len(data))
        else:
            self._novelty.add(group, len(data))
            self._moved(await self._loader.in_thread(group.apply, db))

    async def _catch_up(self) -> None:
        # The inbox may hold what is read here once more; it is left out then. A gap that is told meanwhile may be
        # newer than the root that is read: it sets the flag again.
        self._behind = False
        try:
            root = await self._loader.root(self.db().id)
            for group in await self._loader.groups(root, self.db()):
                self._apply(group, 0)
        except BaseException:
            self._behind = True
            raise
        if root.index is not None:
            self._index_key = root.index

    async def _adopt(self, key: str) -> None:
        index = await self._loader.index(key, self.db().dictionary)
        base = await self._loader.in_thread(base_over, index)
        fresh = [group for group in self._novelty.groups if group.last_t > index.root.basis_t]
        base = await self._loader.in_thread(laid_on, base, fresh)
        if base.basis_t != self.db().basis_t:
            base = laid_on(base, self._novelty.groups)
        self._novelty.adopt(index, key)
        self._moved(base)  # the index may be newer than what was known here
        _log.debug("Database {name} adopted the index of t {t}", name=self.name, t=index.root.basis_t)

    def _apply(self, group: Group, size: int) -> None:
        db = self.db()
        if group.last_t <= db.basis_t:
            return
        if self._mine and any(tx_id in self._mine for tx_id in group.tx_ids):
            finished = results_of(group, db)
            after = finished[-1][1].db_after
        else:
            finished, after = [], group.apply(db)
        self._novelty.add(group, size)
        self._moved(after)
        for tx_id, result in finished:
            if tx_id is not None:
                self._settle(tx_id, result)

    def _moved(self, db: Database) -> None:
        self._db = db
        if self._waiting:
            ready = [entry for entry in self._waiting if entry[0] <= db.basis_t]
            self._waiting = [entry for entry in self._waiting if entry[0] > db.basis_t]
            for _, deferred in ready:
                deferred.callback(db)

    def _failed(self, failure: Any) -> None:
        _log.failure("Following {name} failed; it will be tried again", failure=failure, name=self.name)
        self._behind = True
        self._clock.callLater(LONGEST_RETRY, self._pump)

    def _again(self, result: Any) -> None:
        self._pumping = False
        if result is None and (self._inbox or self._behind) and not self._closed:
            self._clock.callLater(0, self._pump)

    # -- transactions of this peer

    def _answered(self, answer: tuple[int, dict[Any, int]], key: str) -> None:
        # The result was made when the group came, unless it had come before: then it is a repeated transaction.
        if key in self._mine:
            t, tempids = answer
            reached = self.sync(t, self._tx_timeout)
            reached.addCallback(lambda _: self._repeated(key, t, tempids))
            reached.addErrback(lambda failure: self._settle(key, interrupted(
                f"The transaction is durable at t {t}, but this server has not caught up with it yet", t=t)))

    def _repeated(self, key: str, t: int, tempids: dict[Any, int]) -> Deferred[None] | None:
        if key not in self._mine:
            return None
        made = self._loader.in_thread(result_at, self.db(), self._novelty.groups, t, tempids)
        return made.addCallbacks(lambda result: self._settle(key, result),
                                 lambda failure: self._settle(key, _told(failure.value)))

    def _refused(self, failure: Any, key: str) -> None:
        self._settle(key, _told(failure.value))

    def _settle(self, key: str, outcome: TxResult | Exception) -> None:
        for deferred in self._mine.pop(key, ()):
            if not deferred.called:
                if isinstance(outcome, Exception):
                    deferred.errback(outcome)
                else:
                    deferred.callback(outcome)

    def _too_late(self, key: str, answer: Deferred[TxResult], seconds: float) -> None:
        if not answer.called:
            answer.errback(interrupted(
                f"The transaction was not finished after {seconds:g} s. Its outcome may be either: it may become "
                "durable, or not. Send it again with the same :tx-id to learn which"))
        waiting = self._mine.get(key)
        if waiting is not None and all(deferred.called for deferred in waiting):
            del self._mine[key]

    def _not_in_time(self, entry: tuple[int, Deferred[Database]]) -> None:
        self._waiting.remove(entry)
        t = entry[0]
        if self._db is None:
            entry[1].errback(unavailable(f"{self._why}; try again in a moment"))
        else:
            here = self._db.basis_t
            entry[1].errback(busy(f"The database is at t {here} here, not yet at t {t}; try again in a moment", t=t,
                                  basis_t=here))


def _told(problem: Exception) -> Exception:
    if isinstance(problem, Anomaly):
        return problem
    if isinstance(problem, StorageError):
        return storage_anomaly(problem)
    return fault("Internal error in a transaction; its outcome is unknown")
