"""Limits and retries around a storage, with a fake clock and a storage that fails as told."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock

from peerserver.storage.guard import GuardedStorage, Limits
from peerserver.storage.interfaces import StorageError, StorageFull


@attrs.define
class Scripted:
    """Answers each call with the next of its answers: a value, an exception, or None for silence."""

    answers: list[Any]
    calls: list[str] = attrs.field(factory=list)
    max_value: int = 5

    def _next(self, name: str) -> Deferred[Any]:
        self.calls.append(name)
        answer = self.answers.pop(0)
        if answer is None:
            return Deferred()
        return fail(answer) if isinstance(answer, Exception) else succeed(answer)

    def get(self, key: str) -> Deferred[Any]:
        return self._next("get")

    def compare_and_set(self, name: str, revision: int, value: bytes) -> Deferred[Any]:
        return self._next("cas")


def guarded(inner: Scripted, **limits: Any) -> tuple[GuardedStorage, Clock]:
    clock = Clock()
    return GuardedStorage(inner, clock, Limits(**limits), lambda: 1.0), clock


def outcome(deferred: Deferred[Any]) -> list[Any]:
    found: list[Any] = []
    deferred.addBoth(found.append)
    return found


def test_a_failed_read_is_repeated_after_a_delay() -> None:
    """Two failures and an answer is an answer, after growing delays."""
    inner = Scripted([StorageError("1"), StorageError("2"), b"x"])
    storage, clock = guarded(inner)
    found = outcome(storage.get("k"))
    clock.advance(0.1)
    assert not found and inner.calls == ["get", "get"]
    clock.advance(0.2)
    assert found == [b"x"]


def test_the_last_failure_is_told() -> None:
    """After the last attempt the caller gets that attempt's error."""
    storage, clock = guarded(Scripted([StorageError("1"), StorageError("2")]), attempts=2)
    found = outcome(storage.get("k"))
    clock.advance(1)
    assert found[0].getErrorMessage() == "2"


def test_a_full_storage_is_not_asked_again() -> None:
    """No room is no passing fault."""
    inner = Scripted([StorageFull("full")])
    storage, _ = guarded(inner)
    found = outcome(storage.get("k"))
    assert found[0].check(StorageFull) and inner.calls == ["get"]


def test_silence_ends_at_the_time_limit() -> None:
    """A storage that never answers is an error after the limit, not later."""
    storage, clock = guarded(Scripted([None]), attempts=1, timeout=9)
    found = outcome(storage.get("k"))
    clock.advance(8.9)
    assert not found
    clock.advance(0.2)
    assert "no answer in 9 s" in found[0].getErrorMessage()


def test_compare_and_set_is_never_repeated() -> None:
    """Its outcome is unknown after a failure, and only the caller can find out."""
    inner = Scripted([StorageError("lost")])
    storage, clock = guarded(inner)
    found = outcome(storage.compare_and_set("n", 1, b""))
    clock.advance(60)
    assert found[0].check(StorageError) and inner.calls == ["cas"]


@pytest.mark.parametrize("answered", [1, 2])
def test_concurrency_is_bounded(answered: int) -> None:
    """No more than read_concurrency reads are under way; the next begins when one ends."""
    inner = Scripted([None] * 5)
    storage, clock = guarded(inner, read_concurrency=2, attempts=1, timeout=9)
    for _ in range(5):
        outcome(storage.get("k"))
    assert len(inner.calls) == 2
    for _ in range(answered - 1):
        clock.advance(10)
    assert len(inner.calls) == 2 * answered
