"""A small schema and shorthands that the tests of transactions share."""

from __future__ import annotations

from typing import Any

import pytest

from peerserver.codec import edn
from peerserver.database import Database
from peerserver.model.anomaly import Anomaly
from peerserver.model.values import Keyword
from peerserver.transact import TxResult, transact

NOW = 1_700_000_000_000

SCHEMA = """
[{:db/ident :p/name :db/valueType :db.type/string :db/cardinality :db.cardinality/one :db/unique :db.unique/identity}
 {:db/ident :p/email :db/valueType :db.type/string :db/cardinality :db.cardinality/one :db/unique :db.unique/value}
 {:db/ident :p/age :db/valueType :db.type/long :db/cardinality :db.cardinality/one :db/index true}
 {:db/ident :p/nick :db/valueType :db.type/string :db/cardinality :db.cardinality/many}
 {:db/ident :p/friend :db/valueType :db.type/ref :db/cardinality :db.cardinality/many}
 {:db/ident :p/boss :db/valueType :db.type/ref :db/cardinality :db.cardinality/one}
 {:db/ident :p/home :db/valueType :db.type/ref :db/cardinality :db.cardinality/one :db/isComponent true}
 {:db/ident :p/ok :db/valueType :db.type/boolean :db/cardinality :db.cardinality/one}
 {:db/ident :p/size :db/valueType :db.type/double :db/cardinality :db.cardinality/one}]
"""


def new() -> Database:
    """A database with the schema above."""
    return run(Database.new("world"), SCHEMA).db_after


def run(db: Database, text: str, **functions: Any) -> TxResult:
    """The result of transacting EDN text; functions by their qualified names."""
    return transact(db, edn.read(text), NOW, functions)


def refused(db: Database, text: str, error: str | None, **functions: Any) -> Anomaly:
    """The anomaly of a transaction that must be refused with ``:db.error/<error>``."""
    with pytest.raises(Anomaly) as caught:
        run(db, text, **functions)
    assert caught.value.error == error, caught.value
    return caught.value


def facts(result: TxResult) -> list[tuple[int, str, Any, bool]]:
    """The datoms in order with the attribute's name, without the transaction's own instant."""
    idents = result.db_after.schema.idents
    return [(d.e, idents[d.a].text, d.v, d.added) for d in result.tx_data() if d.a != 50]


def state(db: Database) -> set[tuple[int, int, Any]]:
    """All current datoms with codes."""
    rows = db.all_rows()
    assert rows.a is not None
    return set(zip(rows.e.tolist(), rows.a.tolist(), rows.v.tolist()))


def kw(text: str) -> Keyword:
    """A keyword."""
    return Keyword(text)
