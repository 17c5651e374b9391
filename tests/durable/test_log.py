"""The log over a storage that fails in every way: what was acknowledged is there, once, in order, by one writer."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.task import Clock

from peerserver.codec.columns import pack
from peerserver.durable import log as log_module
from peerserver.durable.log import (
    Deposed,
    DurableLog,
    OutcomeUnknown,
    create_root,
    newest_parts,
    read_log,
    read_part,
    read_root_record,
)
from peerserver.durable.names import root_name
from peerserver.durable.root import CorruptValue, LogRef, Root, decode_root, encode_root
from peerserver.durable.values import get_value, put_value
from peerserver.storage.interfaces import StorageError, StorageFull
from peerserver.storage.memory import MemoryStorage

from .failing import FINE, FULL, LOST, REFUSED, FailingStorage, drive, seeded


def group(t: int, size: int = 50) -> bytes:
    """Bytes that look like a group of one transaction."""
    rng = np.random.default_rng(t)
    return pack("group", {"first": t, "last": t}, {"x": rng.integers(0, 1 << 60, size // 8)})


def opened(storage: Any, clock: Clock, epoch: str) -> DurableLog:
    log: DurableLog = drive(clock, ensureDeferred(DurableLog.open(storage, "d", epoch, clock)))
    return log


def start(clock: Clock) -> MemoryStorage:
    storage = MemoryStorage()
    drive(clock, ensureDeferred(create_root(storage, Root("d", "", 66, 1000, 72))))
    return storage


def append(log: DurableLog, t: int, size: int = 50) -> Deferred[None]:
    return log.append(group(t, size), t, t + 1, 72)


async def ts(storage: Any, after_t: int = -1) -> list[int]:
    """The t of all groups that are read from storage."""
    _, root = await read_root_record(storage, "d")
    return [log_module.group_range(data)[0] async for data in read_log(storage, root, after_t)]


def stored(storage: Any, after_t: int = -1) -> list[int]:
    found: list[int] = drive(Clock(), ensureDeferred(ts(storage, after_t)))
    return found


def test_groups_come_back_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many there are, in the tail, in parts or in folded parts, all come back, and those after a t alone."""
    monkeypatch.setattr(log_module, "FOLD", 4)
    clock = Clock()
    storage = start(clock)
    log = opened(storage, clock, "one")
    for t in range(1000, 1400):
        drive(clock, append(log, t, 5000 if t % 7 else 90_000))
    assert {ref.level for ref in log.root.refs} >= {0, 1, 2} and len(log.root.refs) < 16
    assert stored(storage) == list(range(1000, 1400))
    assert stored(storage, 1390) == list(range(1391, 1400))
    again = opened(storage, clock, "two")
    drive(clock, append(again, 1400))
    assert stored(storage) == list(range(1000, 1401))

    async def newest() -> list[int]:
        parts = await newest_parts(storage, again.root, 20)
        assert len(parts) >= 20
        return [log_module.group_range(data)[0] for part in parts for data in reversed(await read_part(storage, part))]

    found = drive(clock, ensureDeferred(newest()))
    assert found == sorted(found, reverse=True)


def test_a_small_commit_is_one_call() -> None:
    """A group that fits in the tail is one conditional write and nothing else."""
    clock = Clock()
    storage = FailingStorage(start(clock), clock)
    log = opened(storage, clock, "one")
    before = storage.calls
    drive(clock, append(log, 1000))
    assert storage.calls == before + 1


@pytest.mark.parametrize("fate", [REFUSED, LOST])
@pytest.mark.parametrize("n", range(1, 40))
def test_a_failure_at_the_nth_call(n: int, fate: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever call of storage fails, done or not: what was acknowledged is stored once and in order, what failed for
    certain is not, and the log goes on afterwards."""
    monkeypatch.setattr(log_module, "FOLD", 3)
    clock = Clock()
    storage = FailingStorage(start(clock), clock)
    log = opened(storage, clock, "one")
    base = storage.calls
    storage.fate = lambda call, method: fate if call == base + n else FINE
    known, refused = [], []
    for t in range(1000, 1030):
        try:
            drive(clock, append(log, t, 12_000))
            known.append(t)
        except StorageError:
            refused.append(t)
    assert stored(storage.inner) == known
    assert len(refused) <= 1


@pytest.mark.parametrize("seed", range(60))
def test_two_writers(seed: int) -> None:
    """Two that believe they are active, on a storage that loses calls and answers: each group that was acknowledged is
    stored exactly once in the order of its writer; who was deposed has committed nothing since."""
    rng = random.Random(seed)
    clock = Clock()
    inner = start(clock)
    storages = [FailingStorage(inner, clock, seeded(seed * 2 + i, 0.2), lambda: rng.random() * 0.3) for i in range(2)]
    known: list[int] = []
    unknown: set[int] = set()
    logs: list[DurableLog | None] = [None, None]
    t = 1000
    for _ in range(40):
        who = rng.randrange(2)
        log = logs[who]
        try:
            if log is None:
                logs[who] = opened(storages[who], clock, f"{who}-{t}")
                continue
            t = max(t + 1, log.root.basis_t + 1)
            drive(clock, append(log, t, rng.choice((50, 20_000, 40_000))))
            known.append(t)
        except Deposed:
            logs[who] = None
        except OutcomeUnknown:
            unknown.add(t)
            logs[who] = None
        except StorageError:
            pass  # nothing was committed; the writer goes on
    found = stored(inner)
    assert found == sorted(set(found)), f"seed {seed}"
    assert set(known) <= set(found) <= set(known) | unknown, f"seed {seed}"


def test_who_is_deposed_commits_nothing() -> None:
    """After another has opened the log, a write of the first fails as deposed and leaves no trace."""
    clock = Clock()
    storage = start(clock)
    first = opened(storage, clock, "one")
    drive(clock, append(first, 1000))
    second = opened(storage, clock, "two")
    with pytest.raises(Deposed):
        drive(clock, append(first, 1001))
    drive(clock, append(second, 1002))
    assert stored(storage) == [1000, 1002]


def test_a_deleted_database_deposes() -> None:
    """When its root is gone, so is the right to write."""
    clock = Clock()
    storage = start(clock)
    log = opened(storage, clock, "one")
    storage.delete_record(root_name("d"))
    with pytest.raises(Deposed):
        drive(clock, append(log, 1000))


def test_silence_is_told_as_unknown() -> None:
    """A storage that never answers again leaves the outcome unknown, in bounded time."""
    clock = Clock()
    storage = FailingStorage(start(clock), clock)
    log = opened(storage, clock, "one")
    storage.fate = lambda call, method: LOST if method == "compare_and_set" else REFUSED
    with pytest.raises(OutcomeUnknown):
        drive(clock, append(log, 1000), 60)
    assert stored(storage.inner) == [1000]


def test_a_full_disk_is_certain() -> None:
    """No room is told at once, nothing is committed, and the log goes on when there is room again."""
    clock = Clock()
    inner = start(clock)
    storage = FailingStorage(inner, clock)
    log = opened(storage, clock, "one")
    storage.fate = lambda call, method: FULL if method == "compare_and_set" else FINE
    with pytest.raises(StorageFull):
        drive(clock, append(log, 1000))
    storage.fate = lambda call, method: FINE
    drive(clock, append(log, 1001))
    assert stored(inner) == [1001]


def test_values_of_any_size() -> None:
    """What is larger than a value of the service may be is kept in parts and read as one."""
    clock = Clock()
    storage = MemoryStorage(max_value=400_000)
    for size in (0, 1, 395_903, 395_904, 395_905, 1_000_000, 3_000_000):
        value = random.Random(size).randbytes(size)
        drive(clock, ensureDeferred(put_value(storage, f"k{size}", value)))
        assert drive(clock, ensureDeferred(get_value(storage, f"k{size}"))) == value
    assert max(len(value) for value in storage._values.values()) <= 400_000


def test_a_damaged_root_is_refused() -> None:
    """Any changed byte of a root record is noticed."""
    data = encode_root(Root("d", "e", 66, 1000, 72, "key", 60, (LogRef(0, 1, 2, "k", 3),), (b"abc",)))
    assert encode_root(decode_root(data)) == data
    for at in range(len(data)):
        changed = bytearray(data)
        changed[at] ^= 0x10
        with pytest.raises(CorruptValue):
            decode_root(bytes(changed))
