"""What is wrong with a query is an anomaly that names the clause."""

from __future__ import annotations

import pytest

from peerserver.model.anomaly import Anomaly
from peerserver.query import Budget

from .people import Clock, q, read

REFUSED = [
    # query, error code, words of the message
    ("[:find ?e ?a ?v :where [?e ?a ?v]]", "insufficient-binding", "[?e ?a ?v] would cause full scan"),
    ("[:find ?n :where [?e :p/name ?n] [(< ?zz 3)]]", "insufficient-binding", "[?zz] not bound in expression clause"),
    ("[:find ?n :where [?x :p/name ?n] (not-join [?e] [?e :p/age 4])]", "insufficient-binding", "[?e] not bound in not clause"),
    ("[:find ?x :where [?e :p/name]]", "unbound-query-variables", "#{?x}"),
    ("[:find ?n :in $ ?x :where [_ :p/name ?n]]", "too-few-inputs", "expected 2 inputs but received 1"),
    ("[:find ?n :where [_ :p/name ?n] [(count ?n) 3]]", "not-a-binding-form", "Invalid binding form: 3"),
    ("[:find ?n :where [[:p/name \"n1\"] :p/age ?n]]", "not-a-binding-form", "Invalid binding form: :p/age"),
    ("[:find ?v :where [?e :p/nope ?v]]", "not-an-entity", "Unable to resolve entity: :p/nope"),
    ("[:find ?n :where [?e :p/name nil]]", "invalid-clause", "[?e :p/name nil]"),
    ("[:find ?n :where [?e :p/boss :no/such] [?e :p/name ?n]]", None, "Cannot resolve key: :no/such"),
    ("[:find ?n :where [_ :p/name ?n] [(nosuch ?n)]]", None, "nosuch"),
    ("[:find ?n :where [_ :p/name ?n] (ghost ?n)]", None, "Cannot resolve key: ghost"),
    ("[:find ?n :where [?e :p/name ?n] (or [?e :p/age ?a] [?e :p/kind ?k])]", None, "same set of vars"),
    ("[:find ?n :where (or-join [] [?x :p/age 3]) [_ :p/name ?n]]", "or-binding-empty", "empty binding set"),
    ("[:find ?n :where [$x _ :p/name ?n]]", None, "$x"),
    ("[:find ?n ?n :where [_ :p/name ?n]]", None, "only once"),
    ("[:find (nosuch ?n) :where [_ :p/name ?n]]", "invalid-aggregate", "nosuch"),
    ("[:find ?n :keys a b :where [_ :p/name ?n]]", None, "Count of :keys"),
    ("[:find (pull ?e pat) :where [?e :p/age 4]]", "pattern-not-bound", "pat"),
    ("5", None, "list, or map"),
]


@pytest.mark.parametrize(("text", "code", "words"), REFUSED, ids=[x[0][:60] for x in REFUSED])
def test_a_bad_query_is_refused(text: str, code: str | None, words: str) -> None:
    """The category is incorrect, the code Datomic's, and the message shows what to change."""
    with pytest.raises(Anomaly) as caught:
        q(text)
    assert caught.value.category == "incorrect"
    assert caught.value.error == code
    assert words in caught.value.message


def test_a_query_that_takes_too_long_is_stopped() -> None:
    """At the deadline the query ends with incorrect: a client would run it again for unavailable or interrupted."""
    rules = read("[[(up ?n) [(ground 0) ?n]] [(up ?n) (up ?k) [(inc ?k) ?n]]]")
    with pytest.raises(Anomaly) as caught:
        q("[:find ?n :in $ % :where (up ?n)]", rules, budget=Budget(50.0, clock=Clock()))
    assert caught.value.category == "incorrect"
    assert "timeout elapsed" in caught.value.message


def test_a_product_beyond_the_memory_budget_is_not_made() -> None:
    """Clauses that share no variable are refused before their product is made."""
    with pytest.raises(Anomaly) as caught:
        q("[:find ?a ?b ?c :where [?a :p/age] [?b :p/age] [?c :p/age]]", budget=Budget(max_rows=10_000))
    assert "memory budget" in caught.value.message


def test_a_join_beyond_the_memory_budget_is_not_made() -> None:
    """Joining every row with every other through a common value counts as one result, too."""
    with pytest.raises(Anomaly) as caught:
        q("[:find ?a ?b :in $ [[?a ?x]] [[?b ?x]] :where [_ :p/age 3]]", tuple((n, 1) for n in range(300)),
          tuple((n, 1) for n in range(300)), budget=Budget(max_rows=10_000))
    assert "memory budget" in caught.value.message
