"""Connections on a local transactor, with a clock and a place of work that the test holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import attrs
import pytest
from twisted.internet.defer import Deferred, execute, fail, succeed
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from peerserver.database import Database
from peerserver.durable.groups import decode_group
from peerserver.durable.log import Deposed, OutcomeUnknown
from peerserver.index.dictionary import Dictionary
from peerserver.model.anomaly import Anomaly
from peerserver.model.values import Instant, Keyword
from peerserver.peer.connection import Connection
from peerserver.storage.interfaces import StorageFull
from peerserver.transact import TxResult
from peerserver.transactor.local import LocalTransactor
from peerserver.transactor.recent import SECONDS, Recent

DOC = Keyword("db/doc")


def doc(text: str) -> tuple[Any, ...]:
    return ({DOC: text},)


@attrs.define
class Hand:
    """A place of work that works when the test says so."""

    todo: list[Callable[[], None]] = attrs.field(factory=list)

    def run(self, function: Callable[..., Any], *args: Any) -> Deferred[Any]:
        done: Deferred[Any] = Deferred()
        self.todo.append(lambda: execute(function, *args).chainDeferred(done))
        return done

    def work(self) -> None:
        while self.todo:
            self.todo.pop(0)()


@attrs.define
class Recorder:
    """A log that remembers its groups, and fails when told to."""

    groups: list[list[int]] = attrs.field(factory=list)
    broken: Exception | None = None
    last: bytes = b""

    def append(self, group: bytes, last_t: int, next_t: int, next_schema_id: int) -> Deferred[None]:
        if self.broken is not None:
            return fail(self.broken)
        self.last = group
        self.groups.append(decode_group(group, Dictionary()).ts.tolist())
        assert last_t == self.groups[-1][-1] < next_t
        return succeed(None)


@attrs.define
class House:
    clock: Clock = attrs.field(factory=Clock)
    hand: Hand = attrs.field(factory=Hand)
    log: Recorder | None = attrs.field(factory=Recorder)
    limit: int = 100
    pressure: float = 0.0
    lost: list[str] = attrs.field(factory=list)
    connection: Connection = attrs.field(init=False)
    transactor: LocalTransactor = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.clock.advance(1_700_000_000)
        self.transactor = LocalTransactor(Database.new("d"), run=self.hand.run, clock=self.clock, now=self.clock.seconds, log=self.log,
                                          limit=self.limit, pressure=lambda: self.pressure,
                                          on_lost=self.lost.append)
        self.connection = Connection(self.transactor, self.clock)


def outcome(deferred: Deferred[Any]) -> Any:
    found: list[Any] = []
    deferred.addBoth(lambda result: found.append(result) or result)  # type: ignore[func-returns-value]
    if found and isinstance(found[0], Failure):
        deferred.addErrback(lambda _: None)
    if not found:
        return None
    return found[0].value if isinstance(found[0], Failure) else found[0]


def test_waiting_transactions_form_one_group() -> None:
    """What waits while a group is worked on becomes durable together, in the order of the calls."""
    house = House()
    first = house.connection.transact(doc("a"))
    later = [house.connection.transact(doc(x)) for x in "bcd"]
    house.hand.work()
    ts = [outcome(x).t for x in [first, *later]]
    assert ts == sorted(ts)
    assert house.log.groups == [ts[:1], ts[1:]]
    assert house.connection.db().basis_t == ts[-1]


def test_a_failed_transaction_fails_alone() -> None:
    """Those before and after it in the same group are as if it had never been."""
    house = House()
    house.connection.transact(doc("start"))
    results = [house.connection.transact(x) for x in (doc("a"), ((Keyword("no/fn"), 1),), doc("b"))]
    house.hand.work()
    good, bad, after = map(outcome, results)
    assert isinstance(bad, Anomaly)
    assert after.db_before is good.db_after


def test_nothing_is_seen_before_it_is_durable() -> None:
    """A group that the log refuses fails for its callers, and no reader sees it; the next one may be taken."""
    house = House()
    house.log.broken = StorageFull("no disk")
    before = house.connection.db()
    lost = house.connection.transact(doc("a"))
    house.hand.work()
    assert outcome(lost).category == "unavailable"
    assert house.connection.db() is before
    house.log.broken = None
    kept = house.connection.transact(doc("b"))
    house.hand.work()
    assert outcome(kept).db_before is before


def test_a_full_queue_answers_busy() -> None:
    """Beyond the limit nothing is taken, and the caller may try again."""
    house = House(limit=2)
    results = [house.connection.transact(doc(str(n))) for n in range(5)]
    assert [outcome(r).category for r in results[3:]] == ["busy", "busy"]
    house.hand.work()
    assert all(isinstance(outcome(r), TxResult) for r in results[:3])


def test_tx_instants_never_go_back() -> None:
    """When the machine's clock goes back, the transactions' doesn't."""
    house = House()
    house.connection.transact(doc("a"))
    house.hand.work()
    at = house.clock.rightNow
    house.clock.rightNow = at - 3600
    result = house.connection.transact(doc("b"))
    house.hand.work()
    instant = outcome(result).tx_data()[0].v
    assert instant >= Instant(int(at * 1000))


def test_a_repeated_transaction_is_done_once() -> None:
    """The same tx-id gets the first result, under way or finished; after the window it is a new one."""
    house = House(log=None)
    name = uuid4()
    first, again = (house.connection.transact(doc("a"), name) for _ in range(2))
    house.hand.work()
    third = house.connection.transact(doc("a"), name)
    assert outcome(first) is outcome(again) is outcome(third)
    house.clock.advance(SECONDS + 1)
    fourth = house.connection.transact(doc("a"), name)
    house.hand.work()
    assert outcome(fourth).t > outcome(first).t


def test_an_answer_outlives_the_process() -> None:
    """What the log has of a transaction with a tx-id answers it again in the next process."""
    house = House()
    name = uuid4()
    first = house.connection.transact(({Keyword("db/id"): "x", DOC: "a"},), name)
    house.hand.work()
    [one] = decode_group(house.log.last, Dictionary()).transactions
    recent = Recent([(one.tx_id, one)], 0.0)
    later = LocalTransactor(Database.new("d"), run=house.hand.run, clock=Clock(), recent=recent)
    again = later.transact(doc("other"), str(name))
    assert (outcome(again).t, outcome(again).tempids) == (outcome(first).t, outcome(first).tempids)


@pytest.mark.parametrize("problem", [Deposed("another"), OutcomeUnknown("silence")])
def test_a_lost_log_ends_the_transactor(problem: Exception) -> None:
    """Another writer, or a write of which nobody knows, ends it: the outcome is unknown, later ones are not done."""
    house = House()
    house.log.broken = problem
    first = house.connection.transact(doc("a"))
    second = house.connection.transact(doc("b"))
    house.hand.work()
    assert house.lost == [str(problem)]
    told = [outcome(first), outcome(second)]
    assert [one.category for one in told] == ["unavailable"] * 2
    assert "unknown" in told[0].message and "nothing was done" in told[1].message
    assert "nothing was done" in outcome(house.connection.transact(doc("c"))).message


def test_pressure_slows_and_then_refuses() -> None:
    """As the memory index fills, groups wait; when it is full, transactions are busy and nothing is done."""
    house = House()
    house.pressure = 0.5
    slow = house.connection.transact(doc("a"))
    house.hand.work()
    assert outcome(slow) is None
    house.clock.advance(0.3)
    house.hand.work()
    assert isinstance(outcome(slow), TxResult)
    house.pressure = 1.0
    assert outcome(house.connection.transact(doc("b"))).category == "busy"


def test_a_value_is_replaced_between_groups() -> None:
    """A rebase sees all that is durable, and what follows is built on its result."""
    house = House()
    house.connection.transact(doc("a"))
    seen: list[Database] = []

    def same(db: Database) -> Database:
        seen.append(db)
        return db.unfiltered()

    replaced = house.transactor.rebase(same)
    later = house.connection.transact(doc("b"))
    house.hand.work()
    assert replaced.called and seen[0].basis_t == outcome(later).db_before.basis_t


def test_a_failed_transaction_may_be_tried_again_under_its_id() -> None:
    """Only results are remembered, failures aren't."""
    house = House()
    name = uuid4()
    bad = house.connection.transact(((Keyword("no/fn"), 1),), name)
    house.hand.work()
    good = house.connection.transact(doc("a"), name)
    house.hand.work()
    assert isinstance(outcome(bad), Anomaly)
    assert isinstance(outcome(good), TxResult)


def test_a_slow_transaction_has_an_unknown_outcome() -> None:
    """After the timeout the caller is told so; the transaction itself goes on."""
    house = House()
    slow = house.connection.transact(doc("a"), None, 5)
    house.clock.advance(6)
    assert outcome(slow).category == "unavailable"
    house.hand.work()
    assert house.connection.db().basis_t >= 1000
    assert not house.clock.getDelayedCalls()


def test_sync_waits_for_a_t() -> None:
    """A t that is there answers at once; one that isn't, when it arrives; or busy, with both t in the data."""
    house = House()
    assert outcome(house.connection.sync(1, 1)) is house.connection.db()
    arriving, never = house.connection.sync(1000, 10), house.connection.sync(10**6, 10)
    house.connection.transact(doc("a"))
    house.hand.work()
    assert outcome(arriving) is house.connection.db()
    house.clock.advance(11)
    busy = outcome(never)
    assert busy.category == "busy"
    assert busy.data[Keyword("t")] == 10**6
    assert busy.data[Keyword("basis-t")] == house.connection.db().basis_t
    assert not house.clock.getDelayedCalls()


def test_who_stops_waiting_is_forgotten() -> None:
    """A sync that is given up leaves nothing behind."""
    house = House()
    waiting = house.connection.sync(10**6, 10)
    waiting.cancel()
    outcome(waiting)
    assert not house.clock.getDelayedCalls()
    assert not house.connection._waiting


def test_close_finishes_what_was_taken() -> None:
    """Closing takes no more and waits for the rest."""
    house = House()
    taken = house.connection.transact(doc("a"))
    closed = house.connection.close()
    refused = house.connection.transact(doc("b"))
    assert outcome(refused).category == "busy"
    assert not closed.called
    house.hand.work()
    assert isinstance(outcome(taken), TxResult)
    assert closed.called


@pytest.mark.parametrize("tx_id", [1, (1, 2)])
def test_a_tx_id_that_is_none(tx_id: Any) -> None:
    """A tx-id is a uuid."""
    assert outcome(House().connection.transact(doc("a"), tx_id)).category == "incorrect"
