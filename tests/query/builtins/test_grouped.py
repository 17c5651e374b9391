"""Aggregates on grouped columns give what they give of each group's values."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from peerserver.model.anomaly import Anomaly
from peerserver.model.values import sym
from peerserver.query import execute, parse_query
from peerserver.query.aggregates import find_aggregate

NAMES = ("count", "count-distinct", "sum", "avg", "variance", "stddev", "min", "max", "median")
LONGS = st.one_of(st.integers(-5, 5), st.integers(-(2**63), 2**63 - 1))


def _by_group(name: str, rows: list[tuple[int, float]]) -> list[object]:
    """The aggregate of each group, in the order of the groups, as a query over the rows gives it."""
    query = parse_query(f"[:find ?g ({name} ?x) :with ?i :in [[?i ?g ?x]]]")
    found = execute(query, [tuple((i, group, x) for i, (group, x) in enumerate(rows))]).page()
    return [value for _, value in sorted(found)]


def _check(name: str, rows: list[tuple[int, float]], kind: str) -> None:
    aggregate = find_aggregate(sym(name))
    known = sorted({group for group, _ in rows})
    groups = np.array([known.index(group) for group, _ in rows], np.int64)
    column = np.array([value for _, value in rows], np.int64 if kind == "long" else np.float64)
    wanted: list[object] | None
    try:
        wanted = [aggregate.values(column[groups == at].tolist()) for at in range(len(known))]
    except Anomaly:
        wanted = None
    try:
        found = _by_group(name, [(int(group), value) for group, value in zip(groups, column.tolist())])
    except Anomaly:
        assert wanted is None
        return
    assert wanted is not None
    for one, other in zip(found, wanted):
        assert type(one) is type(other)
        assert one == other or math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9) or (one != one and other != other)


@given(st.sampled_from(NAMES), st.lists(st.tuples(st.integers(0, 3), LONGS), min_size=1, max_size=12))
def test_longs(name: str, rows: list[tuple[int, int]]) -> None:
    """Longs, with sums that overflow."""
    _check(name, list(rows), "long")


@given(st.sampled_from(NAMES),
       st.lists(st.tuples(st.integers(0, 3), st.floats(-1e6, 1e6, allow_nan=False)), min_size=1, max_size=12))
def test_doubles(name: str, rows: list[tuple[int, float]]) -> None:
    """Doubles."""
    _check(name, list(rows), "double")


def test_sums_beyond_53_bits_are_exact() -> None:
    """A sum of longs is never rounded to what a double can hold."""
    found = _by_group("sum", [(0, 2**61 + 1), (0, 2**60 + 3), (0, -7), (1, 2**53 + 1)])
    assert found == [2**61 + 2**60 - 3, 2**53 + 1]


def test_constants_are_checked_before_any_row() -> None:
    """Too many constants, or an n that is no number, and unknown names are refused when the query starts."""
    for symbol, constants in (("count", (1,)), ("min", ("2",)), ("sample", ()), ("no-such", ()), ("min", (1, 2))):
        with pytest.raises(Anomaly) as caught:
            find_aggregate(sym(symbol), constants)
        assert caught.value.category == "incorrect"


def test_random_aggregates_take_their_chance_from_outside() -> None:
    """``rand`` repeats, ``sample`` does not; both choose by the given source."""
    assert find_aggregate(sym("rand"), (3,)).values([5, 6], below=lambda n: n - 1) == (6, 6, 6)
    assert sorted(find_aggregate(sym("sample"), (2,)).values([5, 6, 5], below=lambda n: n - 1)) == [5, 6]
