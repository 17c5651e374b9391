"""``q``: a query over databases that are described by maps among its arguments.

What the client API adds to Datomic's queries is checked here: only relations in ``:find``, and a database among the
arguments. What is not decided here: everything that a query means (``query``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
from twisted.internet.defer import CancelledError

from peerserver.model.anomaly import incorrect
from peerserver.model.values import Keyword
from peerserver.query import Budget, Result, execute, parse_query

from ..context import Context
from ..continuations import Opened
from ..databases import View
from ..pages import ResultSource
from ..request import Request
from ..stats import timed
from ..words import K

__all__ = ("q",)


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
    wants_stats = bool(request.get(K.query_stats))

    def work() -> Result:
        query = parse_query(form)
        if query.find.shape != "relation":
            raise incorrect("Only find-rel elements are allowed in client :find")
        inputs = [_opened(context, arg) for arg in described]
        return execute(query, inputs, budget, wants_stats)

    try:
        result, io = await context.queries.run(timed, work, request.get(K.io_context), "query")
    except CancelledError:
        # The client has gone: the thread finds its time up at its next look at the clock.
        budget.deadline = 0.0
        raise
    first: dict[Keyword, Any] = {K.count: result.count}
    metadata: dict[Keyword, Any] = {}
    if result.stats is not None:
        metadata[K.query_stats] = result.stats
    if io is not None:
        metadata[K.io_stats] = io
    if metadata:
        first[K.metadata] = metadata
    return Opened(ResultSource(result), None if limit < 0 else offset + limit, first)


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
