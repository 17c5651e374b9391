"""Which databases there are, and how they stand. A peer server serves databases; it neither makes nor deletes them."""

from __future__ import annotations

from typing import Any

from peerserver.model.anomaly import unsupported
from peerserver.model.values import Keyword

from ..context import Context
from ..databases import descriptor
from ..request import Request
from ..words import K

__all__ = ("administer_system", "create_db", "delete_db", "list_dbs", "resolve_db", "status")


async def resolve_db(context: Context, request: Request) -> dict[Keyword, Any]:
    """``:db-name`` → ``{:database-id}``."""
    connection = context.databases.by_name(request)
    connection.db()  # unavailable until it is loaded: before that it has no id
    return {K.database_id: connection.database_id}


async def list_dbs(context: Context, request: Request) -> dict[Keyword, Any]:
    """``{:result [name …]}``, in alphabetical order."""
    offset = request.integer(K.offset, 0, 0)
    limit = request.integer(K.limit, -1, -1)
    names = sorted(context.databases.named)[offset:]
    return {K.result: tuple(names if limit < 0 else names[:limit])}


async def create_db(context: Context, request: Request) -> dict[Keyword, Any]:
    """Refused."""
    raise unsupported("A peer server does not create databases: start it with -d NAME,URI")


async def delete_db(context: Context, request: Request) -> dict[Keyword, Any]:
    """Refused."""
    raise unsupported("A peer server does not delete databases: start it without the database's -d option")


async def administer_system(context: Context, request: Request) -> dict[Keyword, Any]:
    """Refused."""
    action = request.get(K.action)
    named = f" (:{action.text})" if isinstance(action, Keyword) else ""
    raise unsupported(f"administer-system{named} is not for peer servers; administer the storage from its own machine")


async def status(context: Context, request: Request) -> dict[Keyword, Any]:
    """The present database's descriptor, at top level."""
    _, db = await context.databases.present(request)
    return descriptor(db)
