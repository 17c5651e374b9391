"""Caches: what they keep, and that their failures cost nothing but time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import pytest
import pytest_twisted
from twisted.application.internet import ClientService
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.protocol import Factory
from twisted.protocols.memcache import MemCacheProtocol

from peerserver.storage.caches import DiskCache, Memcached
from peerserver.storage.interfaces import StorageCorrupt
from peerserver.storage.memory import MemoryStorage
from peerserver.storage.sealed import seal, unseal
from tests.services.servers import free_port


@attrs.define
class Counting:
    """A memory storage that counts its reads."""

    inner: MemoryStorage = attrs.field(factory=MemoryStorage)
    gets: int = 0

    @property
    def max_value(self) -> int:
        return self.inner.max_value

    def get(self, key: str) -> Deferred[bytes | None]:
        self.gets += 1
        return self.inner.get(key)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


def now(deferred: Deferred[Any]) -> Any:
    found: list[Any] = []
    deferred.addCallback(found.append)
    return found[0]


@pytest.mark.parametrize(
    "damage", [lambda b: b[:-1], lambda b: b[:4] + b"\xff" + b[5:], lambda b: b + b"x", lambda b: b""]
)
def test_a_damaged_seal_is_refused(damage: Any) -> None:
    """A value that lost, gained or changed a byte is named and not returned."""
    assert unseal("k", seal(b"value")) == b"value"
    with pytest.raises(StorageCorrupt, match="stored as k"):
        unseal("k", damage(seal(b"value")))


def test_the_disk_cache_answers_for_the_storage(tmp_path: Path) -> None:
    """A value that was put or read once is not asked of the storage again, not even by the next process."""
    below = Counting()
    cache = DiskCache(below, tmp_path, 1 << 20)
    now(cache.put("a", b"1"))
    now(below.inner.put("b", b"2"))
    assert [now(cache.get(k)) for k in "abab"] == [b"1", b"2"] * 2
    assert below.gets == 1
    again = DiskCache(below, tmp_path, 1 << 20)
    assert now(again.get("b")) == b"2" and below.gets == 1


def test_the_disk_cache_stays_below_its_size(tmp_path: Path) -> None:
    """The least recently used files go first."""
    cache = DiskCache(MemoryStorage(), tmp_path, 1000)
    for key in "abc":
        now(cache.put(key, bytes(400)))
    assert sum(f.stat().st_size for f in tmp_path.iterdir()) <= 1000
    assert now(cache.get("a")) == bytes(400)


def test_a_lying_disk_is_found_out(tmp_path: Path) -> None:
    """A flipped byte in a cached file is noticed, and the storage asked instead."""
    below = Counting()
    cache = DiskCache(below, tmp_path, 1 << 20)
    now(cache.put("a", b"right"))
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    assert now(cache.get("a")) == b"right" and below.gets == 1


def test_a_disk_that_takes_nothing_is_survived(tmp_path: Path) -> None:
    """When files can't be written, values still come from the storage."""
    folder = tmp_path / "cache"
    cache = DiskCache(MemoryStorage(), folder, 1 << 20)
    folder.rmdir()
    now(cache.put("a", b"1"))
    assert now(cache.get("a")) == b"1"


def _service(port: int, reactor: Any) -> ClientService:
    service = ClientService(TCP4ClientEndpoint(reactor, "127.0.0.1", port), Factory.forProtocol(MemCacheProtocol))
    service.startService()
    return service


@pytest_twisted.ensureDeferred
async def test_memcached_answers_for_the_storage(memcached_port: int) -> None:
    """A value is read from the storage once, then from a real memcached; one too large is never kept there."""
    from twisted.internet import reactor

    below = Counting()
    cache = Memcached(below, [_service(memcached_port, reactor)], reactor, timeout=5, largest=1000)  # type: ignore[arg-type]
    await below.inner.put("only-below", b"1")
    await cache.put("both", b"2")
    await cache.put("large", bytes(2000))
    for _ in range(2):
        assert await cache.get("only-below") == b"1"
        assert await cache.get("both") == b"2"
        assert await cache.get("large") == bytes(2000)
        assert await cache.get("nowhere") is None
    assert below.gets == 1 + 2 + 2
    await cache.close()


@pytest_twisted.ensureDeferred
async def test_memcached_that_is_away_costs_only_time() -> None:
    """With nobody listening, every value still comes."""
    from twisted.internet import reactor

    cache = Memcached(MemoryStorage(), [_service(free_port(), reactor)], reactor)  # type: ignore[arg-type]
    await cache.put("a", b"1")
    assert await cache.get("a") == b"1"
    await cache.close()
