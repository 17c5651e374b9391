"""Which recorded cases the matrix runs: those that the client protocol alone can answer.

Cases that only read share a database per fixture, so that many of them cost little; those that write have one each.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from peerserver.conformance.cases import Case, Step, load
from peerserver.conformance.client import is_relation, query_parts
from peerserver.model.values import Tagged

__all__ = ("READERS_OF_A_TOPIC", "WRITERS", "reading", "writing")

_FOLDER = Path(__file__).parents[1] / "conformance"
_READS = frozenset({"q", "pull", "datoms", "index-range", "index-pull", "tx-range", "with"})
READERS_OF_A_TOPIC = 10
#: cases that write: transactions of all kinds, schema, tuples, time, odd values, functions
WRITERS = (
    "index-points/shared-instant", "pull-forms/more-than-1000", "pull-owners/last-of-three-chain", "fulltext-own/boolean",
    "schema-alter/preds-add-two", "schema-install/ident-second-lookup", "transact-forms/string-keys",
    "transact-functions/cas-two-attrs", "transact-odd/replace-and-back", "transact-precedence/alter-twice",
    "transact-tempids/upsert-many-identity", "transact-time/excise", "tuples-more/hetero-all-types",
    "values-more/many-double", "values-types/bytes-many",
)


def _over_the_wire(step: Step, operations: frozenset[str]) -> bool:
    if step["op"].text not in operations:
        return False
    if step["op"].text != "q":
        return True
    args = step.get("args", (Tagged("case/db", {}),))
    tags = {a.tag for a in args if isinstance(a, Tagged)}
    return is_relation(query_parts(step["query"]).get("find", [])) and "case/db" in tags and "case/log" not in tags


def reading() -> Iterator[Case]:
    """Cases that only read what their fixture made, some of each topic."""
    taken: Counter[str] = Counter()
    for case in load([_FOLDER]):
        if case.fixture and taken[case.topic] < READERS_OF_A_TOPIC and all(_over_the_wire(s, _READS) for s in case.steps):
            taken[case.topic] += 1
            yield case


def writing() -> list[Case]:
    """Cases that transact, each on a database of its own."""
    cases = {case.id: case for case in load([_FOLDER])}
    return [cases[name] for name in WRITERS]
