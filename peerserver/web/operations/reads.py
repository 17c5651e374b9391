"""``pull``, ``db-stats``, and the operations that walk an index or the log page by page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from peerserver import pull as pulls
from peerserver.database import Database
from peerserver.model.anomaly import incorrect
from peerserver.model.entity import is_tx
from peerserver.model.values import Instant, Keyword

from ..context import Context
from ..continuations import IterSource, Opened
from ..pages import DatomSource, PullSource, datom_table
from ..request import Request
from ..stats import timed
from ..words import K

__all__ = ("datoms", "db_stats", "index_pull", "index_range", "pull", "tx_range")

_POSITIONS = {"eavt": "eav", "aevt": "aev", "avet": "ave", "vaet": "vae"}


async def pull(context: Context, request: Request) -> dict[Keyword, Any]:
    """``:selector :eid`` → ``{:result {…}}``."""
    view = await context.databases.view(request)
    selector, eid, io_context = request.get(K.selector), request.get(K.eid), request.get(K.io_context)
    if selector is None:
        raise incorrect("pull needs a :selector")
    if K.eid not in request.form:
        raise incorrect("pull needs an :eid")

    def work() -> Any:
        db = context.databases.open(view)
        return pulls.pull(db, pulls.parse_pattern(selector), eid)

    found, stats = await context.others.run(timed, work, io_context, "pull")
    return {K.result: {K.ret: found or {}, K.io_stats: stats} if stats is not None else found}


async def db_stats(context: Context, request: Request) -> dict[Keyword, Any]:
    """``{:result {:datoms n :attrs {ident {:count n}}}}``; of all that was ever added."""
    view = await context.databases.view(request)

    def work() -> Any:
        db = context.databases.open(view)
        counts = db.stats()
        attrs = {db.ident(a) or a: {K.count: n} for a, n in counts.items()}
        return {K.datoms: sum(counts.values()), K.attrs: attrs}

    return {K.result: await context.others.run(work)}


async def datoms(context: Context, request: Request) -> Opened:
    """``:index`` and leading components, as ``:e :a :v :tx`` or ``:components [...]``."""
    form, tx = _without_tx(context, request)
    view = await context.databases.view(request, form)
    index = request.keyword(K.index).name
    if index not in _POSITIONS:
        raise incorrect(f":index must be :eavt, :aevt, :avet or :vaet, not :{index}")
    if request.get(K.components) is not None:
        components: list[Any] = list(request.vector(K.components))
    else:
        components = [request.get(Keyword(letter)) for letter in _POSITIONS[index]]
        components.append(tx)

    def work() -> DatomSource:
        db = context.databases.open(view)
        return DatomSource(db, db.datoms(index, components))

    return await _ranged(context, request, work)


def _without_tx(context: Context, request: Request) -> tuple[Mapping[Any, Any], Any]:
    """The database's description and the fourth component. The client of 2017 writes that one over the basis ``:t``;
    a transaction id there is the component, and the basis is what ``:next-t`` leaves of it."""
    form, t = request.form, request.get(K.t)
    if not (isinstance(t, int) and is_tx(t) and all(request.get(Keyword(letter)) is not None for letter in "eav")):
        return form, request.get(Keyword("tx"))
    basis = context.databases.connection(request).db().basis_t
    return {**form, K.t: min(request.integer(K.next_t, basis + 1, 1) - 1, basis)}, t


async def index_range(context: Context, request: Request) -> Opened:
    """AVET of ``:attrid`` from ``:start`` (inclusive) to ``:end`` (exclusive)."""
    view = await context.databases.view(request)
    attrid = request.get(K.attrid)
    if attrid is None:
        raise incorrect("index-range needs an :attrid", "not-an-entity")

    def work() -> DatomSource:
        db = context.databases.open(view)
        return DatomSource(db, db.index_range(attrid, request.get(K.start), request.get(K.end)))

    return await _ranged(context, request, work)


async def _ranged(context: Context, request: Request, work: Any) -> Opened:
    offset, limit, _ = request.paging()
    return Opened(await context.others.run(work), None if limit < 0 else offset + limit)


async def index_pull(context: Context, request: Request) -> Opened:
    """``:index :selector :start :reverse`` → pulled maps in the order of the index."""
    view = await context.databases.view(request)
    offset, limit, _ = request.paging()
    index, selector = request.get(K.index), request.get(K.selector)
    start, backwards = request.vector(K.start), bool(request.get(K.reverse))
    if selector is None or index is None:
        raise incorrect("index-pull needs an :index and a :selector", "nil-input")
    name = index.name if isinstance(index, Keyword) else repr(index)

    def work() -> PullSource:
        pattern = pulls.parse_pattern(selector)
        return PullSource(pulls.index_pull(context.databases.open(view), name, pattern, start, backwards))

    return Opened(await context.others.run(work), None if limit < 0 else offset + limit)


async def tx_range(context: Context, request: Request) -> Opened:
    """The log from ``:start`` (inclusive) to ``:end`` (exclusive): ``{:t :data [datom …]}``."""
    _, db = await context.databases.present(request)
    offset, limit, _ = request.paging()
    start, end = request.time_point(K.start), request.time_point(K.end)

    def work() -> IterSource:
        return IterSource(lambda: _transactions(db, start, end))

    return Opened(await context.others.run(work), None if limit < 0 else offset + limit)


def _transactions(db: Database, start: int | Instant | None, end: int | Instant | None) -> Iterator[Any]:
    for t, found in db.tx_range(start, end):
        yield {K.t: t, K.data: datom_table(found)}
