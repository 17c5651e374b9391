"""From what a request says about a database to the database value: t, as-of, since, history, with.

Two rules of the clients: rows at a ``:t`` stay the same for ever, and a ``:t`` ahead of us is waited for, a little.
What is not decided here: what is read from the value.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from threading import Lock
from typing import Any

import attrs
from twisted.internet.defer import Deferred

from peerserver.database import Database
from peerserver.model.anomaly import incorrect, not_found
from peerserver.model.entity import is_tx, t_of
from peerserver.model.values import BigInt, Keyword
from peerserver.peer.interfaces import IConnection

from .forks import Forks
from .request import Request, time_point
from .words import K

__all__ = ("Databases", "View", "descriptor")

#: values that stay at hand, with the tables that queries made in them: a client reads one value many times.
RECENT = 16


@attrs.frozen(eq=False)
class View:
    """A described value: the base is here, the filters are applied by :meth:`Databases.open` in a worker thread."""

    base: Database
    described: Mapping[Any, Any]
    forked: bool


class Databases:
    """The databases that are served: ``named`` is name → connection."""

    def __init__(self, named: Mapping[str, IConnection], forks: Forks, sync_timeout: float) -> None:
        self.named = dict(named)
        self._forks = forks
        self._sync_timeout = sync_timeout
        self._recent: OrderedDict[tuple[Any, ...], Database] = OrderedDict()
        self._lock = Lock()

    def by_name(self, request: Request) -> IConnection:
        """The connection that ``:db-name`` names; not-found if there is none."""
        name = request.text(K.db_name)
        connection = self.named.get(name)
        if connection is None:
            raise not_found(f"There is no database {name!r} here; this server was started with "
                            + ", ".join(sorted(self.named)), db_name=name)
        return connection

    def connection(self, request: Request, described: Mapping[Any, Any] | None = None) -> IConnection:
        """The connection that ``:database-id`` names, in the request or in a database map among its arguments."""
        wanted = (request.form if described is None else described).get(K.database_id)
        connection = next((one for one in self.named.values() if one.database_id == str(wanted)), None)
        if connection is None:
            shown = str(wanted)[:100]
            raise not_found(f"There is no database with the id {shown} here; connect again", database_id=shown)
        request.touched[str(wanted)] = connection
        return connection

    async def present(self, request: Request) -> tuple[IConnection, Database]:
        """The connection of the request, and its newest value, at least as new as the request's ``:t``."""
        connection = self.connection(request)
        return connection, await self._reached(connection, request.form, request)

    async def view(self, request: Request, described: Mapping[Any, Any] | None = None) -> View:
        """The value that a map describes (by default, the request's own keys). Waits for a t that is ahead."""
        form = request.form if described is None else described
        connection = self.connection(request, form)
        token = form.get(K.next_token)
        if token is not None:
            return View(self._forks.get(token).db, form, True)
        return View(await self._reached(connection, form, request), form, False)

    def open(self, view: View) -> Database:
        """The value itself. Any thread may ask; an instant is looked up in the log."""
        form = view.described
        filters = (time_point(form, K.as_of), time_point(form, K.since), bool(form.get(K.history)))
        t = None if view.forked else _t(form)
        if view.forked:
            return _filtered(view.base, view.base, t, *filters)
        base = self._at(view.base, t)
        if filters == (None, None, False):
            return base
        key = (view.base.id, base.basis_t, base.as_of_t, *filters)
        found = self._look_up(key, view.base)
        if found is None:
            found = _filtered(base, view.base, t, *filters)
            self._keep(key, found)
        return found

    async def _reached(self, connection: IConnection, form: Mapping[Any, Any], request: Request) -> Database:
        t = _t(form)
        db = connection.db()
        if t is None or t <= db.basis_t:
            return db
        waiting: Deferred[Database] = connection.sync(t, self._sync_timeout)
        return await waiting

    def _at(self, base: Database, t: int | None) -> Database:
        key = (base.id, base.basis_t if t is None else min(t, base.basis_t))
        found = self._look_up(key, base)
        if found is None:
            found = base if t is None or t >= base.basis_t else base.as_of(t)
            self._keep(key, found)
        return found

    def _look_up(self, key: tuple[Any, ...], base: Database) -> Database | None:
        with self._lock:
            found = self._recent.get(key)
            if found is None or found.schema is not base.schema:
                return None
            self._recent.move_to_end(key)
            return found

    def _keep(self, key: tuple[Any, ...], db: Database) -> None:
        with self._lock:
            self._recent[key] = db
            if len(self._recent) > RECENT:
                self._recent.popitem(last=False)


def descriptor(db: Database, token: str | None = None) -> dict[Keyword, Any]:
    """How a value is told to a client: ``{:database-id :t :next-t :history}`` and what else is set."""
    told: dict[Keyword, Any] = {
        K.database_id: db.id, K.t: db.basis_t, K.next_t: db.next_t, K.history: db.is_history,
    }
    if db.as_of_t is not None:
        told[K.as_of] = db.as_of_t
    if db.since_t is not None:
        told[K.since] = db.since_t
    if token is not None:
        told[K.next_token] = token
    return told


def _filtered(at: Database, base: Database, t: int | None, as_of: Any, since: Any, history: bool) -> Database:
    value = at
    if as_of is not None:
        value = base.as_of(as_of)
        if t is not None and value.as_of_t is not None and t < value.as_of_t:
            value = at
    if since is not None:
        value = value.since(since)
    return value.history() if history else value


def _t(form: Mapping[Any, Any]) -> int | None:
    t = form.get(K.t)
    if t is None:
        return None
    if isinstance(t, (bool, BigInt)) or not isinstance(t, int) or t < 0:
        raise incorrect(":t must be a basis t, as a database of this server has it")
    return t_of(t) if is_tx(t) else t
