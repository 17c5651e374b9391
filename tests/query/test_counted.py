"""Queries that count without finding answer as those that find: query-stats ask for the latter."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from peerserver.database import Database
from peerserver.query import engine, execute, parse_query
from peerserver.transact import transact

from .people import people, read

COUNTING = [
    "[:find ?n (count ?x) :where [?b :p/name ?n] [?x :p/boss ?b]]",
    "[:find ?n (count ?x) (count ?x) :where [?x :p/friend ?b] [?b :p/name ?n]]",
    "[:find (count ?x) :with ?b :where [?b :p/name ?n] [?x :p/boss ?b]]",
    "[:find ?b (count ?f) :where [?b :p/name ?n] [?b :p/friend ?f]]",
    "[:find ?k (count ?f) :with ?b :where [?b :p/kind ?k] [?b :p/friend ?f]]",
]
FINDING = [
    # The same person may be counted for two of a group.
    "[:find ?k (count ?f) :where [?b :p/kind ?k] [?b :p/friend ?f]]",
    "[:find ?b (count ?x) :where [?b :p/friend ?f] [?b :p/name ?n] [?x :p/boss ?b]]",
    "[:find ?k (count ?b) :where [?b :p/kind ?k] [?b :p/friend ?f]]",
    "[:find ?n (count ?x) (max ?x) :where [?b :p/name ?n] [?x :p/boss ?b]]",
    "[:find ?n (count ?x) :where [?b :p/name ?n] [?x :p/boss ?b] [?x :p/age 3]]",
]


def _changed(db: Database) -> Database:
    """Newer datoms above the frozen ones, some of which they retract."""
    db = transact(db, read('[[:db/retract [:p/name "n7"] :p/boss] [:db/add [:p/name "n8"] :p/boss [:p/name "n50"]]'
                           ' [:db/add [:p/name "n9"] :p/friend [:p/name "n3"]]'
                           ' [:db/retract [:p/name "n9"] :p/friend [:p/name "n10"]] {:p/name "new"}]'), 3_000).db_after
    return transact(db, read('[[:db/retractEntity [:p/name "n12"]]]'), 4_000).db_after


@pytest.mark.parametrize("db", [people(), _changed(people()), people().as_of(people().basis_t), _changed(people()).history()],
                         ids=["plain", "changed", "as-of", "history"])
@pytest.mark.parametrize("text", COUNTING + FINDING)
def test_counting_answers_as_finding(text: str, db: Database) -> None:
    """Row for row the same, from a database value of any kind."""
    query = parse_query(read(text))
    counted, found = (Counter(execute(query, [db], stats=stats).page()) for stats in (False, True))
    assert counted == found and counted


@pytest.mark.parametrize("text", COUNTING + FINDING)
def test_it_counts_where_it_may(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no row of the answer could be met twice, the last pattern is counted, else it is not."""
    seen: list[bool] = []
    run = engine.run_counting

    def spy(*args: Any) -> Any:
        found = run(*args)
        seen.append(found[1] is not None)
        return found

    monkeypatch.setattr(engine, "run_counting", spy)
    execute(parse_query(read(text)), [_changed(people())])
    assert any(seen) == (text in COUNTING)
