"""The write cases of the workload: one transaction after the other, through the connection of a memory database."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from twisted.internet.task import Clock
from twisted.python.failure import Failure

from peerserver.codec import edn
from peerserver.database import Database
from peerserver.model.anomaly import Anomaly
from peerserver.model.values import Keyword
from peerserver.peer.connection import memory_connection
from peerserver.query import execute, parse_query
from peerserver.transact import TxResult
from peerserver.web.work import Inline

from . import datasets
from .canon import checksum, row_text
from .timing import median_ms

__all__ = ("Connection", "run")

PEOPLE_DATOMS = 191_079
_ADD, _RETRACT_ENTITY = Keyword("db/add"), Keyword("db/retractEntity")


class Connection:
    """A memory database behind the server's own connection and transactor, which work in the caller's thread."""

    def __init__(self) -> None:
        self._connection = memory_connection("bench", _WallClock(), Inline().run)

    @property
    def db(self) -> Database:
        return self._connection.db()

    def transact(self, tx_data: list[Any]) -> TxResult:
        """The result; raises Anomaly where the transaction is refused."""
        outcome: list[Any] = []
        self._connection.transact(tx_data).addBoth(outcome.append)
        (found,) = outcome
        if isinstance(found, Failure):
            found.raiseException()
        result: TxResult = found
        return result


class _WallClock(Clock):
    """A reactor's clock without a reactor: nothing here waits."""

    def seconds(self) -> float:
        return time.time()


def _q(db: Database, *form: Any) -> list[Any]:
    result = execute(parse_query(tuple(form)), [db])
    return list(result.page(0, result.count))


def _timed(connection: Connection, txs: Iterable[list[Any]]) -> tuple[list[float], int]:
    """(milliseconds of each transaction, how many were refused)."""
    times, refused = [], 0
    for tx in txs:
        start = time.perf_counter()
        try:
            connection.transact(tx)
        except Anomaly:
            refused += 1
        times.append((time.perf_counter() - start) * 1e3)
    return times, refused


class _Clock:
    def __init__(self) -> None:
        self.wall, self.cpu = time.perf_counter(), time.process_time()

    def figures(self, times: list[float], datoms: int) -> dict[str, Any]:
        seconds, cpu = time.perf_counter() - self.wall, time.process_time() - self.cpu
        return {
            **median_ms(times),
            "transactions": len(times),
            "total_ms": round(1e3 * seconds, 3),
            "tx_per_s": round(len(times) / seconds),
            "cpu_ms": round(1e3 * cpu / len(times), 4),
            "datoms_per_s": round(datoms / seconds),
        }


def _people(folder: Path) -> list[dict[str, Any]]:
    return [e for line in datasets.lines(folder, "data.jsonl") for e in line["ents"]]


def _count(db: Database, attribute: str) -> int:
    found = _q(db, *edn.read(f"[:find (count ?e) :where [?e :{attribute}]]"))
    return int(found[0][0]) if found else 0


def _run_people(folder: Path, variant: str) -> dict[str, Any] | None:
    connection = Connection()
    schema = datasets.schema_tx(folder)
    connection.transact(schema)
    ids = datasets.Ids()
    read = datasets.tx_reader(datasets.types_of(schema), ids, stamp=False)
    people = _people(folder)
    if variant == "add-all":
        tx = read({"ents": people})
        clock = _Clock()
        times, _ = _timed(connection, [tx])
        return {**clock.figures(times, PEOPLE_DATOMS), "rows": _count(connection.db, "name")}
    if variant == "add-5":
        txs = [read({"ents": [p]}) for p in people]
        clock = _Clock()
        times, _ = _timed(connection, txs)
        return {**clock.figures(times, PEOPLE_DATOMS), "rows": _count(connection.db, "name")}
    if variant == "add-1":
        clock = _Clock()
        times = _add_one_by_one(connection, people)
        return {**clock.figures(times, 5 * len(people)), "rows": _count(connection.db, "salary")}
    if variant == "retract-5":
        for start in range(0, len(people), 1000):
            ids.learn(connection.transact(read({"ents": people[start : start + 1000]})).tempids)
        txs = [[(_RETRACT_ENTITY, ids.of[p["id"]])] for p in people]
        clock = _Clock()
        times, _ = _timed(connection, txs)
        return {**clock.figures(times, PEOPLE_DATOMS), "rows": _count(connection.db, "name")}
    return None


def _add_one_by_one(connection: Connection, people: list[dict[str, Any]]) -> list[float]:
    times = []
    name, rest = Keyword("name"), [Keyword(k) for k in ("last-name", "sex", "age", "salary")]
    for person in people:
        start = time.perf_counter()
        e = connection.transact([(_ADD, "p", name, person[":name"])]).tempids["p"]
        times.append((time.perf_counter() - start) * 1e3)
        for attribute in rest:
            v = person[f":{attribute.text}"]
            found, _ = _timed(connection, [[(_ADD, e, attribute, Keyword(v[1:]) if attribute.text == "sex" else v)]])
            times.extend(found)
    return times


def _run_oltp(folder: Path, variant: str, count: int) -> dict[str, Any]:
    connection = Connection()
    schema = datasets.schema_tx(folder)
    connection.transact(schema)
    ids = datasets.Ids()
    read = datasets.tx_reader(datasets.types_of(schema), ids, stamp=False)
    for line in datasets.lines(folder, "data.jsonl"):
        ids.learn(connection.transact(read(line)).tempids)
    # The stream names known entities only by lookup, so it can be read ahead of the transactions.
    stream = [line for line, _ in zip(datasets.lines(folder, "updates.jsonl"), range(count), strict=False)]
    txs = [read(line) for line in stream]
    clock = _Clock()
    times, refused = _timed(connection, txs)
    figures = clock.figures(times, sum(len(tx) for tx in txs))
    db = connection.db
    rows = [row_text("sl", r, {}) for r in _q(db, *edn.read(
        "[:find ?a ?b :where [?x :account/id ?a] [?x :account/balance ?b]]"))]
    rows += [row_text("ukl", r, {}) for r in _q(db, *edn.read(
        "[:find ?o ?s ?t :where [?x :order/id ?o] [?x :order/status ?s] [?x :order/total ?t]]"))]
    rows += [row_text("sl", r, {}) for r in _q(db, *edn.read(
        "[:find ?s (sum ?n) :with ?l :where [?l :line/sku ?s] [?l :line/quantity ?n]]"))]
    n, total = checksum(rows)
    return {**figures, "refused": refused, "refused_expected": sum(bool(x.get("fails")) for x in stream), "rows": n,
            "checksum": total}


def run(base: dict[str, Any], folder: Path, case: dict[str, Any], emit: Callable[..., None]) -> None:
    """Runs one write case and emits its line."""
    variant = case["variant"].name
    line = {**base, "name": case["name"], "category": case["category"].name}
    try:
        if variant in ("sequential", "pipelined"):
            # In one process there is nothing to pipeline to: both send one transaction after the other.
            figures: dict[str, Any] | None = _run_oltp(folder, variant, case["count"])
        else:
            figures = _run_people(folder, variant)
    except Exception as failure:
        emit(**line, error=f"{type(failure).__name__}: {failure}"[:300])
        return
    if figures is None:
        emit(**line, skipped=f"no {variant}: a constructor of another system")
    else:
        emit(**line, **figures)
