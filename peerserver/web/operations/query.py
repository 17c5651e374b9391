"""``q``: a query over databases that are described by maps among its arguments.

What the client API adds to Datomic's queries is checked here: only relations in ``:find``, and a database among the
arguments. What is not decided here: everything that a query means (``query``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from peerserver.codec.transit_pages import Column, Table
from peerserver.model.anomaly import incorrect
from peerserver.model.values import Keyword, Symbol
from peerserver.query import Budget, execute, parse_query
from peerserver.query.ast import Query

from ..context import Context
from ..continuations import Opened, Page
from ..databases import View
from ..request import Request
from ..stats import timed
from ..words import K

__all__ = ("q",)

_KEY_MAKERS = {"keys": Keyword, "strs": str, "syms": Symbol}


@attrs.frozen
class _Log:
    view: View


async def q(context: Context, request: Request) -> Opened:
    """``:query :args`` → rows. ``:count`` in the first response is the total, whatever ``:offset`` and ``:limit``."""
    form = request.get(K.query)
    if form is None:
        raise incorrect("q needs a :query")
    offset, limit, _ = request.paging()
    settings = context.settings
    deadline = context.monotonic() + request.timeout(settings.query_timeout, settings.longest_timeout)
    budget = Budget(deadline, settings.max_rows, context.monotonic)
    described = [await _described(context, request, arg) for arg in request.vector(K.args)]
    if not any(isinstance(arg, (View, _Log)) for arg in described):
        raise incorrect("Query args must include a database")
    stats: dict[Keyword, Any] | None = {} if request.get(K.query_stats) else None

    def work() -> tuple[Any, Query]:
        query = parse_query(form)
        if query.find.shape != "relation":
            raise incorrect("Only find-rel elements are allowed in client :find")
        inputs = [_opened(context, arg) for arg in described]
        return execute(query, inputs, budget, stats), query

    (result, query), io = await context.queries.run(timed, work, request.get(K.io_context), "query")
    first: dict[Keyword, Any] = {K.count: result.count}
    metadata: dict[Keyword, Any] = {}
    if stats is not None:
        metadata[K.query_stats] = stats
    if io is not None:
        metadata[K.io_stats] = io
    if metadata:
        first[K.metadata] = metadata
    return Opened(ResultSource(result, query), None if limit < 0 else offset + limit, first)


class ResultSource:
    """The rows of a query's result; as maps where the query has ``:keys``, ``:strs`` or ``:syms``."""

    def __init__(self, result: Any, query: Query) -> None:
        self._result = result
        self._width = len(query.find.elements)
        self._keys: list[Any] | None = None
        if query.keys is not None:
            kind, names = query.keys
            self._keys = [_KEY_MAKERS[kind](name) for name in names]

    @property
    def size(self) -> int:
        """About how many bytes it keeps alive."""
        return 4096 + 16 * self._width * int(self._result.count)

    def page(self, offset: int, n: int) -> Page:
        total = int(self._result.count)
        rows = self._result.page(offset, n)
        more = offset + len(rows) < total
        if self._keys is not None:
            return Page(tuple(dict(zip(self._keys, row)) for row in rows), len(rows), more)
        columns = [Column(list(column)) for column in zip(*rows)]
        return Page(Table(columns, len(rows)), len(rows), more)


async def _described(context: Context, request: Request, arg: Any) -> Any:
    if isinstance(arg, Mapping):
        if type(arg.get(K.database_id)) is str:
            return await context.databases.view(request, arg)
        if len(arg) == 1 and type(arg.get(K.log)) is str:
            return _Log(await context.databases.view(request, {K.database_id: arg[K.log]}))
    return arg


def _opened(context: Context, arg: Any) -> Any:
    if isinstance(arg, View):
        return context.databases.open(arg)
    if isinstance(arg, _Log):
        return context.databases.open(arg.view)
    return arg
