"""Forms become syntax trees; the cache tells apart what Python does not."""

from __future__ import annotations

import pytest

from peerserver.query import parse_query
from peerserver.query.ast import Call, Const, Not, Or, Pattern, RuleCall
from peerserver.query.parse import parse_rules

from .people import q, read


def where(text: str) -> object:
    return parse_query(read(f"[:find ?x :in $ % :where {text}]")).where[0]


@pytest.mark.parametrize(("text", "kind"), [
    ("[?x :a ?y]", Pattern), ("[$ ?x :a]", Pattern), ("[(< ?x 3)]", Call), ("[(inc ?x) ?y]", Call), ("(r ?x)", RuleCall),
    ("[r ?x]", RuleCall), ("($ r ?x)", RuleCall), ("(not [?x :a])", Not), ("[not [?x :a]]", Not),
    ("(not-join [?x] [?x :a ?y])", Not), ("(or [?x :a] [?x :b])", Or), ("(or-join [?x] [?x :a ?y])", Or),
])
def test_clause_kinds(text: str, kind: type) -> None:
    """Lists and vectors are interchangeable; what stands first tells the kind of clause."""
    assert isinstance(where(text), kind)


def test_the_same_form_is_parsed_once() -> None:
    """Equal forms give one object, so that plans are found again."""
    text = "[:find ?e :where [?e :p/age 4]]"
    assert parse_query(read(text)) is parse_query(read(text))


@pytest.mark.parametrize("other", ["1.0", "true", "1N", "1M"])
def test_the_cache_keeps_types_apart(other: str) -> None:
    """1, 1.0, true, 1N and 1M are different constants although Python takes some of them for one key."""
    first = parse_query(read("[:find ?e :where [?e :p/age 1]]"))
    second = parse_query(read(f"[:find ?e :where [?e :p/age {other}]]"))
    values = []
    for query in (first, second):
        pattern = query.where[0]
        assert isinstance(pattern, Pattern)
        term = pattern.terms[2]
        assert isinstance(term, Const)
        values.append(term.value)
    assert type(values[0]) is not type(values[1])


def test_forms_as_map_and_text() -> None:
    """A map, a list and a text say the same query."""
    expected = sorted(q("[:find ?n :where [?e :p/age 4] [?e :p/name ?n]]"))
    assert sorted(q("{:find [?n] :where [[?e :p/age 4] [?e :p/name ?n]]}")) == expected
    assert sorted(q('"[:find ?n :where [?e :p/age 4] [?e :p/name ?n]]"')) == expected


def test_rules_know_their_recursion() -> None:
    """Mutually recursive rules are one group; others are in none."""
    rules = parse_rules(read("[[(a ?x) [?x :k] (b ?x)] [(b ?x) (a ?x)] [(c ?x) (a ?x)] [(d ?x) [?x :k]]]"))
    assert {x.text for x in rules.group} == {"a", "b"}
    assert {x.text for x in rules.group[read("a")]} == {"a", "b"}
