"""Recursion and wildcards: every reading gives the same, cycles and dense graphs end."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peerserver.database import Database
from peerserver.model.anomaly import Anomaly
from peerserver.model.values import Keyword, Symbol
from peerserver.pull import expand, index_pull, parse_pattern, pull, pull_many
from peerserver.transact import transact

K = Keyword
NOW = 1_700_000_000_000
ID, TO, N = K("db/id"), K("x/to"), K("x/n")
edges = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=9)


def graph(found: list[tuple[int, int]], nodes: int = 6) -> tuple[Database, list[int]]:
    db = transact(Database.new("graph"), [
        {K("db/ident"): TO, K("db/valueType"): K("db.type/ref"), K("db/cardinality"): K("db.cardinality/many")},
        {K("db/ident"): N, K("db/valueType"): K("db.type/long"), K("db/cardinality"): K("db.cardinality/one"),
         K("db/index"): True}], NOW).db_after
    made = transact(db, [{ID: str(n), N: n} for n in range(nodes)], NOW)
    eids = [made.tempids[str(n)] for n in range(nodes)]
    tx = [(K("db/add"), eids[a], TO, eids[b]) for a, b in found]
    return transact(made.db_after, tx, NOW).db_after, eids


def naive(db: Database, e: int, left: int | None, seen: frozenset[int], stopped: bool) -> dict[Any, Any]:
    """``[:x/n {:x/to left}]`` straight from the rule: what was seen on the path, or is too deep, is not followed."""
    made: dict[Any, Any] = {N: db.codes(e, db.attribute(N).id)[0]}  # type: ignore[union-attr]
    below = sorted(db.codes(e, db.attribute(TO).id))  # type: ignore[union-attr]
    if below and not stopped and left != 0:
        made[TO] = tuple(naive(db, v, None if left is None else left - 1, seen | {v}, v in seen) for v in below)
    return made


@given(edges, st.one_of(st.none(), st.integers(1, 4)))
def test_recursion_follows_the_rule(found: list[tuple[int, int]], levels: int | None) -> None:
    """On any graph of six nodes, with and without a number of levels, a recursive pull is what the rule says."""
    db, eids = graph(found[:7])
    pattern = parse_pattern((N, {TO: Symbol("...") if levels is None else levels}))
    expected = [naive(db, e, levels, frozenset((e,)), False) for e in eids]
    assert [pull(db, pattern, e) for e in eids] == expected
    assert pull_many(db, pattern, eids * 5) == expected * 5
    assert pull_many(db.as_of(db.basis_t), pattern, eids) == expected


def test_a_long_chain_is_pulled() -> None:
    """Depth costs no stack of ours: a chain of nine hundred is pulled to its end."""
    db, eids = graph([(n, n + 1) for n in range(899)], 900)
    found, depth = pull(db, parse_pattern((ID, {TO: Symbol("...")})), eids[0]), 1
    while found is not None and TO in found:
        (found,), depth = found[TO], depth + 1
    assert depth == 900


def test_more_paths_than_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dense graph has more paths than any memory: the pull is refused with what to do, and stays bounded."""
    monkeypatch.setattr(expand, "MAX_ENTITIES", 5_000)
    db, eids = graph([(a, b) for a in range(12) for b in range(12)], 12)
    with pytest.raises(Anomaly, match="limit the recursion"):
        pull(db, parse_pattern((ID, {TO: Symbol("...")})), eids[0])


def test_results_of_a_shared_node_are_their_own() -> None:
    """A node that is reached twice stands twice, each with what its own path lets it have."""
    db, (a, b, c, *_) = graph([(0, 1), (0, 2), (1, 2), (2, 1)])
    found = pull(db, parse_pattern((ID, {TO: Symbol("...")})), a)
    stop_b, stop_c = {ID: b, TO: ({ID: c},)}, {ID: c, TO: ({ID: b},)}
    assert found == {ID: a, TO: ({ID: b, TO: ({ID: c, TO: (stop_b,)},)}, {ID: c, TO: ({ID: b, TO: (stop_c,)},)})}


@given(st.lists(st.integers(0, 5), min_size=1, max_size=30), st.one_of(st.none(), st.integers(-1, 6)), st.booleans(),
       st.integers(0, 8), st.integers(0, 8))
def test_index_pull_walks_the_index(values: list[int], start: int | None, reverse: bool, offset: int, n: int) -> None:
    """Any slice of an index-pull is the pull of the entities of the datoms from there on, in order or backwards."""
    db, eids = graph([], len(values))
    db = transact(db, [(K("db/add"), e, N, v) for e, v in zip(eids, values)], NOW).db_after
    found = list(db.datoms("avet", [N]))
    if reverse:
        found = [d for d in reversed(found) if start is None or d.v <= start]
    else:
        found = [d for d in found if start is None or d.v >= start]
    pattern = parse_pattern((ID, N))
    walk = index_pull(db, "avet", pattern, (N,) if start is None else (N, start), reverse)
    assert len(walk) == len(found)
    assert walk.slice(offset, n) == [{ID: d.e, N: d.v} for d in found[offset:offset + n]]
