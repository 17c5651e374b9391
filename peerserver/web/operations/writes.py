"""``transact``, and its likeness that changes nothing: ``with-db`` and ``with``."""

from __future__ import annotations

import time
from typing import Any

from peerserver.model.anomaly import incorrect
from peerserver.model.values import Keyword
from peerserver.transact import TxResult
from peerserver.transact import transact as apply

from ..context import Context
from ..databases import descriptor
from ..forks import Fork
from ..pages import datom_table
from ..request import Request
from ..stats import io_stats
from ..words import K

__all__ = ("transact", "with_", "with_db")

#: about how many bytes a datom takes in a fork.
_DATOM = 200


async def transact(context: Context, request: Request) -> dict[Keyword, Any]:
    """``:tx-data :tx-id`` → ``{:db-before :db-after :tx-data :tempids}``. Sent again with the same id, the answer is
    the first one."""
    connection = context.databases.connection(request)
    tx_data = _tx_data(request)
    settings = context.settings
    timeout = request.timeout(settings.transact_timeout, settings.longest_timeout)
    started = context.monotonic()
    result = await connection.transact(tx_data, request.get(K.tx_id), timeout)
    return _answer(request, result, context.monotonic() - started)


async def with_db(context: Context, request: Request) -> dict[Keyword, Any]:
    """The present value's descriptor and the token of a fork of it."""
    _, db = await context.databases.present(request)
    fork = Fork(db.fork())
    return descriptor(fork.db, context.forks.put(fork, 1024))


async def with_(context: Context, request: Request) -> dict[Keyword, Any]:
    """``:tx-data`` and the value's ``:next-token`` → as ``transact``, both values with tokens."""
    functions = context.databases.connection(request).functions
    token = request.get(K.next_token)
    if token is None:
        raise incorrect("with needs a value from with-db, or the :db-after of another with")
    tx_data = _tx_data(request)
    before = context.forks.get(token)

    def work() -> TxResult:
        with before.lock:
            return apply(before.db, tx_data, int(time.time() * 1000), functions)

    started = context.monotonic()
    result = await context.others.run(work)
    after = Fork(result.db_after, before.lock)
    made = context.forks.put(after, 1024 + _DATOM * len(result.es))
    answer = _answer(request, result, context.monotonic() - started, token, made)
    # The value transacts as the present one and stays filtered (oracle: transact/with-on-asof).
    filters = {key: request.form[key] for key in (K.as_of, K.since) if request.get(key) is not None}
    return {**answer, K.db_before: {**answer[K.db_before], **filters}, K.db_after: {**answer[K.db_after], **filters}}


def _answer(request: Request, result: TxResult, seconds: float, before: str | None = None,
            after: str | None = None) -> dict[Keyword, Any]:
    answer: dict[Keyword, Any] = {
        K.db_before: descriptor(result.db_before, before),
        K.db_after: descriptor(result.db_after, after),
        K.tx_data: datom_table(result.tx_data()),
        K.tempids: result.tempids,
    }
    io_context = request.get(K.io_context)
    if io_context is not None:
        answer[K.io_stats] = io_stats(io_context, "tx-with", seconds)
    return answer


def _tx_data(request: Request) -> tuple[Any, ...]:
    if K.tx_data not in request.form:
        raise incorrect("There is no :tx-data")
    return () if request.form[K.tx_data] is None else request.vector(K.tx_data)  # nil is no datoms (oracle: nil-tx)
