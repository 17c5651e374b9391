"""From the rows of ``:where`` to a result: distinct rows, groups and aggregates, pull expressions, find specs.

A result keeps its columns until a page of it is asked for. What is not decided here: what an aggregate computes
(``aggregates``), what a pull gives (``pull``), and ``:keys`` on the wire (``web``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from peerserver.database import Database
from peerserver.index.rows import Ints
from peerserver.model.anomaly import incorrect
from peerserver.model.values import Keyword, Symbol

from .ast import DEFAULT_SOURCE, Aggregate, Pull, Query
from .context import Context
from .grouping import aggregate_column, group, minds_no_repeats, one_each, totals
from .kinds import INT
from .relation import Column, Relation

__all__ = ("Result", "result_of")


class _Pulled:
    """A column of pull results, made when a page is asked for."""

    __slots__ = ("column", "ctx", "db", "element", "pattern")

    def __init__(self, ctx: Context, db: Database, pattern: Any, column: Column, element: Pull) -> None:
        self.ctx, self.db, self.pattern, self.column, self.element = ctx, db, pattern, column, element

    def values(self, start: int, end: int) -> list[Any]:
        from peerserver.pull import pull_many
        column = self.column
        codes = column.array()[start:end]
        if column.kind is INT:
            return list(pull_many(self.db, self.pattern, codes))
        ids = [self._entity(value) for value in column.kind.decode(codes)]
        known = [x for x in ids if x is not None]
        found = iter(pull_many(self.db, self.pattern, np.array(known, np.int64)))
        return [next(found) if x is not None else None for x in ids]

    def _entity(self, value: Any) -> int | None:
        if isinstance(value, int) and not isinstance(value, bool):
            return int(value)
        return self.db.entid(value)


class Result:
    """The answer of a query: ``count`` rows, ``width`` columns."""

    def __init__(self, query: Query, count: int, cells: Sequence[Any]) -> None:
        self.query = query
        self.count = count
        self._cells = cells
        #: query-stats, when they were asked for
        self.stats: dict[Keyword, Any] | None = None

    @property
    def width(self) -> int:
        return len(self._cells)

    def page(self, offset: int = 0, n: int | None = None) -> list[tuple[Any, ...]]:
        """Rows ``offset`` to ``offset + n`` (all the rest for None) as tuples."""
        start = max(0, min(offset, self.count))
        end = self.count if n is None or n < 0 else min(self.count, start + n)
        return list(zip(*self.columns(start, end))) if self._cells else []

    def columns(self, start: int = 0, end: int | None = None) -> list[list[Any]]:
        """The values column by column, of rows ``start`` to ``end``."""
        stop = self.count if end is None else end
        return [_values(cell, start, stop) for cell in self._cells]

    def raw_columns(self) -> list[Column | None]:
        """The columns as codes; None where there are only values (pulls, aggregates)."""
        return [cell if isinstance(cell, Column) else None for cell in self._cells]

    def shaped(self) -> Any:
        """What the find spec asks for: rows, a collection, one tuple or one value; with ``:keys`` maps."""
        shape = self.query.find.shape
        if shape == "relation":
            rows: Any = self.page()
            return self.as_maps(rows) if self.query.keys is not None else rows
        if shape == "collection":
            return self.columns()[0] if self.count else []
        first = self.page(0, 1)
        if not first:
            return None
        return first[0] if shape == "tuple" else first[0][0]

    def as_maps(self, rows: Sequence[tuple[Any, ...]]) -> list[dict[Any, Any]]:
        """Rows as maps by ``:keys``, ``:strs`` or ``:syms``."""
        assert self.query.keys is not None
        keys = self.query.keys
        if len(set(keys)) < len(keys):
            # The first of equal keys wins (oracle: find/keys-dup).
            return [dict(reversed(list(zip(keys, row)))) for row in rows]
        return [dict(zip(keys, row)) for row in rows]


def _values(cell: Any, start: int, end: int) -> list[Any]:
    if isinstance(cell, Column):
        if start == 0 and end >= len(cell.data):
            return cell.values()
        return cell.part(start, end).values()
    if isinstance(cell, _Pulled):
        return cell.values(start, end)
    return cell[start:end]  # type: ignore[no-any-return]


def result_of(ctx: Context, query: Query, rel: Relation, patterns: dict[Symbol, Any], counts: Ints | None = None
              ) -> Result:
    """The result that a query's ``:find`` makes of the rows. ``counts``: how many each stands for, where all that is
    asked for is their number (``counted``)."""
    elements = query.find.elements
    names = [x if isinstance(x, Symbol) else x.variable for x in elements]
    basis = dict.fromkeys((*names, *query.with_names))
    aggregates = [x for x in elements if isinstance(x, Aggregate)]
    if counts is None:
        rel = rel.project(basis)
        rel = one_each(rel if aggregates and all(map(minds_no_repeats, aggregates)) else rel.distinct())
    if not aggregates:
        cells = [_cell(ctx, x, rel.cols[name], patterns) for x, name in zip(elements, names)]
        return Result(query, rel.n, cells)
    keys = [rel.cols[name] for x, name in zip(elements, names) if not isinstance(x, Aggregate)]
    groups = group(rel, keys)
    cells = []
    for x, name in zip(elements, names):
        if isinstance(x, Aggregate):
            cells.append([] if not groups.count else aggregate_column(ctx, rel, groups, x) if counts is None else
                         totals(counts, groups))
        else:
            cells.append(_cell(ctx, x, rel.cols[name].take(groups.first), patterns))
    return Result(query, groups.count, cells)


def _cell(ctx: Context, element: Any, column: Column, patterns: dict[Symbol, Any]) -> Any:
    if not isinstance(element, Pull):
        return column
    pattern = element.pattern
    if isinstance(pattern, Symbol):
        if pattern not in patterns:
            raise incorrect(f"Pull pattern not found in inputs: {pattern.text}",
                            "invalid-pull" if pattern.text.startswith("?") else "pattern-not-bound")
        pattern = patterns[pattern]
    from peerserver.pull import parse_pattern
    db = _pull_source(ctx, element)
    if db.is_history:
        raise incorrect("Can't pull from history; pull from the database that the history was taken of")
    return _Pulled(ctx, db, parse_pattern(pattern), column, element)


def _pull_source(ctx: Context, element: Pull) -> Database:
    """The database of the pull's source; where there is none of that name, the first input has to be one
    (oracle: query-wide/pullsrc-*)."""
    name = DEFAULT_SOURCE if element.source is None else element.source
    if name in ctx.sources or not isinstance(ctx.first_input, Database):
        return ctx.database(name)
    return ctx.first_input

