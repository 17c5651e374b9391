"""What every storage owes, asked of each of them on its real service."""

from __future__ import annotations

import os
from typing import Any
from uuid import uuid4

import pytest_twisted
from twisted.internet.defer import gatherResults

from peerserver.storage.interfaces import IStorage, Record


def fresh() -> str:
    return f"test-{uuid4()}"


def test_provides_the_interface(storage: Any) -> None:
    """An adapter declares what it is, and says how large a value may be."""
    assert IStorage.providedBy(storage)
    assert storage.max_value >= 350_000


@pytest_twisted.ensureDeferred
async def test_a_value_comes_back_byte_for_byte(storage: Any) -> None:
    """What was put is what is got, zero bytes and invalid UTF-8 included."""
    key, value = fresh(), bytes(range(256)) * 16
    await storage.put(key, value)
    assert await storage.get(key) == value


@pytest_twisted.ensureDeferred
async def test_a_missing_value_is_none(storage: Any) -> None:
    """A key that nobody put is no error."""
    assert await storage.get(fresh()) is None


@pytest_twisted.ensureDeferred
async def test_a_put_may_be_repeated(storage: Any) -> None:
    """The same put twice is one value: a retry is safe."""
    key = fresh()
    await storage.put(key, b"once")
    await storage.put(key, b"once")
    assert await storage.get(key) == b"once"


@pytest_twisted.ensureDeferred
async def test_the_largest_segment_fits(storage: Any) -> None:
    """A segment has at most 350 KB, and every storage takes it."""
    key, value = fresh(), os.urandom(350_000)
    await storage.put(key, value)
    assert await storage.get(key) == value


@pytest_twisted.ensureDeferred
async def test_an_empty_value_is_a_value(storage: Any) -> None:
    """No bytes are something else than no value."""
    key = fresh()
    await storage.put(key, b"")
    assert await storage.get(key) == b""


@pytest_twisted.ensureDeferred
async def test_deleting_is_idempotent(storage: Any) -> None:
    """A deleted value is gone, and deleting it again is fine."""
    key = fresh()
    await storage.put(key, b"x")
    await storage.delete(key)
    await storage.delete(key)
    assert await storage.get(key) is None


@pytest_twisted.ensureDeferred
async def test_a_record_counts_its_changes(storage: Any) -> None:
    """A record begins at revision 1 and each change adds one."""
    name = fresh()
    assert await storage.read(name) is None
    assert await storage.compare_and_set(name, 0, b"a")
    assert await storage.read(name) == Record(1, b"a")
    assert await storage.compare_and_set(name, 1, b"b")
    assert await storage.read(name) == Record(2, b"b")


@pytest_twisted.ensureDeferred
async def test_a_stale_revision_changes_nothing(storage: Any) -> None:
    """Who expects another revision than there is loses, and the record stays."""
    name = fresh()
    assert not await storage.compare_and_set(name, 1, b"never")
    assert await storage.compare_and_set(name, 0, b"a")
    assert not await storage.compare_and_set(name, 0, b"b")
    assert not await storage.compare_and_set(name, 2, b"b")
    assert await storage.read(name) == Record(1, b"a")


@pytest_twisted.ensureDeferred
async def test_of_many_contenders_one_wins(storage: Any) -> None:
    """Of twenty at once that expect the same revision, exactly one succeeds, each round."""
    name = fresh()
    for revision in range(3):
        texts = [f"{revision}-{n}".encode() for n in range(20)]
        wins = await gatherResults([storage.compare_and_set(name, revision, text) for text in texts])
        assert sum(wins) == 1
        record = await storage.read(name)
        assert record == Record(revision + 1, texts[wins.index(True)])


@pytest_twisted.ensureDeferred
async def test_a_record_may_be_deleted_and_made_again(storage: Any) -> None:
    """A deleted record starts over at revision 1."""
    name = fresh()
    await storage.compare_and_set(name, 0, b"a")
    await storage.delete_record(name)
    assert await storage.read(name) is None
    assert await storage.compare_and_set(name, 0, b"b")
    assert await storage.read(name) == Record(1, b"b")
