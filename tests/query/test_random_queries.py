"""Generated queries over generated databases: the engine's answer is the naive evaluator's, whatever the plan.

The seed of a failing query stands in the message: ``PEERSERVER_QUERY_SEED=n`` runs it alone. ``PEERSERVER_QUERIES``
says how many run (20,000 without).
"""

from __future__ import annotations

import os
import random
from functools import lru_cache
from typing import Any

import attrs
import pytest

from peerserver.codec import edn
from peerserver.database import Database
from peerserver.model.anomaly import Anomaly
from peerserver.model.entity import t_of
from peerserver.model.order import clj_key
from peerserver.model.values import Keyword, Symbol
from peerserver.query import execute, parse_query
from peerserver.transact import transact

from .generator import ATTRIBUTES, query_of, schema, transactions
from .naive import Facts, evaluate

QUERIES = int(os.environ.get("PEERSERVER_QUERIES", "20000"))
BLOCKS = 20
DATABASES = 40
ENTITIES = 7
IDENT = Keyword("db/ident")
IDENTS = [Keyword(f"e/{n}") for n in range(ENTITIES)]
REFS = frozenset(x.ident for x in ATTRIBUTES if x.kind == "ref")


@attrs.frozen
class World:
    """One random database: its views for the engine, and as lists of facts for the naive evaluator."""

    views: dict[str, Database]
    facts: dict[str, Facts]


def _current(log: list[tuple[int, Keyword, Any, int, bool]]) -> list[tuple[int, Keyword, Any, int, bool]]:
    live: dict[Any, tuple[int, Keyword, Any, int, bool]] = {}
    for row in log:
        key = (row[0], row[1], clj_key(row[2]))
        if row[4]:
            live[key] = row
        else:
            live.pop(key, None)
    return list(live.values())


@lru_cache(maxsize=DATABASES)
def world(seed: int) -> World:
    rng = random.Random(seed)
    now = 1_700_000_000_000
    db = transact(Database.new(f"random-{seed}"), schema(), now).db_after
    log: list[tuple[int, Keyword, Any, int, bool]] = []
    names = {db.entid(x.ident): x.ident for x in ATTRIBUTES} | {db.entid(IDENT): IDENT}
    ts = [db.basis_t]
    for n, tx in enumerate(transactions(rng, ENTITIES, 12)):
        try:
            result = transact(db, tx, now + n + 1)
        except Anomaly:
            continue  # two values for one attribute: the generator doesn't care
        db = result.db_after
        ts.append(db.basis_t)
        # Within a transaction the retraction comes first: the order of the log for a value that was replaced.
        found = [(d.e, names[d.a], d.v, d.tx, d.added) for d in result.tx_data() if d.a in names]
        log.extend(sorted(found, key=lambda row: row[4]))
    point = ts[len(ts) // 2]
    entids = {name: eid for eid, name in names.items() if eid is not None}
    for ident in IDENTS:
        eid = db.entid(ident)
        assert eid is not None
        entids[ident] = eid
    views = {"now": db, "as-of": db.as_of(point), "since": db.since(point), "history": db.history()}
    before = [row for row in log if t_of(row[3]) <= point]
    after = [row for row in log if t_of(row[3]) > point]
    logs = {"now": _current(log), "as-of": _current(before), "since": _current(after), "history": log}
    return World(views, {name: Facts(rows, entids, REFS) for name, rows in logs.items()})


def as_form(query: dict[str, list[Any]]) -> dict[Keyword, tuple[Any, ...]]:
    return {Keyword(part): tuple(clauses) for part, clauses in query.items()}


def answer(query: dict[str, list[Any]], inputs: list[Any]) -> set[Any]:
    result = execute(parse_query(as_form(query)), inputs)
    return {clj_key(tuple(row)) for row in result.page(0, result.count)}


def check(seed: int) -> None:
    """Runs the query of a seed on both engines and compares."""
    rng = random.Random(seed)
    found = world(seed % DATABASES)
    query, values, views = query_of(rng, IDENTS)
    expected = evaluate(query, [*(found.facts[v] for v in views), *values])
    actual = answer(query, [*(found.views[v] for v in views), *values])
    assert actual == expected, (
        f"seed {seed}, views {views}: {edn.write(as_form(query))} with {values}: "
        f"missing {list(expected - actual)[:5]}, surplus {list(actual - expected)[:5]}"
    )


@pytest.mark.parametrize("block", range(BLOCKS))
def test_the_engine_agrees_with_the_naive_evaluator(block: int) -> None:
    """No generated query has another answer in columns than in nested loops."""
    alone = os.environ.get("PEERSERVER_QUERY_SEED")
    if alone is not None:
        check(int(alone))
        return
    size = QUERIES // BLOCKS
    for seed in range(block * size, (block + 1) * size):
        check(seed)


def test_the_evaluator_can_be_wrong() -> None:
    """The comparison sees a difference: an answer with a row less is not the same answer."""
    found = world(0)
    query = {"find": [Symbol("?e")], "in": [Symbol("$")], "where": [(Symbol("?e"), IDENT, Symbol("_"))]}
    facts = found.facts["now"]
    less = Facts(facts.rows[1:], facts.entids, facts.refs)
    assert evaluate(query, [less]) < evaluate(query, [facts])
