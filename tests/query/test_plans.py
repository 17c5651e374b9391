"""Plans are printable data, held against files; ``PEERSERVER_GOLDEN=1`` writes them anew."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from .people import plan

FOLDER = Path(__file__).parent / "plans"
RULES = "[[(reach ?x ?y) [?x :p/boss ?y]] [(reach ?x ?y) [?x :p/boss ?z] (reach ?z ?y)] [(old ?x) [?x :p/age ?a] [(> ?a 7)]]]"
CASES = {
    "bad-order": ("[:find ?n :where [?e :p/name ?n] [?e :p/boss ?b] [?b :p/name \"n3\"]]", (), None),
    "range": ("[:find ?n :where [?e :p/name ?n] [?e :p/age ?a] [(< 3 ?a)] [(<= ?a 5)]]", (), None),
    "input": ("[:find ?n :in $ ?x :where [?e :p/name ?n] [?e :p/age ?x]]", ("?x",), None),
    "predicate-early": ("[:find ?n :where [(even? ?a)] [?e :p/name ?n] [?e :p/age ?a] [?e :p/kind ?k]]", (), None),
    "not": ("[:find ?n :where (not [?e :p/age 3]) [?e :p/name ?n]]", (), None),
    "or-join": ("[:find ?n :where [?e :p/name ?n] (or-join [?e] [?e :p/age 3] (and [?e :p/boss ?b] [?b :p/age 1]))]", (),
                None),
    "rule-inlined": ("[:find ?n :in $ % :where (old ?e) [?e :p/name ?n]]", (), RULES),
    "rule-recursive": ("[:find ?n :in $ % :where (reach ?e ?f) [?e :p/name \"n40\"] [?f :p/name ?n]]", (), RULES),
    "ground-first": ("[:find ?n :where [?e :p/kind ?k] [?e :p/name ?n] [(ground :k/odd) ?k]]", (), None),
    "names-in-order": ("[:find ?t :where [?a :db/ident ?i] [?i :db/valueType ?t] [?a :db/doc \"x\"]]", (), None),
}


@pytest.mark.parametrize("name", CASES)
def test_a_plan_is_as_recorded(name: str) -> None:
    """The order of clauses, the predicates taken into scans and the variables kept are those of the golden file."""
    text, bound, rules = CASES[name]
    found = str(plan(text, bound, rules)) + "\n"
    file = FOLDER / f"{name}.txt"
    if os.environ.get("PEERSERVER_GOLDEN"):
        file.write_text(found)
    assert found == file.read_text()


def test_a_selective_pattern_goes_first() -> None:
    """Whatever the order written, the pattern that finds one row starts."""
    first = plan(CASES["bad-order"][0]).steps[0]
    assert first.clause.terms[2].value == "n3"


def test_variables_are_dropped_when_nothing_needs_them() -> None:
    """A step keeps only what later clauses or the find spec use."""
    last = plan(CASES["bad-order"][0]).steps[-1]
    assert {x.text for x in last.needed} == {"?n"}
