"""A transaction that is refused says why, and leaves no trace."""

from __future__ import annotations

from typing import Any

import pytest

from peerserver.model.anomaly import Anomaly
from peerserver.model.schema import VALUE_TYPES
from peerserver.model.values import Keyword
from peerserver.transact import transact

from .world import NOW, new, refused, run, state

BAD = [
    ('[[:db/add "x" :p/age "no"]]', "wrong-type-for-attribute"),
    ('[{:p/name "fresh word" :p/age nil}]', "nil-value"),
    ('[{:p/name "fresh word"} [:db/add [:p/name "Zoe"] :p/age 1]]', "not-an-entity"),
    ('[{:p/name "fresh word" :no/such 1}]', "not-an-entity"),
    ('[[:db/add "x" :p/boss "nobody"]]', "tempid-not-an-entity"),
    ('[{:db/id "x" :p/name "fresh word" :p/age 1} [:db/add "x" :p/age 2]]', "datoms-conflict"),
    ('[{:p/name "fresh word" :p/email "a@x"}]', "unique-conflict"),
    ('[[:db/cas [:p/name "Ann"] :p/age 5 6]]', "cas-failed"),
    ('[[:db/frobnicate 1]]', "not-a-data-function"),
    ('["x"]', "not-transaction-data"),
    ('[{:db/ident :s/a :db/valueType :db.type/long}]', "invalid-install-attribute"),
    ('[{:db/id :p/age :db/valueType :db.type/string}]', "invalid-alter-attribute"),
    ('[[:db/add :db/doc :db/doc "fresh word"]]', "datom-cannot-be-altered"),
    ('[[:db/add "datomic.tx" :db/txInstant #inst "1999-01-01"]]', "past-tx-instant"),
    ('[[:db/add "datomic.tx" :db/txInstant #inst "2999-01-01"]]', "future-tx-instant"),
    ('[{:db/id "x" :p/home {:db/id "x" :p/age 1}}]', "cycle-in-affinity"),
    ('[{:p/name "fresh word" :db/ensure :p/spec}]', "entity-attr"),
]


@pytest.mark.parametrize(("text", "error"), BAD)
def test_refused_without_a_trace(text: str, error: str) -> None:
    """A refusal has Datomic's code; the database, its counters and its dictionary stay as they were."""
    db = run(new(), '[{:p/name "Ann" :p/age 1 :p/email "a@x"} {:db/ident :p/spec :db.entity/attrs [:p/age]}]').db_after
    before = state(db)
    words = {name: db.dictionary.next_code(kind) for name, kind in VALUE_TYPES.items() if kind.coded == "dictionary"}
    problem = refused(db, text, error)
    assert problem.message
    assert state(db) == before
    assert db.dictionary.code_of(VALUE_TYPES["string"], "fresh word") is None
    assert words == {name: db.dictionary.next_code(VALUE_TYPES[name]) for name in words}
    after = run(db, '[{:db/id "n" :p/name "fresh word"}]')
    assert after.t == db.next_t
    assert after.tempids["n"] & 0xFFFF == after.t + 1


def test_message_names_datom_and_attribute() -> None:
    """Messages say which datom is at fault and what to do."""
    db = run(new(), '[{:p/name "Ann" :p/age 1}]').db_after
    assert ":p/age" in refused(db, '[[:db/add "x" :p/age "no"]]', "wrong-type-for-attribute").message
    conflict = refused(db, '[[:db/add "x" :p/age 1] [:db/add "x" :p/age 2]]', "datoms-conflict")
    assert conflict.data[Keyword("d1")][1:3] == (Keyword("p/age"), 1)
    assert "[:p/name \"Zoe\"]" in refused(db, '[[:db/add [:p/name "Zoe"] :p/age 1]]', "not-an-entity").message


def test_cas_reports_the_present_value() -> None:
    """A failed cas is a conflict that tells the value found."""
    db = run(new(), '[{:p/name "Ann" :p/age 1}]').db_after
    problem = refused(db, '[[:db/cas [:p/name "Ann"] :p/age 5 6]]', "cas-failed")
    assert problem.category == "conflict"
    assert problem.data[Keyword("v")] == 1
    assert problem.data[Keyword("v-old")] == 5


def test_nesting_has_a_limit() -> None:
    """Maps nested hundreds deep are refused, not followed into the ground."""
    form: Any = {Keyword("p/age"): 1}
    for _ in range(150):
        form = {Keyword("p/home"): form}
    with pytest.raises(Anomaly) as caught:
        transact(new(), (form,), NOW)
    assert caught.value.error == "nested-too-deep"
