"""The query engine's door: :func:`execute`.

What is not decided here: grammar (``parse``), order (``plan``), rows (``execute``), results (``find``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from peerserver.model.anomaly import incorrect
from peerserver.model.values import Symbol

from .ast import Query
from .budget import Budget
from .builtins import watched
from .context import Context
from .counted import counted_variable, run_counting
from .execute import run_clauses
from .find import Result, result_of
from .inputs import given_of, input_relation
from .order import check_order
from .parse import check_bound, parse_query
from .stats import Stats

__all__ = ("execute", "run_query")

_MAX_DEPTH = 12
NO_BUDGET = Budget()


def execute(query: Query, inputs: Sequence[Any], budget: Budget | None = None, stats: bool = False, depth: int = 0
            ) -> Result:
    """Runs a query. ``inputs`` are Database values, collections, rules, pull patterns and plain values, in the order
    of ``:in``. ``stats``: also collect query-stats into ``result.stats``. Raises Anomaly for whatever is wrong with
    the query, its inputs, or its size."""
    if depth > _MAX_DEPTH:
        raise incorrect(f"Queries are nested more than {_MAX_DEPTH} deep")
    limits = budget or NO_BUDGET
    with watched(limits.check):
        return _execute(query, inputs, limits, stats, depth)


def _execute(query: Query, inputs: Sequence[Any], budget: Budget, stats: bool, depth: int) -> Result:
    given = given_of(query, inputs)
    collected = Stats(query) if stats else None
    ctx = Context(given.sources, given.rules, budget, query.plans, collected, depth)
    ctx.first_input = inputs[0] if inputs else None
    ctx.constants = given.constants()
    rel = input_relation(ctx, given, query.used)
    ordered = ("ordered", ctx.rules, frozenset(rel.cols))
    if ordered not in query.plans:
        check_order(ctx, query.where, frozenset(rel.cols))
        query.plans[ordered] = True
    needed = frozenset((*query.with_names, *(x if isinstance(x, Symbol) else x.variable for x in query.find.elements)))
    counts = None
    counted = counted_variable(query) if collected is None else None
    if counted is None:
        rel = run_clauses(ctx, query.where, rel, needed)
    else:
        rel, counts = run_counting(ctx, query, rel, needed, counted)
    if counts is None and not needed <= rel.cols.keys():
        check_bound(query, set(rel.cols))
    result = result_of(ctx, query, rel, given.patterns, counts)
    if collected is not None:
        result.stats = collected.as_map()
    return result


def run_query(form: Any, inputs: Sequence[Any], budget: Budget | None = None) -> Any:
    """Parses and runs a query, and gives what its find spec asks for."""
    return execute(parse_query(form), inputs, budget).shaped()

