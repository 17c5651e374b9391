"""A small database for the tests of the query room: persons, their bosses, friends and ages."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from peerserver.codec import edn
from peerserver.database import Database
from peerserver.query import Budget, execute, parse_query
from peerserver.query.context import Context
from peerserver.query.parse import parse_rules
from peerserver.query.plan import plan_of
from peerserver.query.steps import Plan
from peerserver.transact import transact

__all__ = ("Clock", "people", "plan", "q", "read")

SCHEMA = """
[{:db/ident :p/name :db/valueType :db.type/string :db/cardinality :db.cardinality/one :db/unique :db.unique/identity}
 {:db/ident :p/age :db/valueType :db.type/long :db/cardinality :db.cardinality/one :db/index true}
 {:db/ident :p/height :db/valueType :db.type/double :db/cardinality :db.cardinality/one}
 {:db/ident :p/kind :db/valueType :db.type/keyword :db/cardinality :db.cardinality/one}
 {:db/ident :p/boss :db/valueType :db.type/ref :db/cardinality :db.cardinality/one}
 {:db/ident :p/friend :db/valueType :db.type/ref :db/cardinality :db.cardinality/many}]
"""
COUNT = 60


@lru_cache(maxsize=1)
def people() -> Database:
    """60 persons ``n0`` …; the boss of n is n // 2; everybody is friends with the next two."""
    db = transact(Database.new("people"), edn.read(SCHEMA), 1_000).db_after
    lines = [
        f'{{:db/id "n{n}" :p/name "n{n}" :p/age {n % 10} :p/height {n / 2} :p/kind :k/{"even" if n % 2 == 0 else "odd"} '
        f':p/boss "n{n // 2}" :p/friend ["n{(n + 1) % COUNT}" "n{(n + 2) % COUNT}"]}}'
        for n in range(COUNT)
    ]
    return transact(db, edn.read("[" + " ".join(lines) + "]"), 2_000).db_after


def read(text: str) -> Any:
    return edn.read(text)


def q(text: str, *inputs: Any, budget: Budget | None = None) -> Any:
    """The answer to a query in text; the database comes first among the inputs."""
    return execute(parse_query(edn.read(text)), [people(), *inputs], budget).shaped()


def plan(text: str, bound: tuple[str, ...] = (), rules: str | None = None) -> Plan:
    """The plan of a query's ``:where``."""
    query = parse_query(edn.read(text))
    ctx = Context({edn.read("$"): people()}, parse_rules(edn.read(rules)) if rules else None, Budget(), {})
    needed = frozenset(x for x in query.find.elements)
    return plan_of(ctx, query.where, frozenset(edn.read(x) for x in bound), 1.0, needed)  # type: ignore[arg-type]


class Clock:
    """A clock that goes on by one second whenever somebody looks."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1.0
        return self.now
