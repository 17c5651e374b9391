"""Columns: packing, distinct rows, joins, conversion of kinds, and growing sets of tuples."""

from __future__ import annotations

import random

import numpy as np
import pytest

from peerserver.model.values import Symbol
from peerserver.query.kinds import BOOL, DOUBLE, INT, Pool
from peerserver.query.relation import (
    Column,
    Relation,
    convert,
    distinct_codes,
    distinct_index,
    is_member,
    join_index,
    pack,
)
from peerserver.query.tuples import TupleSet

A, B = Symbol("?a"), Symbol("?b")
WIDE = 1 << 61


@pytest.mark.parametrize("spread", [3, 1000, 1 << 40, WIDE])
def test_pack_keeps_rows_apart(spread: int) -> None:
    """Packed numbers are equal exactly where rows are, however wide the columns."""
    rng = random.Random(spread)
    rows = [tuple(rng.choice([-1, 1]) * rng.randrange(spread) for _ in range(3)) for _ in range(500)]
    rows += rows[:100]
    packed = pack([np.array(column, np.int64) for column in zip(*rows, strict=True)]).tolist()
    assert len(set(packed)) == len(set(rows))
    assert len(set(zip(rows, packed, strict=True))) == len(set(rows))


def test_distinct() -> None:
    """One position of each set of equal rows; codes ascending."""
    a, b = np.array([3, 1, 3, 3, 1]), np.array([1, 1, 1, 2, 1])
    index = distinct_index([a, b])
    assert sorted(zip(a[index].tolist(), b[index].tolist(), strict=True)) == [(1, 1), (3, 1), (3, 2)]
    assert distinct_codes(a).tolist() == [1, 3]


@pytest.mark.parametrize("spread", [5, 1 << 50])
def test_join_and_membership(spread: int) -> None:
    """All pairs of equal keys, dense or sparse."""
    rng = random.Random(1)
    pool = [rng.randrange(spread) for _ in range(20)]
    left, right = (np.array([rng.choice(pool) for _ in range(60)], np.int64) for _ in range(2))
    expected = sorted((i, j) for i in range(60) for j in range(60) if left[i] == right[j])
    at, place = join_index(left, right)
    assert sorted(zip(at.tolist(), place.tolist(), strict=True)) == expected
    assert is_member(left, right).tolist() == [x in set(right.tolist()) for x in left.tolist()]


def test_conversion_between_kinds() -> None:
    """A value keeps its code in another kind, or has none there: 1 is no boolean, true no long."""
    pool = Pool()
    mixed = Column(pool, np.array([pool.intern(x) for x in (1, True, 2.5, 7)], np.int64))
    codes, ok = convert(mixed, INT)
    assert ok is not None
    assert codes[ok].tolist() == [1, 7]
    assert ok.tolist() == [True, False, False, True]
    assert convert(mixed, BOOL)[1].tolist() == [False, True, False, False]  # type: ignore[union-attr]
    assert DOUBLE.decode(convert(mixed, DOUBLE)[0][2:3]) == [2.5]


@pytest.mark.parametrize("spread", [10, 10_000, 1 << 45, WIDE])
def test_a_tuple_set_tells_what_is_new(spread: int) -> None:
    """Rows come back once, when they are first added, also when ranges grow and kinds change."""
    rng = random.Random(spread)
    known: set[tuple[int, int]] = set()
    rows = TupleSet((A, B), Pool())
    for scale in (1, 2, 50, 1):
        more = [(rng.randrange(max(spread // scale, 2)), rng.randrange(20)) for _ in range(200)]
        cols = {name: Column(INT, np.array(data, np.int64)) for name, data in zip((A, B), zip(*more, strict=True), strict=True)}
        fresh = rows.add(Relation(len(more), cols))
        found = list(zip(fresh.cols[A].codes(), fresh.cols[B].codes(), strict=True))
        assert sorted(found) == sorted(set(more) - known)
        known |= set(more)
    assert rows.n == len(known)


def test_keys_spare_the_search_for_repeats() -> None:
    """A relation that knows a key of its own is distinct as it is."""
    rel = Relation(3, {A: Column(INT, [1, 1, 2])}, (frozenset((A,)),))
    assert rel.distinct() is rel
    assert Relation(3, {A: Column(INT, [1, 1, 2])}).distinct().n == 2
