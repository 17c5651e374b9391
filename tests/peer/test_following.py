"""Peers that follow a transactor, in one process under one seed: storage, host, lost connections, gaps, indexing."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import attrs
import pytest
from twisted.internet.defer import Deferred, ensureDeferred, execute
from twisted.internet.task import Clock

from peerserver.codec.edn import read
from peerserver.durable.catalogue import create_database
from peerserver.durable.loading import Loader
from peerserver.index.segment_cache import ObjectCache
from peerserver.model.anomaly import Anomaly
from peerserver.model.values import Keyword
from peerserver.peer.following import DurableConnection
from peerserver.storage.memory import MemoryStorage
from peerserver.transact import TxResult
from peerserver.transactor import host as host_module
from peerserver.transactor.host import Limits, TransactorHost
from peerserver.transactor.indexing import index_once

SCHEMA = read("""[{:db/ident :p/name :db/valueType :db.type/string :db/cardinality :db.cardinality/one
                   :db/unique :db.unique/identity}
                  {:db/ident :p/n :db/valueType :db.type/long :db/cardinality :db.cardinality/many}]""")
K = Keyword


class Reactor(Clock):
    """A clock that has no threads."""

    def callFromThread(self, function: Callable[..., Any], *args: Any) -> None:
        function(*args)


class Inline:
    """A pool, and a thread of a database's own, that work at once."""

    def __init__(self, *_: Any) -> None:
        pass

    def callInThreadWithCallback(self, told: Any, function: Any, *args: Any) -> None:
        execute(function, *args).addCallbacks(lambda found: told(True, found), lambda failure: told(False, failure))

    def run(self, function: Callable[..., Any], *args: Any) -> Deferred[Any]:
        return execute(function, *args)

    def stop(self) -> None:
        pass


@attrs.define(eq=False, slots=False)
class Link:
    """Between one peer and the host: may be down, and may leave novelty out."""

    world: World
    follower: DurableConnection | None = None
    is_up: bool = True
    follows: bool = False
    skipped: int | None = None
    waiting: list[Callable[[], None]] = attrs.field(factory=list)

    def attach(self, database_id: str, follower: DurableConnection) -> None:
        self.follower = follower

    def follow(self, database_id: str, basis_t: int) -> None:
        if self.is_up and self.follower is not None:
            self.follows = True
            self.follower.following(self.world.host.basis_t(database_id))

    def transact(self, database_id: str, data: bytes, tx_id: str, timeout: float) -> Deferred[Any]:
        done: Deferred[Any] = Deferred()

        def send() -> None:
            answer = self.world.host.transact(database_id, data, tx_id)
            answer.addCallback(lambda found: (found.t, found.tempids)).chainDeferred(done)

        if self.is_up:
            send()
        else:
            self.waiting.append(send)
        return done

    def novelty(self, data: bytes, last_t: int) -> None:
        if not self.is_up or not self.follows or self.follower is None:
            return
        if self.skipped is not None or self.world.rng.random() < 0.1:
            self.skipped = last_t
        else:
            self.follower.novelty(data)

    def change(self) -> None:
        """The connection is lost, or there is another; or the peer takes novelty again."""
        if self.skipped is not None and self.follower is not None and self.is_up:
            self.skipped, t = None, self.skipped
            self.follower.gap(t)
            return
        self.is_up = not self.is_up
        self.follows, self.skipped = False, None
        if self.is_up:
            if self.follower is not None:
                self.follower.up()
            sending, self.waiting = self.waiting, []
            for send in sending:
                send()


class World:
    """A storage, a host, and what tells of its groups."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.clock = Reactor()
        self.storage = MemoryStorage()
        self.links: list[Link] = []
        self.host = TransactorHost(self.loader(), self.clock, "one", Limits(1 << 40, 1 << 41), {}, self.job, self._lost,
                                   self._group, self._index)
        self.id = now(create_database(self.storage, "d"))[0]
        now(self.host.start())

    def loader(self) -> Loader:
        return Loader(self.storage, self.clock, ObjectCache(1 << 26), Inline())

    def job(self, database_id: str) -> Deferred[str | None]:
        return ensureDeferred(index_once(self.loader(), database_id))

    def peer(self) -> tuple[Link, DurableConnection]:
        link = Link(self)
        self.links.append(link)
        connection = DurableConnection("d", self.loader(), link, self.clock, {})
        connection.start()
        return link, connection

    def settle(self) -> None:
        for _ in range(20):
            self.clock.advance(0.5)

    def _lost(self, reason: str) -> None:
        raise AssertionError(reason)

    def _group(self, database_id: str, data: bytes, last_t: int) -> None:
        for link in self.links:
            link.novelty(data, last_t)

    def _index(self, database_id: str, key: str) -> None:
        for link in self.links:
            if link.is_up and link.follower is not None:
                link.follower.indexed(key)


@pytest.fixture(autouse=True)
def _no_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_module, "OwnThread", Inline)


def now(work: Any) -> Any:
    """The result of work that waits for nothing."""
    found: list[Any] = []
    ensureDeferred(work).addBoth(found.append)
    assert found
    if hasattr(found[0], "raiseException"):
        found[0].raiseException()
    return found[0]


def outcome(deferred: Deferred[Any]) -> Any:
    found: list[Any] = []
    deferred.addCallbacks(found.append, lambda failure: found.append(failure.value))
    return found[0] if found else None


def facts(db: Any) -> list[Any]:
    return sorted((d.e, d.a, repr(d.v), d.tx, d.added) for d in db.to_datoms(db.history().all_rows()))


@pytest.mark.parametrize("seed", range(25))
def test_peers_follow(seed: int) -> None:
    """Whatever is lost on the way, a peer's value is at each step what the transactor's was at that t, never goes back,
    and is the transactor's in the end; each transaction is done once and answered with its own datoms."""
    world = World(seed)
    rng = world.rng
    peers = [world.peer() for _ in range(2)]
    assert isinstance(outcome(peers[0][1].transact(SCHEMA)), TxResult)
    known, last, answers = {}, [0, 0], []
    for step in range(60):
        link, connection = peers[rng.randrange(2)]
        chance = rng.random()
        if chance < 0.6:
            data = ({K("p/name"): f"n{rng.randrange(12)}", K("p/n"): tuple(rng.sample(range(50), 3))},)
            answers.append((step, connection.transact(data, uuid4(), 1000.0)))
        elif chance < 0.85:
            link.change()
        elif chance < 0.9:
            world.host.indexer.request(world.id)
        else:
            world.clock.advance(0.3)
        db = world.host._opened(world.id).transactor.db
        known[db.basis_t] = facts(db)
        for i, (_, one) in enumerate(peers):
            here = one.db()
            assert here.basis_t >= last[i], f"seed {seed}"
            last[i] = here.basis_t
            if here.basis_t in known:
                assert facts(here) == known[here.basis_t], f"seed {seed} step {step}"
    world.rng.random = lambda: 1.0  # type: ignore[method-assign]
    for link, _ in peers:
        while not link.is_up or link.skipped is not None:
            link.change()
    world.settle()
    final = world.host._opened(world.id).transactor.db
    for _, connection in peers:
        assert facts(connection.db()) == facts(final), f"seed {seed}"
    found = [outcome(answer) for _, answer in answers]
    assert all(isinstance(one, TxResult) for one in found), f"seed {seed}: {found}"
    ts = [one.t for one in found]
    assert len(set(ts)) == len(ts) and max(ts, default=0) <= final.basis_t, f"seed {seed}"
    newcomer = world.peer()[1]
    assert facts(newcomer.db()) == facts(final)


def test_an_index_takes_the_place_of_news() -> None:
    """After an index was published a peer reads over it, and keeps only what is newer."""
    world = World(1)
    world.rng.random = lambda: 1.0  # type: ignore[method-assign]
    _, connection = world.peer()
    outcome(connection.transact(SCHEMA))
    for n in range(20):
        outcome(connection.transact(({K("p/name"): f"n{n}"},)))
    before = facts(connection.db())
    assert connection._novelty.datoms > 20
    world.host.indexer.request(world.id)
    assert connection._novelty.datoms == 0 and facts(connection.db()) == before
    result = outcome(connection.transact(({K("p/name"): "n3", K("p/n"): 5},)))
    assert len(result.tx_data()) == 2 and connection._novelty.datoms == 2


def test_a_repeated_transaction_from_before_this_peer() -> None:
    """Another peer that sends it again, later, and after an index, gets the first t, tempids and datoms."""
    world = World(2)
    world.rng.random = lambda: 1.0  # type: ignore[method-assign]
    _, first = world.peer()
    outcome(first.transact(SCHEMA))
    name, data = uuid4(), ({K("db/id"): "x", K("p/name"): "a"},)
    one = outcome(first.transact(data, name))
    for index in (False, True):
        if index:
            world.host.indexer.request(world.id)
        again = outcome(world.peer()[1].transact(data, name))
        assert (again.t, again.tempids) == (one.t, one.tempids)
        assert (again.db_before.basis_t, again.db_after.basis_t) == (one.db_before.basis_t, one.t)
        assert sorted(repr(d.v) for d in again.tx_data()) == sorted(repr(d.v) for d in one.tx_data())


def test_reads_go_on_without_a_transactor() -> None:
    """With the link down there is a value still; a transaction ends in time with an outcome that may be either."""
    world = World(3)
    link, connection = world.peer()
    outcome(connection.transact(SCHEMA))
    link.is_up = False
    assert len(connection.db().datoms("avet", [K("p/name")])) == 0
    late = connection.transact(({K("p/name"): "a"},), None, 5.0)
    world.clock.advance(6)
    found = outcome(late)
    assert found.category == "interrupted" and "either" in found.message


def test_a_database_that_is_not_there_yet() -> None:
    """A connection says why it cannot serve, goes on trying, and serves once the database is made."""
    clock, storage = Reactor(), MemoryStorage()
    connection = DurableConnection("d", Loader(storage, clock, ObjectCache(1 << 20), Inline()), Link(World(4)), clock, {})
    started = connection.start()
    with pytest.raises(Anomaly, match="create-database") as caught:
        connection.db()
    assert caught.value.category == "unavailable" and not connection.ready
    assert outcome(connection.transact(())).category == "unavailable"
    now(create_database(storage, "d"))
    connection._link.follow = lambda *_: None  # type: ignore[method-assign]
    clock.advance(5)
    assert started.called and connection.db().basis_t == 66
    assert outcome(connection.sync(66, 1.0)) is connection.db()


def test_values_that_are_not_there_yet() -> None:
    """A service that shows immutable values late: nobody is given a part of a database; who waits gets all of it."""
    world = World(5)
    world.rng.random = lambda: 1.0  # type: ignore[method-assign]
    _, first = world.peer()
    outcome(first.transact(SCHEMA))
    for n in range(40):
        outcome(first.transact(({K("p/name"): f"n{n}" * 2000},)))
    world.host.indexer.request(world.id)
    outcome(first.transact(({K("p/name"): "x" * 40_000},)))
    hidden = dict(world.storage._values)
    log = [key for key in hidden if "/log/" in key]
    index = [key for key in hidden if "/index/" in key]
    assert log and index
    for key in (*log[-1:], *index):
        world.storage._values.pop(key, None)
        late = world.peer()[1]
        try:
            seen = facts(late.db())
        except Anomaly as anomaly:
            assert anomaly.category in ("unavailable", "fault")
        else:  # what it was asked so far does not need that value
            assert seen == facts(first.db())
        world.storage._values[key] = hidden[key]
        world.settle()
        assert facts(late.db()) == facts(first.db())
