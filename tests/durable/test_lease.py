"""The lease, driven by clocks that stop, and a storage that fails: who is active, and that only one can commit."""

from __future__ import annotations

import random
from typing import Any

import pytest
from twisted.internet.defer import ensureDeferred
from twisted.internet.task import Clock

from peerserver.durable.groups import CorruptValue
from peerserver.durable.lease import Holder, LeaseRecord, decode_lease, encode_lease
from peerserver.durable.lease_driver import LeaseDriver
from peerserver.durable.log import Deposed, DurableLog, OutcomeUnknown, create_root
from peerserver.durable.root import Root
from peerserver.storage.interfaces import StorageError
from peerserver.storage.memory import MemoryStorage

from .failing import FINE, FailingStorage, seeded
from .test_log import append, stored

INTERVAL = 1.0


class Node:
    """A transactor with a clock of its own that can be paused (SIGSTOP) and goes on later with all that it missed."""

    def __init__(self, name: str, world: Clock, inner: MemoryStorage) -> None:
        self.name = name
        self.world = world
        self.clock = Clock()
        self.storage = FailingStorage(inner, self.clock)
        self.active_at: float | None = None
        self.lost: str | None = None
        self.log: DurableLog | None = None
        self.paused_until = 0.0
        self.dead = False
        self.driver = LeaseDriver(self.storage, self.clock, Holder(name, "h", "", 1, "1"), INTERVAL, self._active,
                                  self._lost)
        self.driver.start()

    def _active(self) -> None:
        self.active_at = self.world.seconds()
        opening = ensureDeferred(DurableLog.open(self.storage, "d", self.name, self.clock))
        opening.addCallbacks(self._opened, lambda failure: self._lost("it could not open the log"))

    def _opened(self, log: DurableLog) -> None:
        self.log = log

    def _lost(self, reason: str) -> None:
        self.lost, self.log = reason, None

    def tick(self, step: float) -> None:
        if self.dead or self.world.seconds() < self.paused_until:
            return
        # A process that was stopped finds its timers overdue; the clock itself went on.
        behind = self.world.seconds() - self.clock.seconds()
        if behind > 0:
            self.clock.advance(behind)

    @property
    def works(self) -> bool:
        return not self.dead and self.lost is None and self.log is not None


def _world() -> tuple[Clock, MemoryStorage]:
    world, inner = Clock(), MemoryStorage()
    ensureDeferred(create_root(inner, Root("d", "", 66, 1000, 72)))
    return world, inner


def _run(world: Clock, nodes: list[Node], seconds: float, step: float = 0.05) -> None:
    until = world.seconds() + seconds
    while world.seconds() < until:
        world.advance(step)
        for node in nodes:
            node.tick(step)


def test_the_first_is_active_at_once_and_the_second_waits() -> None:
    """With no lease there, or a released one, a transactor is active at its first look."""
    world, inner = _world()
    first = Node("one", world, inner)
    second = Node("two", world, inner)
    _run(world, [first, second], 10)
    assert first.works and second.active_at is None and second.lost is None


@pytest.mark.parametrize("seed", range(20))
def test_takeover_within_two_beats_and_a_second(seed: int) -> None:
    """After the active one dies, at any moment, another is active within two intervals, but for the steps of this clock."""
    world, inner = _world()
    nodes = [Node("one", world, inner)]
    _run(world, nodes, 0.1)
    nodes += [Node("two", world, inner), Node("three", world, inner)]
    _run(world, nodes, 3 + random.Random(seed).random() * 2)
    nodes[0].dead = True
    died = world.seconds()
    _run(world, nodes, 10)
    working = [node for node in nodes if node.works]
    assert len(working) == 1 and working[0].active_at is not None
    assert working[0].active_at - died <= 2 * INTERVAL + 0.2


def test_a_release_hands_over_at_once() -> None:
    """Who stops in peace gives the lease back; the next one has it at its next look, a quarter of an interval on."""
    world, inner = _world()
    first, second = Node("one", world, inner), Node("two", world, inner)
    _run(world, [first, second], 3)
    stopped = ensureDeferred(first.driver.stop())
    at = world.seconds()
    first.dead = True
    _run(world, [first, second], 2)
    assert stopped.called and second.active_at is not None and second.active_at - at <= INTERVAL / 2


def test_who_was_paused_steps_down() -> None:
    """One that was stopped for eight seconds finds another in its place when it wakes, and has committed nothing."""
    world, inner = _world()
    first, second = Node("one", world, inner), Node("two", world, inner)
    _run(world, [first, second], 3)
    first.paused_until = world.seconds() + 8
    log = first.log
    _run(world, [first, second], 7)
    assert second.works and log is not None
    _run(world, [first, second], 3)
    assert first.lost is not None
    outcome: list[Any] = []
    append(log, 1000).addErrback(outcome.append)
    assert outcome and outcome[0].check(Deposed)


@pytest.mark.parametrize("seed", range(10))
def test_a_standby_that_was_paused_takes_nothing(seed: int) -> None:
    """One that sees the lease again after a long time waits as long as any: the active one is well."""
    world, inner = _world()
    first, second = Node("one", world, inner), Node("two", world, inner)
    _run(world, [first, second], 3 + random.Random(seed).random())
    second.paused_until = world.seconds() + 8
    _run(world, [first, second], 15)
    assert first.works and second.active_at is None and second.lost is None


def test_storage_away_for_a_moment_is_survived() -> None:
    """When storage fails for less than one interval the active one stays; for longer than two, it steps down."""
    world, inner = _world()
    node = Node("one", world, inner)
    _run(world, [node], 2)
    node.storage.fate = lambda n, m: "refused"
    _run(world, [node], 0.9)
    node.storage.fate = lambda n, m: FINE
    _run(world, [node], 5)
    assert node.works
    node.storage.fate = lambda n, m: "refused"
    _run(world, [node], 4)
    assert node.lost is not None


@pytest.mark.parametrize("lot", range(8))
def test_only_one_commits(lot: int) -> None:
    """Under thousands of moments at which nodes are paused, killed, replaced, and storage loses calls and answers: every
    group that was acknowledged is stored once, and the log is in one order."""
    for seed in range(lot * 12, lot * 12 + 12):
        _many_moments(seed)


def _many_moments(seed: int) -> None:
    rng = random.Random(seed)
    world, inner = _world()
    nodes = [Node(f"{seed}-{i}", world, inner) for i in range(3)]
    known: list[int] = []
    tried: set[int] = set()
    t = 1000
    for _ in range(120):
        _run(world, nodes, rng.random() * 0.6, 0.1)
        node = rng.choice(nodes)
        chance = rng.random()
        if chance < 0.05:
            node.paused_until = world.seconds() + rng.random() * 6
        elif chance < 0.07:
            node.dead = True
        elif chance < 0.12:
            node.storage.fate = seeded(rng.randrange(1 << 30), 0.3)
            node.storage.delay = lambda: rng.random() * 0.5
        elif chance < 0.2:
            node.storage.fate, node.storage.delay = (lambda n, m: FINE), (lambda: 0.0)
        for i, one in enumerate(nodes):
            if one.dead or one.lost is not None:
                nodes[i] = Node(f"{seed}-{rng.random()}", world, inner)
        # All who believe in themselves write, those that sleep too: their calls were under way.
        for one in nodes:
            if one.log is not None:
                t = max(t, one.log.root.basis_t) + 1
                tried.add(t)
                append(one.log, t).addCallbacks(lambda _, t=t: known.append(t), _expected)
    for node in nodes:
        node.paused_until = 0.0
        node.storage.fate = lambda n, m: FINE
    _run(world, nodes, 40, 0.25)
    found = stored(inner)
    assert found == sorted(set(found)), f"seed {seed}"
    assert set(known) <= set(found) <= tried, f"seed {seed}"


def _expected(failure: Any) -> None:
    failure.trap(Deposed, OutcomeUnknown, StorageError)


def test_a_damaged_lease_is_refused() -> None:
    """A record with a changed byte is not taken for a lease."""
    data = encode_lease(LeaseRecord(Holder("a", "h", "", 4334, "1", "ff"), 5.0, 3))
    assert decode_lease(data).beat == 3
    for at in range(len(data)):
        changed = bytearray(data)
        changed[at] ^= 1
        with pytest.raises(CorruptValue):
            decode_lease(bytes(changed))
