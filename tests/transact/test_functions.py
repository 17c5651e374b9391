"""Functions of the allow-list, predicates, and stored functions."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from peerserver import extensions
from peerserver.database import Database
from peerserver.model.anomaly import Anomaly, conflict
from peerserver.model.values import Keyword, Symbol, Tagged
from peerserver.transact import transact

from .world import NOW, facts, kw, new, refused, run


def older(db: Database, name: str, years: int) -> Any:
    """A transaction function: adds to an age."""
    e = db.entid((kw("p/name"), name))
    assert e is not None
    age = db.codes(e, 74)[0]
    return [[kw("db/cas"), e, kw("p/age"), age, age + years]]


def test_function_sees_the_database_before() -> None:
    """The result of a function is spliced and expanded; functions never see each other's output."""
    db = run(new(), '[{:p/name "Ann" :p/age 30}]').db_after
    result = run(db, '[[my.app/older "Ann" 2] {:p/name "Bob"}]', **{"my.app/older": older})
    assert [(a, v) for _, a, v, added in facts(result) if added] == [("p/age", 32), ("p/name", "Bob")]
    refused(db, '[[my.app/older "Ann" 2] [my.app/older "Ann" 3]]', "datoms-conflict", **{"my.app/older": older})


def test_functions_may_return_functions() -> None:
    """Expansion is recursive, and bounded."""
    calls: dict[str, Any] = {"my/twice": lambda db, f: [[f, "a"], [f, "b"]],
                             "my/make": lambda db, tempid: [{kw("db/id"): tempid, kw("p/age"): 1}],
                             "my/loop": lambda db: [[Symbol("my/loop")]]}
    assert set(run(new(), "[[my/twice my/make]]", **calls).tempids) == {"a", "b"}
    refused(new(), "[[my/loop]]", "functions-too-deep", **calls)


def test_function_not_in_the_list() -> None:
    """A qualified symbol that the operator didn't list is not found; nothing is imported."""
    assert refused(new(), '[[os/system "true"]]', None).category == "not-found"
    refused(new(), "[[system 1]]", "not-a-data-function")


def test_function_aborts() -> None:
    """An anomaly that a function raises is the transaction's; other exceptions name the function."""
    def stop(db: Database) -> Any:
        raise conflict("no more seats", "sold-out")

    assert refused(new(), "[[my/stop]]", "sold-out", **{"my/stop": stop}).category == "conflict"
    problem = refused(new(), "[[my/bad]]", "transaction-function", **{"my/bad": lambda db: 1 // 0})
    assert "my/bad" in problem.message


def test_predicates_of_the_list() -> None:
    """Attribute predicates and entity predicates may be functions of the allow-list."""
    functions: dict[str, Any] = {"my/short?": lambda text: len(text) < 4,
                                 "my/even?": lambda db, e: len(db.codes(e, 74)) == 1}
    db = run(new(), "[{:db/id :p/nick :db.attr/preds my/short?} {:db/ident :s/s :db.entity/preds my/even?}]").db_after
    run(db, '[{:p/nick ["abc"]}]', **functions)
    problem = refused(db, '[{:p/nick ["abcd"]}]', "attr-pred", **functions)
    assert problem.data[Keyword("db.error/pred-return")] is False
    run(db, "[{:p/age 1 :db/ensure :s/s}]", **functions)
    refused(db, "[{:p/ok true :db/ensure :s/s}]", "entity-pred", **functions)


def test_entity_predicate_sees_the_database_after_and_leaves_no_trace() -> None:
    """The database that an entity predicate sees has the transaction's datoms; a refusal leaves nothing of it."""
    seen = []

    def look(db: Database, e: int) -> bool:
        seen.append((db.basis_t, db.decode_one(db.schema.attributes[72].type, db.codes(e, 72)[0])))
        return False

    db = run(new(), "[{:db/ident :s/s :db.entity/preds my/look}]").db_after
    refused(db, '[{:p/name "only here" :db/ensure :s/s}]', "entity-pred", **{"my/look": look})
    assert seen == [(db.next_t, "only here")]
    assert db.encode(db.schema.attributes[72].type, "only here") is None


def test_stored_function_is_returned_and_refused_at_call() -> None:
    """#db/fn values are data: stored, read back, and never run."""
    code = Tagged("db/fn", {kw("lang"): kw("clojure"), kw("params"): (Symbol("db"),), kw("code"): "[]"})
    result = transact(new(), ({kw("db/ident"): kw("my/fn"), kw("db/fn"): code},), NOW)
    assert [d.v for d in result.tx_data() if d.a == 52] == [code]
    problem = refused(result.db_after, "[[:my/fn 1]]", "stored-function")
    assert problem.category == "unsupported"
    assert "extensions" in problem.message


def test_list_of_extensions() -> None:
    """Names map to Python functions; what can't be imported is an error that names the entry."""
    found = extensions.parse('{my.app/older "tests.transact.test_functions:older"}')
    assert found == {"my.app/older": older}
    for text in ("[1]", '{older "a:b"}', '{my/x "nomodule"}', '{my/x "no_such_module:f"}', '{my/x "os:no_such"}',
                 '{my/x "os:sep"}', "{"):
        with pytest.raises(ValueError):
            extensions.parse(text)


def test_list_is_read_from_a_file(tmp_path: Path) -> None:
    """The operator names a file; with a limit of time, results and exceptions come through as they are."""
    path = tmp_path / "extensions.edn"
    path.write_text('{my.app/older "tests.transact.test_functions:older"}')
    assert extensions.load(path) == {"my.app/older": older}
    functions = extensions.load(path, 5)
    db = run(new(), '[{:p/name "Ann" :p/age 30}]').db_after
    assert [v for _, _, v, added in facts(run(db, '[[my.app/older "Ann" 2]]', **functions)) if added] == [32]
    with pytest.raises(AssertionError):
        functions["my.app/older"](db, "Zoe", 1)


def test_function_is_bounded_in_time() -> None:
    """A call that takes too long is given up, and while it goes on further calls are refused."""
    slow = extensions.bounded("my/slow", lambda db: time.sleep(0.2), 0.01)
    refused(new(), "[[my/slow]]", "function-timeout", **{"my/slow": slow})
    with pytest.raises(Anomaly) as caught:
        slow(new())
    assert caught.value.category == "busy"
    assert extensions.bounded("my/quick", lambda db: [], 5)(new()) == []
