"""Runs the workload on our engine, in this process: ``python -m bench.ours DATA WORKLOAD DATASET``.

Prints one JSON line a case, of the fields that the reference runners print. ``median_ms`` ends with the answer in
columns, as the server holds it until a page is encoded; ``rows_ms`` with all of it as Python tuples.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import attrs

from peerserver.database import Database
from peerserver.model.values import Instant, Keyword
from peerserver.pull import parse_pattern, pull
from peerserver.query import execute, parse_query

from . import datasets, transactions
from .canon import canon, checksum, row_text
from .timing import measure, rss_mb

__all__ = ("main",)

SYSTEM = "peerserver"
Rows = Iterable[str]


@attrs.define
class State:
    """A loaded data set: what the cases need."""

    db: Database
    ids: datasets.Ids
    rounds: Sequence[int]


def emit(**line: Any) -> None:
    print(json.dumps(line), flush=True)


def load(base: dict[str, Any], folder: Path) -> State:
    """Installs the schema and replays the data set's files, a transaction a line."""
    connection = transactions.Connection()
    schema = datasets.schema_tx(folder)
    ids = datasets.Ids()
    read = datasets.tx_reader(datasets.types_of(schema), ids, stamp=True)
    # The claimed times of the data begin in 2015.
    install = [*schema, (Keyword("db/add"), "datomic.tx", Keyword("db/txInstant"), Instant(1401580800000))]
    connection.transact(install)
    facts = datasets.manifest(folder)
    for name in ("data.jsonl", "updates.jsonl"):
        if name not in facts["files"]:
            continue
        busy = 0.0
        count = 0
        start = time.perf_counter()
        for line in datasets.lines(folder, name):
            tx = read(line)
            began = time.perf_counter()
            tempids = connection.transact(tx).tempids
            busy += time.perf_counter() - began
            ids.learn(tempids)
            count += 1
        datoms = facts["files"][name]["datoms"]
        emit(**base, name=f"load:{name}", category="load", datoms=datoms, transactions=count,
             wall_s=round(time.perf_counter() - start, 3), transact_s=round(busy, 3), datoms_per_s=round(datoms / busy))
    emit(**base, name="memory", category="load", rss_mb=rss_mb())
    return State(connection.db, ids, facts.get("rounds", ()))


def database(state: State, which: Any) -> Database:
    """The database that a case names: ``:now``, ``:history``, ``[:as-of-round n]`` or ``[:since-round n]``."""
    if which is Keyword("now"):
        return state.db
    if which is Keyword("history"):
        return state.db.history()
    name, n = which
    at = Instant(state.rounds[n - 1])
    return state.db.as_of(at) if name is Keyword("as-of-round") else state.db.since(at)


def q(form: Any, inputs: list[Any]) -> Any:
    return execute(parse_query(form), inputs)


def query_case(state: State, case: dict[str, Any], dbs: list[Database]) -> tuple[Callable[[], Any], ...]:
    form, inputs = case["query"], [*dbs, *case.get("args", ())]
    letters = [k.name for k in case["cols"]]

    def rows() -> Any:
        result = q(form, inputs)
        return result.page(0, result.count)

    return (lambda: q(form, inputs), rows, lambda: (row_text(letters, row, state.ids.logical) for row in rows()))


def handles(case: dict[str, Any]) -> list[Any]:
    kind, start, stop, step = case["handles"]
    return [datasets.handle_uuid(kind, n) for n in range(start, stop, step)]


def query_each_case(state: State, case: dict[str, Any], dbs: list[Database]) -> tuple[Callable[[], Any], ...]:
    form, letters, uuids = case["query"], [k.name for k in case["cols"]], handles(case)

    def work() -> list[Any]:
        found = []
        for uuid in uuids:
            result = q(form, [*dbs, uuid])
            found.extend(result.page(0, result.count))
        return found

    return (work, None, lambda: (row_text(letters, row, state.ids.logical) for row in work()))


def pull_case(state: State, case: dict[str, Any], dbs: list[Database]) -> tuple[Callable[[], Any], ...]:
    db, pattern = dbs[0], case["pattern"]
    eids = [(case["unique"], u) for u in handles(case)] if "handles" in case else [case["eid"]]

    def work() -> list[Any]:
        return [pull(db, parse_pattern(pattern), eid) for eid in eids]

    return (work, None, lambda: (canon(x, state.ids.logical) for x in work()))


def index_case(state: State, case: dict[str, Any], dbs: list[Database]) -> tuple[Callable[[], Any], ...]:
    db = dbs[0]

    def datoms() -> Any:
        if case["op"].name == "index-range":
            return db.index_range(db.attribute(case["attr"]).id, case.get("start"), case.get("end"))
        return db.datoms(case["index"].name, case["components"])

    def columns() -> Any:
        found = datoms()
        return found.rows(0, len(found))

    def rows() -> list[Any]:
        found = datoms()
        return found.slice(0, len(found))

    letters = [k.name for k in case["cols"]]
    return (columns, rows, lambda: (row_text(letters, (d.e, d.v), state.ids.logical) for d in rows()))


KINDS = {"q": query_case, "q-each": query_each_case, "pull": pull_case, "pull-each": pull_case, "datoms": index_case,
         "index-range": index_case}


def run_case(base: dict[str, Any], state: State, case: dict[str, Any]) -> None:
    line = {**base, "name": case["name"], "category": case["category"].name}
    make = KINDS.get(case["op"].name)
    if make is None:
        emit(**line, skipped=f"no {case['op'].name}: an operation of the peer library, not of the protocol")
        return
    try:
        dbs = [database(state, which) for which in case.get("dbs", (Keyword("now"),))]
        work, rows, texts = make(state, case, dbs)
        n, total = checksum(texts())
        figures: dict[str, Any] = measure(work)
        if rows is not None:
            figures["rows_ms"] = measure(rows)["median_ms"]
        emit(**line, **figures, rows=n, checksum=total)
    except Exception as failure:  # a case that fails is a line of the report, and fails the run at its end
        emit(**line, error=f"{type(failure).__name__}: {failure}"[:300])


def main(data: str, workload: str, dataset: str) -> None:
    """Loads a data set and runs its cases."""
    folder = Path(data) / dataset
    base = {"system": SYSTEM, "dataset": dataset}
    found = datasets.cases(Path(workload), dataset)
    reads = [case for case in found if case["op"].name != "tx"]
    if reads:
        state = load(base, folder)
        for case in reads:
            run_case(base, state, case)
    for case in found:
        if case["op"].name == "tx":
            transactions.run(base, folder, case, emit)
    emit(**base, name="memory-end", category="load", rss_mb=rss_mb())


if __name__ == "__main__":
    main(*sys.argv[1:4])
