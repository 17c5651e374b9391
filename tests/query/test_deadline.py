"""The deadline holds inside calls: functions that call functions ask for it before each call."""

from __future__ import annotations

import itertools

import pytest

from peerserver.model.anomaly import Anomaly
from peerserver.query import Budget, execute, parse_query

from .people import people


def _budget(ticks: int) -> Budget:
    # A clock that goes on by one whenever it is looked at.
    clock = itertools.count()
    return Budget(float(ticks), clock=lambda: float(next(clock)))


@pytest.mark.parametrize("call", [
    "(map inc ?items)", "(reduce + ?items)", "(filter even? ?items)", "(sort-by - ?items)", "(group-by even? ?items)",
    "(apply max-key - ?items)", "(every? int? ?items)", "(mapcat vector ?items)",
])
def test_functions_of_functions_are_stopped(call: str) -> None:
    """A call over ten thousand members ends when the time is up, not when it is through."""
    query = parse_query(f"[:find ?x . :in $ ?items :where [{call} ?x]]")
    items = tuple(range(10_000))
    with pytest.raises(Anomaly, match="timeout"):
        execute(query, [people(), items], _budget(100))
    assert execute(query, [people(), items], _budget(1_000_000)).count == 1


def test_constants_have_an_allowance() -> None:
    """What a query computes from constants alone is bounded where it is read, for no deadline is known there."""
    with pytest.raises(Anomaly, match="as an input"):
        parse_query("[:find ?x . :where [(identity (reduce + (map inc (range 100000)))) ?x]]")
    assert execute(parse_query("[:find ?x . :where [(identity (reduce + (map inc (range 10)))) ?x]]"), [people()]).count
