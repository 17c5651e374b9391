"""Indexing: when the memory index of a database is merged into its durable one, and the job that does it.

The job is a process of its own, so transactions go on beside it. It reads root, index and log from storage, writes
segments that nobody knows of, and tells the key of the new index; only then the transactor points the root record to
it. A job that dies, at any time, leaves garbage and nothing else.
What is not decided here: how indexes are merged (``index.merge``), and how the root record changes (``durable.log``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any, Protocol, final
from uuid import uuid4

import attrs
from twisted.internet.defer import Deferred, ensureDeferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from peerserver.durable.groups import one_group
from peerserver.durable.loading import Loaded, Loader
from peerserver.durable.values import put_value
from peerserver.index.merge import News, merge
from peerserver.storage.interfaces import IStorage

__all__ = ("Indexer", "index_once", "pressure_of")

_log = Logger()

#: seconds after a failed job until the next is tried.
RETRY = 10.0
# Segments on their way to storage at once.
_WINDOW = 8


class _Host(Protocol):
    def novelty_bytes(self, database_id: str) -> int: ...

    def publish(self, database_id: str, key: str) -> Deferred[None]: ...


@final
@attrs.define(eq=False)
class Indexer:
    """Starts a job when a database's novelty takes more than ``threshold`` bytes; one job at a time.

    ``job(database_id)`` fires with the key of the new index, or None when there was nothing to do. ``clock``: an
    IReactorTime."""

    _host: _Host
    _job: Callable[[str], Deferred[str | None]]
    _clock: Any
    threshold: int
    running: str | None = None
    _waiting: dict[str, list[Deferred[None]]] = attrs.field(factory=dict)
    _not_before: float = 0.0
    _closed: bool = False

    def novelty(self, database_id: str) -> None:
        """A database's novelty has grown."""
        if database_id not in self._waiting and self._host.novelty_bytes(database_id) >= self.threshold:
            self._waiting[database_id] = []
            self._next()

    def request(self, database_id: str) -> Deferred[None]:
        """Indexes a database now, whatever its size; fires when all that it has now is in its index."""
        done: Deferred[None] = Deferred()
        self._waiting.setdefault(database_id, []).append(done)
        self._next()
        return done

    def close(self) -> None:
        """Starts no more jobs."""
        self._closed = True

    def _next(self) -> None:
        if self.running is not None or not self._waiting or self._closed:
            return
        wait = self._not_before - self._clock.seconds()
        if wait > 0:
            self._clock.callLater(wait, self._next)
            return
        database_id, asked = next(iter(self._waiting.items()))
        del self._waiting[database_id]
        self.running = database_id
        started = self._clock.seconds()
        job = self._job(database_id)
        job.addCallback(self._publish, database_id, started)
        job.addErrback(self._failed, database_id)
        job.addCallback(self._ended, database_id, asked)

    def _publish(self, key: str | None, database_id: str, started: float) -> Deferred[None]:
        if key is None or self._closed:
            return succeed(None)
        _log.info("Indexed {database} in {seconds:.1f} s", database=database_id,
                  seconds=self._clock.seconds() - started)
        return self._host.publish(database_id, key)

    def _failed(self, failure: Failure, database_id: str) -> None:
        self._not_before = self._clock.seconds() + RETRY
        _log.warn("Indexing {database} failed, next try in {seconds:g} s: {error}", database=database_id,
                  seconds=RETRY, error=str(failure.value))

    def _ended(self, _: object, database_id: str, asked: list[Deferred[None]]) -> None:
        self.running = None
        for done in asked:
            done.callback(None)
        if not self._closed:
            self.novelty(database_id)
            self._next()


def pressure_of(novelty: int, threshold: int, maximum: int) -> float:
    """How hard transactions are held back, 0 to 1: not at all up to half way between the threshold and the maximum of
    the memory index, altogether at the maximum (Datomic: ``memory-index-threshold``, ``memory-index-max``)."""
    ease = (threshold + maximum) / 2
    return min(1.0, max(0.0, (novelty - ease) / max(1.0, maximum - ease)))


async def index_once(loader: Loader, database_id: str) -> str | None:
    """The job: merges all that the log has into a new index in storage; its key, or None if there is nothing new."""
    loaded = await loader.load(database_id)
    if not loaded.novelty.groups:
        return None
    key: str = await loader.in_thread(_merge, loader, loaded)
    return key


def _merge(loader: Loader, loaded: Loaded) -> str:
    # In a worker thread. The root goes last, when all else is stored.
    job = uuid4().hex
    numbers = iter(range(1 << 40))
    database_id = loaded.db.id
    last = ""
    on_way: list[Future[None]] = []
    for key, data in _values(loaded, lambda kind: f"{database_id}/index/{job}/{kind}-{next(numbers)}"):
        if key.rpartition("/")[2].startswith("root"):
            for future in on_way:
                future.result()
            on_way = []
        on_way.append(_put(loader.storage, loader.reactor, key, data))
        if len(on_way) >= _WINDOW:
            on_way.pop(0).result()
        last = key
    for future in on_way:
        future.result()
    return last


def _values(loaded: Loaded, new_key: Callable[[str], str]) -> Iterator[tuple[str, bytes]]:
    group = one_group(loaded.novelty.groups)
    db = loaded.db
    news = News(group.e, group.a, group.v, group.tx, group.added, db.basis_t, db.next_t, db.next_schema_id, db.schema)
    index = loaded.novelty.index
    if index is None:
        # The datoms that every database begins with are in no log.
        news = _with_first(news, loaded)
    return merge(db.id, index, news, db.dictionary, new_key)


def _with_first(news: News, loaded: Loaded) -> News:
    import numpy as np

    from peerserver.database import Database

    first = Database.new(loaded.db.id, loaded.db.dictionary).history().all_rows()
    order = np.argsort(first.tx, kind="stable")
    first = first.take(order)
    assert first.a is not None
    columns = [np.concatenate(pair) for pair in (
        (first.e, news.e), (first.a, news.a), (first.v, news.v), (first.tx, news.tx))]
    e, a, v, tx = columns
    added = np.concatenate([first.added_or_true(), news.added])
    return attrs.evolve(news, e=e, a=a, v=v, tx=tx, added=added)


def _put(storage: IStorage, reactor: Any, key: str, data: bytes) -> Future[None]:
    future: Future[None] = Future()

    def start() -> None:
        ensureDeferred(put_value(storage, key, data)).addCallbacks(
            lambda _: future.set_result(None), lambda failure: future.set_exception(failure.value))

    reactor.callFromThread(start)
    return future
