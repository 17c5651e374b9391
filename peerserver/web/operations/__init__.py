"""The operations of the protocol, one function each: ``async (context, request) -> response map`` or, for those that
answer in pages, ``async (context, request) -> Opened``.

Shapes: ``docs/protocol.md``. What is not decided here: bytes, signatures, statuses (``resource``).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from peerserver.model.values import Keyword

from ..context import Context
from ..continuations import Opened
from ..request import Request
from . import catalog, query, reads, writes

__all__ = ("ANSWERED", "PAGED")

#: operations that answer at once
ANSWERED: Mapping[Keyword, Callable[[Context, Request], Awaitable[dict[Keyword, Any]]]] = {
    Keyword("datomic.catalog/resolve-db"): catalog.resolve_db,
    Keyword("datomic.catalog/list-dbs"): catalog.list_dbs,
    Keyword("datomic.catalog/create-db"): catalog.create_db,
    Keyword("datomic.catalog/delete-db"): catalog.delete_db,
    Keyword("datomic.catalog/administer-system"): catalog.administer_system,
    Keyword("administer-system"): catalog.administer_system,
    Keyword("status"): catalog.status,
    Keyword("db-stats"): reads.db_stats,
    Keyword("pull"): reads.pull,
    Keyword("transact"): writes.transact,
    Keyword("with-db"): writes.with_db,
    Keyword("with"): writes.with_,
}

#: operations that answer in pages; ``next`` goes on with any of them
PAGED: Mapping[Keyword, Callable[[Context, Request], Awaitable[Opened]]] = {
    Keyword("q"): query.q,
    Keyword("datoms"): reads.datoms,
    Keyword("index-range"): reads.index_range,
    Keyword("index-pull"): reads.index_pull,
    Keyword("tx-range"): reads.tx_range,
}
