"""The parts that tables and stores are made of, each against a plain reckoning."""

from __future__ import annotations

import math
import struct
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from peerserver.index import codes as number_codes
from peerserver.index import table as table_module
from peerserver.index import words
from peerserver.index.bounds import code_bound
from peerserver.index.shapes import Shapes
from peerserver.index.table import Table, expand, merge_order, pair_order
from peerserver.index.tail import BY_VALUE, MANY, REF, Tail
from peerserver.model.order import compare_key
from peerserver.model.schema import VALUE_TYPES
from peerserver.model.values import BigInt, Float32, Instant

small = st.integers(-3, 12)
number = st.one_of(small, st.sampled_from([2**62, -(2**62), 2**63 - 1, -(2**63)]))


@given(st.lists(st.tuples(number, number)))
def test_pair_order_sorts_pairs(pairs: list[tuple[int, int]]) -> None:
    """Both orders sort by the first column, then the second, whatever the range of the numbers."""
    first = np.array([a for a, _ in pairs], np.int64)
    second = np.array([b for _, b in pairs], np.int64)
    for order in (pair_order(first, second), merge_order(first, second)):
        assert [pairs[i] for i in order.tolist()] == sorted(pairs)


@given(st.lists(st.tuples(small, st.integers(0, 3))))
def test_expand_lists_ranges(ranges: list[tuple[int, int]]) -> None:
    """Ranges become their members, each with the number of its range."""
    at, index = expand(np.array([lo for lo, _ in ranges], np.int64), np.array([n for _, n in ranges], np.int64))
    expected = [(i, lo + k) for i, (lo, n) in enumerate(ranges) for k in range(n)]
    assert list(zip(at.tolist(), index.tolist())) == expected


@given(st.sampled_from([2, 10**6]), st.sampled_from([1, 10**6, 2**58]),
       st.sets(st.tuples(st.integers(-3, 9), st.integers(-3, 9))), st.lists(st.integers(-5, 12), max_size=20))
def test_tables_find_rows(least_rows: int, scale: int, facts: set[tuple[int, int]], keys: list[int]) -> None:
    """By entity, by value and by fact: direct addressing and binary search find the same, right rows."""
    before = table_module._MIN_ROWS
    table_module._MIN_ROWS = least_rows  # type: ignore[misc]
    try:
        rows = sorted((e * scale, v * scale) for e, v in facts)
        e, v = (np.array([row[i] for row in rows], np.int64) for i in (0, 1))
        table = Table(e, v, e)
        probes = np.array([key * scale for key in keys], np.int64)
        for _ in range(2):  # the second time with everything built
            at, index = table.of_entities(probes)
            assert sorted(zip(at.tolist(), index.tolist())) == [
                (i, k) for i, key in enumerate(probes.tolist()) for k, row in enumerate(rows) if row[0] == key]
            at, index = table.of_values(probes)
            assert sorted(zip(at.tolist(), index.tolist())) == [
                (i, k) for i, key in enumerate(probes.tolist()) for k, row in enumerate(rows) if row[1] == key]
            for key in probes.tolist():
                lo, hi = table.of_entity(key)
                assert [rows[k] for k in range(lo, hi)] == [row for row in rows if row[0] == key]
                assert [rows[k] for k in table.of_value(key).tolist()] == [row for row in rows if row[1] == key]
            pairs = [(key, other) for key in probes.tolist()[:4] for other in probes.tolist()[:4]]
            columns = [np.array([pair[i] for pair in pairs], np.int64) for i in (0, 1)]
            found = table.positions(*columns)
            expected = [rows.index(pair) if pair in rows else -1 for pair in pairs]
            assert found.tolist() == expected == [table.position(*pair) for pair in pairs]
            table._entities()
        assert table.distinct_entities() == len({row[0] for row in rows})
        assert table.distinct_values() == len({row[1] for row in rows})
    finally:
        table_module._MIN_ROWS = before  # type: ignore[misc]


class _Words:
    def __init__(self, values: list[Any]) -> None:
        self.values = values

    def decode(self, type: Any, codes: Any) -> list[Any]:
        return [self.values[code] for code in codes.tolist()]

    def decode_one(self, type: Any, code: int) -> Any:
        return self.values[code]


TEXT = st.text("ab\0é￮\U0001f600", max_size=20) | st.builds(lambda n, tail: "x" * n + tail, st.integers(0, 150),
                                                             st.text("ab\0", max_size=3))


@given(st.lists(TEXT, unique=True))
def test_words_sort_as_values(values: list[str]) -> None:
    """The order by columns of prefixes is the order of the values."""
    decoder, n = _Words(values), len(values)
    table = Table(np.arange(n), np.arange(n)[::-1].copy(), np.arange(n))
    perm = words.word_order(decoder, VALUE_TYPES["string"], table)
    assert [values[code] for code in table.v[perm].tolist()] == sorted(values, key=compare_key)


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(1, 5))))
def test_shapes_never_miss(pairs: list[tuple[int, int]]) -> None:
    """Every attribute that was ever added to an entity is in its shape."""
    shapes = Shapes()
    for e, a in pairs:
        shapes.add(a, np.array([e, e], np.int64))
    for e in range(22):
        assert shapes.of(e) == tuple(sorted({a for x, a in pairs if x == e}))
    assert shapes.of_many(np.array([1, 2, 5000], np.int64)) == sorted({a for x, a in pairs if x in (1, 2)})


def test_shapes_give_up_on_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond a number of shapes, an entity may have any attribute."""
    monkeypatch.setattr("peerserver.index.shapes._MAX_SHAPES", 4)
    shapes = Shapes()
    for n in range(10):
        shapes.add(n, np.array([n], np.int64))
    assert shapes.of(9) is None
    assert shapes.of(0) == (0,)
    assert shapes.of_many(np.array([0, 9], np.int64)) is None


@given(st.floats(allow_nan=False), st.floats(allow_nan=False))
def test_float_codes_keep_the_order(left: float, right: float) -> None:
    """Codes of doubles sort as the doubles do, and come back as they were."""
    if left < right:
        assert number_codes.float_code(left) < number_codes.float_code(right)
    codes = np.array([number_codes.float_code(left)], np.int64)
    back = number_codes.values_of(VALUE_TYPES["double"], codes)[0]
    assert struct.pack("<d", back) == struct.pack("<d", left)
    assert number_codes.value_of(VALUE_TYPES["double"], int(codes[0])) == left


@given(st.sampled_from(["long", "double"]), st.lists(number, min_size=1),
       st.one_of(number, st.floats(allow_nan=False), st.decimals(allow_nan=False, places=2), st.just(math.inf)),
       st.booleans())
def test_bounds_split_the_values(name: str, numbers: list[int], bound: Any, after: bool) -> None:
    """A bound's code has exactly the lesser values before it."""
    kind = VALUE_TYPES[name]
    values: list[Any] = [float(n) for n in numbers] if name == "double" else numbers
    limit = code_bound(kind, bound, after)
    for value in values:
        code = number_codes.code_of(kind, value)
        assert code is not None
        beyond = value > bound if after else value >= bound
        assert (code >= limit) == beyond


@pytest.mark.parametrize("name, value, code", [
    ("long", 5, 5), ("long", BigInt(5), 5), ("long", True, None), ("long", 5.0, None), ("long", 2**63, None),
    ("ref", 5, 5), ("boolean", True, 1), ("boolean", 1, None), ("instant", Instant(-7), -7), ("instant", 7, None),
    ("double", 1, None), ("double", Decimal(1), None), ("float", Float32(0.5), number_codes.float_code(0.5)),
])
def test_codes_of_numbers(name: str, value: Any, code: int | None) -> None:
    """A value of another type has no code."""
    assert number_codes.code_of(VALUE_TYPES[name], value) == code


def test_a_snapshot_of_the_tail_does_not_move() -> None:
    """Readers with an older count see what was there, however the tail grows."""
    tail = Tail()
    n = tail.append(0, [1, 2], [7, 7], [5, 6], 100, None, {7: BY_VALUE | REF | MANY})
    for i in range(500):
        assert tail.append(n + i, [1], [7], [5], [101 + i], [i % 2 == 1], {7: BY_VALUE | REF | MANY}) == n + i + 1
    assert list(tail.of_entity_attribute(1, 7, n)) == list(tail.of_value(7, 5, n)) == list(tail.of_ref(5, n)) == [0]
    assert tail.last_of(1, 7, 5, n, True) == tail.last_of(1, 7, 5, n, False) == 0
    assert [column.tolist() for column in tail.columns(n)] == [[1, 2], [7, 7], [5, 6], [100, 100], [True, True]]
    assert tail.append(3, [1], [7], [5], 1, None, {}) == -1


def test_a_broken_append_closes_the_tail() -> None:
    """After a failure in the middle nothing is appended, and readers see nothing of it."""
    tail = Tail()
    tail.append(0, [1], [7], [5], 100, None, {})
    with pytest.raises((TypeError, OverflowError)):
        tail.append(1, [1, 2], [7, 7], [6, "x"], 101, None, {7: BY_VALUE})  # type: ignore[list-item]
    assert tail.append(1, [1], [7], [6], 101, None, {}) == -1
    assert list(tail.of_entity_attribute(1, 7, 1)) == [0]
