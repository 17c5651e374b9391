"""When an answer is the recorded one."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peerserver.conformance.compare import error_matches, matches
from peerserver.model.anomaly import Anomaly
from peerserver.model.values import BigInt, Float32, Keyword, Tagged

K = Keyword


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        (1, BigInt(1)), (1, 1.0), (1, True), (1.0, Decimal("1.0")), (Decimal("1.0"), Decimal("1.00")), ("a", K("a")),
        ((1, 2), (2, 1)), ((1,), (1, 1)), ({K("a"): 1}, {K("a"): 1, K("b"): 2}), (frozenset({1}), (1,)),
        (Tagged("case/bag", (1, 1)), (1,)), (Tagged("case/bag", (1, 2)), (1, 1)), (None, False),
        (Tagged("case/eid", "a"), Tagged("case/eid", "b")), (Tagged("case/float", "1.5"), 1.5),
    ],
)
def test_what_differs(expected: Any, actual: Any) -> None:
    """Types, scales, order and counts tell answers apart, whatever Python's == says."""
    assert not matches(expected, actual)


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        (Tagged("case/bag", (1, (2, 3), 1)), ((2, 3), 1, 1)),
        (Tagged("case/double", "NaN"), float("nan")),
        (Tagged("case/double", "-Infinity"), float("-inf")),
        (Tagged("case/float", "1.5"), Tagged("case/float", Float32(1.5))),
        (Tagged("case/float", "Infinity"), float("inf")),
        (13.666666666666666, 13.666666666666668),
        (frozenset({1, 2}), frozenset({2, 1})),
        ({K("a"): (1,)}, {K("a"): (1,)}),
        (Tagged("case/object", "Fn"), "anything"),
    ],
)
def test_what_is_the_same(expected: Any, actual: Any) -> None:
    """Bags have no order, means may differ in their last digits, NaN is itself."""
    assert matches(expected, actual)


@given(st.lists(st.one_of(st.integers(), st.text(max_size=3), st.booleans(), st.floats(allow_nan=False)), max_size=6),
       st.randoms())
def test_bags_match_in_any_order(rows: list[Any], random: Any) -> None:
    """A bag matches each of its own orders, and nothing that has one member more."""
    shuffled = list(rows)
    random.shuffle(shuffled)
    assert matches(Tagged("case/bag", tuple(rows)), tuple(shuffled))
    assert not matches(Tagged("case/bag", tuple(rows)), (*shuffled, None))


@pytest.mark.parametrize(
    ("expected", "actual", "same"),
    [
        ({K("category"): K("cognitect.anomalies/incorrect"), K("db/error"): K("db.error/x")},
         Anomaly("incorrect", "", "x"), True),
        ({K("category"): K("cognitect.anomalies/incorrect"), K("db/error"): K("db.error/x")},
         Anomaly("incorrect", "", "y"), False),
        ({K("category"): K("cognitect.anomalies/conflict")}, Anomaly("incorrect", ""), False),
        ({K("exception"): "NullPointerException"}, Anomaly("incorrect", "clear"), True),
        ({K("exception"): "NullPointerException"}, Anomaly("fault", "Internal error"), False),
    ],
)
def test_errors(expected: dict[Keyword, Any], actual: Anomaly, same: bool) -> None:
    """Errors compare by code and category; a plain exception there is matched by a clear refusal, never by a fault."""
    assert error_matches(expected, actual) is same
