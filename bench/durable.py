"""A data set in storage: how fast it is loaded, how large it is, how soon and how fast a cold peer reads it.

::

    python -m bench.durable load DATA DATASET PROPERTIES URI IDS       a transactor of its own, until all is indexed
    python -m bench.durable small DATA DATASET PROPERTIES URI -        small transactions of one client, and of 200 at once
    python -m bench.durable indexing DATA DATASET PROPERTIES URI -     the same of four, with and without an indexing job beside them
    python -m bench.durable peer DATA DATASET PROPERTIES URI IDS WORKLOAD CACHE     cold start, point reads, the workload

``PROPERTIES`` is a transactor's file, ``URI`` the database's; ``IDS`` is a file that the first writes and the second reads.
Prints one JSON line a figure, as ``bench.ours`` does.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.defer import ensureDeferred
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from peerserver.clocks import steady
from peerserver.codec import transit
from peerserver.durable.catalogue import find_database
from peerserver.index.segment_cache import ObjectCache
from peerserver.model.values import Instant, Keyword
from peerserver.peer.storage_peer import StoragePeer
from peerserver.pull import parse_pattern, pull
from peerserver.storage.opening import CacheSettings, open_storage, sqlite_path
from peerserver.storage.uri import DatabaseURI, parse_uri

from . import datasets
from .ours import State, emit, run_case
from .timing import rss_mb

__all__ = ("main",)

COMMAND = (sys.executable, "-m", "peerserver")


async def load(reactor: Any, base: dict[str, Any], folder: Path, uri: DatabaseURI, ids_file: Path) -> None:
    """Creates the database and transacts the data set's files, a transaction a line, through the transactor's port."""
    subprocess.run([*COMMAND, "create-database", uri.text], check=True)
    peer = StoragePeer(uri, reactor, ObjectCache(1 << 20), CacheSettings(), 8, {}, 600.0)
    peer.start_link()
    storage = await open_storage(uri, reactor, lambda: 0.5)
    database_id = await find_database(storage, uri.database)
    schema = datasets.schema_tx(folder)
    ids = datasets.Ids()
    read = datasets.tx_reader(datasets.types_of(schema), ids, stamp=True)
    numbers = iter(range(1 << 40))

    async def transact(tx: Any) -> Any:
        data = transit.msgpack.encode(tuple(tx))
        return (await peer.link.transact(database_id, data, f"load-{next(numbers)}", 600.0))[1]

    await transact([*schema, (Keyword("db/add"), "datomic.tx", Keyword("db/txInstant"), Instant(1401580800000))])
    facts = datasets.manifest(folder)
    for name in ("data.jsonl", "updates.jsonl"):
        if name in facts["files"]:
            start, busy = time.perf_counter(), 0.0
            for line in datasets.lines(folder, name):
                tx = read(line)
                began = time.perf_counter()
                ids.learn(await transact(tx))
                busy += time.perf_counter() - began
            datoms = facts["files"][name]["datoms"]
            emit(**base, name=f"load:{name}", datoms=datoms, wall_s=round(time.perf_counter() - start, 2),
                 transact_s=round(busy, 2), datoms_per_s=round(datoms / busy))
    ids_file.write_text(json.dumps(list(ids.of.items())))
    start = time.perf_counter()
    subprocess.run([*COMMAND, "index-database", uri.text, "--timeout", "600"], check=True)
    emit(**base, name="last-index", wall_s=round(time.perf_counter() - start, 2))
    path = sqlite_path(uri)
    if path is not None:
        size = sum(part.stat().st_size for part in path.parent.glob(path.name + "*"))
        emit(**base, name="size", bytes=size, per_datom=round(size / 5_044_585, 1))
    peer.close()


async def single(reactor: Any, base: dict[str, Any], uri: DatabaseURI, clients: int, count: int) -> None:
    """Small transactions: one after the other, or by many clients at once."""
    peer = StoragePeer(uri, reactor, ObjectCache(1 << 20), CacheSettings(), 8, {}, 60.0)
    peer.start_link()
    storage = await open_storage(uri, reactor, lambda: 0.5)
    database_id = await find_database(storage, uri.database)
    doc, times = Keyword("db/doc"), []

    async def client(n: int) -> None:
        for i in range(count):
            data = transit.msgpack.encode(({doc: f"client {n} {i}"},))
            began = time.perf_counter()
            await peer.link.transact(database_id, data, f"{base['name']}-{n}-{i}-{began}", 60.0)
            times.append((time.perf_counter() - began) * 1e3)

    await client(-1)
    times.clear()
    start = time.perf_counter()
    running = [ensureDeferred(client(n)) for n in range(clients)]
    for one in running:
        await one
    took = time.perf_counter() - start
    times.sort()
    emit(**base, clients=clients, per_s=round(len(times) / took), p50_ms=round(times[len(times) // 2], 2),
         p99_ms=round(times[int(len(times) * 0.99)], 2))
    peer.close()


async def beside_indexing(reactor: Any, base: dict[str, Any], uri: DatabaseURI, seconds: float = 20.0) -> None:
    """Small transactions of four clients, before and while half a million new datoms are indexed. The transactor's
    ``memory-index-threshold`` must be above them (512m), so that no job begins by itself."""
    subprocess.run([*COMMAND, "create-database", uri.text], check=True)
    peer = StoragePeer(uri, reactor, ObjectCache(1 << 20), CacheSettings(), 8, {}, 600.0)
    peer.start_link()
    storage = await open_storage(uri, reactor, lambda: 0.5)
    database_id = await find_database(storage, uri.database)
    doc, numbers = Keyword("db/doc"), iter(range(1 << 40))

    async def transact(*entities: Any) -> float:
        data = transit.msgpack.encode(entities)
        began = time.perf_counter()
        await peer.link.transact(database_id, data, f"beside-{next(numbers)}-{began}", 600.0)
        return (time.perf_counter() - began) * 1e3

    for i in range(250):
        await transact(*({doc: f"a document of some length, number {i}-{n}"} for n in range(2000)))
    busy = True
    times: list[float] = []

    async def client() -> None:
        while busy:
            times.append(await transact({doc: f"small {len(times)}"}))

    def figures(name: str) -> None:
        taken = sorted(times)
        times.clear()
        emit(**base, name=name, count=len(taken), p50_ms=round(taken[len(taken) // 2], 2),
             p99_ms=round(taken[int(len(taken) * 0.99)], 2), max_ms=round(taken[-1], 1))

    running = [ensureDeferred(client()) for _ in range(4)]
    await deferLater(reactor, 3)
    times.clear()
    await deferLater(reactor, seconds)
    figures("small-idle")
    began = time.perf_counter()
    job = subprocess.Popen([*COMMAND, "index-database", uri.text, "--timeout", "600"])
    while job.poll() is None:
        await deferLater(reactor, 0.05)
    figures("small-beside-indexing")
    emit(**base, name="indexing", wall_s=round(time.perf_counter() - began, 1))
    busy = False
    for one in running:
        await one
    peer.close()


async def read_cold(reactor: Any, base: dict[str, Any], folder: Path, uri: DatabaseURI, ids_file: Path, workload: Path,
                    cache: int) -> None:
    """A peer that begins with nothing in memory: its start, first query, point reads, then the workload."""
    began = time.perf_counter()
    objects = ObjectCache(cache)
    peer = StoragePeer(uri, reactor, objects, CacheSettings(), 8, {}, 60.0)
    connection = peer.connection(uri.database)
    await peer.start()
    emit(**base, name="cold-start", ms=round((time.perf_counter() - began) * 1e3), rss_mb=rss_mb())
    db = connection.db()
    start = time.perf_counter()
    found = await deferToThread(lambda: db.entid((Keyword("artist/gid"), datasets.handle_uuid("artist", 777))))
    emit(**base, name="first-lookup", ms=round((time.perf_counter() - start) * 1e3, 1), found=found is not None)
    pattern = parse_pattern((Keyword("artist/name"), Keyword("artist/gid"), Keyword("artist/sortName")))

    def points(first: int) -> list[float]:
        times = []
        for n in range(first, first + 400, 2):
            at = time.perf_counter()
            pull(db, pattern, (Keyword("artist/gid"), datasets.handle_uuid("artist", n)))
            times.append((time.perf_counter() - at) * 1e3)
        return sorted(times)

    for name in ("pull-cold", "pull-warm"):
        times = await deferToThread(points, 1000)
        emit(**base, name=name, median_ms=round(times[100], 3), p99_ms=round(times[198], 2), rss_mb=rss_mb())
    before = rss_mb()
    ids = datasets.Ids()
    ids.learn({str(k): v for k, v in json.loads(ids_file.read_text())})
    own = rss_mb() - before
    state = State(db, ids, datasets.manifest(folder).get("rounds", ()))
    most = rss_mb()
    for case in datasets.cases(workload, base["dataset"]):
        if case["op"].name != "tx":
            await deferToThread(run_case, base, state, case)
            most = max(most, rss_mb())
    # ``own_mb`` is this program's map of ids, which no server holds.
    emit(**base, name="memory-end", rss_mb=rss_mb(), most_mb=most, own_mb=own, cache_bytes=objects.bytes)
    peer.close()


def main(what: str, data: str, dataset: str, properties: str, uri: str, ids: str, *more: str) -> None:
    """Runs a part, with a transactor beside it."""
    from twisted.internet import reactor as _reactor

    reactor: Any = _reactor
    steady(reactor)
    base = {"system": f"peerserver {parse_uri(uri).protocol}", "dataset": dataset}
    folder = Path(data) / dataset
    transactor = subprocess.Popen([*COMMAND, "transactor", properties], stdout=subprocess.DEVNULL)
    parts: dict[str, Callable[[], Any]] = {
        "load": lambda: load(reactor, base, folder, parse_uri(uri), Path(ids)),
        "peer": lambda: read_cold(reactor, base, folder, parse_uri(uri), Path(ids), Path(more[0]), int(more[1])),
        "small": lambda: small(reactor, base, parse_uri(uri)),
        "indexing": lambda: beside_indexing(reactor, base, parse_uri(uri)),
    }

    async def work() -> None:
        await deferLater(reactor, 3)
        await parts[what]()

    async def small(reactor: Any, base: dict[str, Any], uri: DatabaseURI) -> None:
        subprocess.run([*COMMAND, "create-database", uri.text], check=True)
        await single(reactor, {**base, "name": "one"}, uri, 1, 500)
        await single(reactor, {**base, "name": "many"}, uri, 200, 50)

    problems: list[Any] = []
    reactor.callWhenRunning(
        lambda: ensureDeferred(work()).addErrback(problems.append).addBoth(lambda _: reactor.stop()))
    reactor.run()
    transactor.terminate()
    transactor.wait()
    if problems:
        raise SystemExit(problems[0].getTraceback())


if __name__ == "__main__":
    main(*sys.argv[1:])
