"""Datomic's order of values and Clojure's equality."""

from __future__ import annotations

import math
import uuid
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peerserver.model.order import clj_equal, clj_key, compare_key
from peerserver.model.values import URI, BigInt, Char, EdnList, Float32, Instant, Keyword, Ratio, Symbol


@pytest.mark.parametrize("ascending", [
    [Keyword("A"), Keyword("a"), Keyword("b"), Keyword("a/b"), Keyword("ab/c"), Keyword("b/a")],
    [Symbol("A"), Symbol("a"), Symbol("b"), Symbol("a/b"), Symbol("b/a")],
    ["", "A", "B", "a", "a b", "b", "é", "\U0001f600", "￮"],
    [uuid.UUID(int=1 << 127), uuid.UUID(int=(1 << 128) - 1), uuid.UUID(int=1 << 63), uuid.UUID(int=0),
     uuid.UUID(int=1)],
    [URI("a/b"), URI("ftp://b.org/x"), URI("http://a.org/"), URI("HTTP://b.org/"), URI("http://b.org/a"),
     URI("http://b.org/a?q"), URI("http://b.org:80/"), URI("mailto:a@b")],
    [-math.inf, BigInt(-5), Decimal("-1.5"), Ratio(-1, 3), 0, 1, Decimal("1.2"), 1.5, 10**30, math.inf],
    [(None, 7), (1, 1, 1, 1), (3,), (3, None), (3, 1), (3, 1, 2), (4, None, None), (9, 9)],
    [None, 1, (1, 2), b"\1", Keyword("a"), Symbol("a"), True, "a", URI("http://a/"), Instant(0), uuid.UUID(int=1)],
    [Instant(-1), Instant(0), Instant(1)],
])
def test_order_is_the_oracles(ascending: list[Any]) -> None:
    """Within a type and across families, values sort as Datomic sorts them."""
    assert sorted(ascending, key=compare_key) == ascending
    keys = [compare_key(value) for value in ascending]
    assert all(left < right for left, right in pairwise(keys))


@pytest.mark.parametrize("left, right", [
    (Decimal("1.5"), Decimal("1.50")), (0.0, -0.0), (1, 1.0), (URI("HTTP://B.org/"), URI("http://b.org/")),
])
def test_equal_places(left: Any, right: Any) -> None:
    """Values may differ and yet be one place in the order."""
    assert compare_key(left) == compare_key(right)


@given(st.text(), st.text())
def test_strings_sort_by_utf16_code_unit(left: str, right: str) -> None:
    """The order of strings is Java's, which sorts code units, not code points."""
    def units(text: str) -> list[int]:
        data = text.encode("utf-16-be", "surrogatepass")
        return [data[i] << 8 | data[i + 1] for i in range(0, len(data), 2)]

    assert (compare_key(left) < compare_key(right)) == (units(left) < units(right))


@pytest.mark.parametrize("left, right, equal", [
    (1, BigInt(1), True), (1, 1.0, False), (1, True, False), (1.0, Float32(1.0), True),
    (Decimal("1.0"), Decimal("1.00"), True), (Decimal(1), 1, False), (Ratio(2, 1), 2, True), (Ratio(1, 2), 0.5, False),
    ((1, 2), EdnList((1, 2)), True), ((1,), (BigInt(1),), True), ((1,), (1.0,), False), ("a", Char("a"), False),
    (Keyword("a"), Symbol("a"), False), (frozenset({1}), frozenset({BigInt(1)}), True), ({1: "a"}, {1: "a"}, True),
    (math.nan, math.nan, False), (0.0, -0.0, True), (None, False, False), (b"a", b"a", True),
])
def test_clojure_equality(left: Any, right: Any, equal: bool) -> None:
    """``=`` as Clojure has it: numbers by family, sequences by their elements."""
    assert clj_equal(left, right) is equal
    assert (clj_key(left) == clj_key(right)) is equal


def test_nan_is_not_itself() -> None:
    """NaN equals nothing, not even the same object."""
    assert not clj_equal(math.nan, math.nan)
