"""The vectorised functions give what the scalar ones give, row by row."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from peerserver.model.anomaly import Anomaly
from peerserver.model.values import sym
from peerserver.query.builtins import lookup

LONGS = st.one_of(st.integers(-10, 10), st.integers(-(2**63), 2**63 - 1))
DOUBLES = st.floats(allow_nan=True, allow_infinity=True)
BINARY = ("<", "<=", ">", ">=", "=", "==", "not=", "!=", "+", "-", "*", "/", "quot", "rem", "mod", "min", "max")
UNARY = ("inc", "dec", "even?", "odd?", "pos?", "neg?", "zero?")


def _compare(name: str, rows: list[tuple[object, ...]], columns: list[object]) -> None:
    function = lookup(sym(name))
    assert function is not None and function.vector is not None
    wanted: list[object] | None = []
    try:
        for row in rows:
            assert wanted is not None
            wanted.append(function.call(row))
    except Anomaly:
        wanted = None
    try:
        found = function.vector(columns)
    except Anomaly:
        assert wanted is None
        return
    if found is None:
        return
    assert wanted is not None
    for one, other in zip(found.tolist(), wanted):
        assert type(one) is type(other) and (one == other or (one != one and other != other))


@given(st.sampled_from(BINARY), st.lists(st.tuples(LONGS, LONGS), min_size=1, max_size=8))
def test_longs(name: str, rows: list[tuple[int, int]]) -> None:
    """Two columns of longs, overflow and division by zero included."""
    _compare(name, list(rows), [np.array([row[at] for row in rows], np.int64) for at in (0, 1)])


@given(st.sampled_from(BINARY), st.lists(st.tuples(DOUBLES, DOUBLES), min_size=1, max_size=8))
def test_doubles(name: str, rows: list[tuple[float, float]]) -> None:
    """Two columns of doubles, NaN and infinities included."""
    _compare(name, list(rows), [np.array([row[at] for row in rows], np.float64) for at in (0, 1)])


@given(st.sampled_from(BINARY), st.lists(LONGS, min_size=1, max_size=8), st.one_of(LONGS, DOUBLES))
def test_constant_on_either_side(name: str, column: list[int], constant: float) -> None:
    """A number may stand in for a column, of the same kind or the other."""
    array = np.array(column, np.int64)
    _compare(name, [(item, constant) for item in column], [array, constant])
    _compare(name, [(constant, item) for item in column], [constant, array])


@given(st.sampled_from(UNARY), st.lists(LONGS, min_size=1, max_size=8))
def test_one_column(name: str, column: list[int]) -> None:
    """Functions of one column of longs."""
    _compare(name, [(item,) for item in column], [np.array(column, np.int64)])


def test_overflow_is_an_anomaly() -> None:
    """A sum that is no long stops the query rather than wrap."""
    plus = lookup(sym("+"))
    assert plus is not None and plus.vector is not None
    with pytest.raises(Anomaly):
        plus.vector([np.array([2**63 - 1], np.int64), 1])
