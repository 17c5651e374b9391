"""From a request map to a response map: the server without HTTP.

Every failure becomes a response map with an anomaly's keys; nothing is raised. What is not decided here: bytes,
signatures and statuses (``resource``), and what the operations do (``operations``).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from peerserver.codec import edn
from peerserver.model.anomaly import Anomaly, busy, fault, incorrect, interrupted, unsupported
from peerserver.model.values import Keyword
from peerserver.peer.interfaces import IConnection

from .context import Context
from .continuations import Continuations, Opened, Page, token_key
from .databases import Databases, descriptor
from .forks import Forks
from .operations import ANSWERED, PAGED
from .request import DEFAULT_CHUNK, Request
from .settings import Settings
from .words import K
from .work import Inline, Work

__all__ = ("Dispatcher",)

_log = Logger()
_NEXT = Keyword("next")

Response = dict[Keyword, Any]


class Dispatcher:
    """The operations over some databases (name → connection).

    ``keys``: access key → secret; they only make the tokens of one server good at another with the same keys.
    ``now``: seconds, for what is kept; ``queries`` and ``others``: where work is done.
    """

    def __init__(self, databases: Mapping[str, IConnection], keys: Mapping[str, str] | None = None,
                 settings: Settings | None = None, *, now: Callable[[], float] = time.monotonic,
                 queries: Work | None = None, others: Work | None = None) -> None:
        settings = settings or Settings()
        forks = Forks(now, settings.forks, settings.forks_bytes, settings.forks_age)
        self._continuations = Continuations(token_key(keys or {}), now, settings.pages, settings.pages_bytes,
                                            settings.pages_age, settings.token_bytes)
        self._context = Context(Databases(databases, forks, settings.sync_timeout / 1000), forks, settings,
                                queries or Inline(), others or Inline(), time.monotonic)

    def dispatch(self, form: Any) -> Deferred[Response]:
        """The response to a request map; an anomaly is a response too. Never fails."""
        return Deferred.fromCoroutine(self._dispatch(form))

    def waiting(self) -> list[str]:
        """Why databases cannot be served now; nothing when all can."""
        return [reason for reason in map(_reason, self._context.databases.named.values()) if reason]

    async def _dispatch(self, form: Any) -> Response:
        request = Request(form if isinstance(form, Mapping) else {})
        try:
            response = await self._answer(request, form)
        except Exception as problem:
            response = anomaly_of(problem).as_map()
            response[K.request_id] = str(uuid4())
        if request.touched:
            response[K.dbs] = tuple(descriptor(connection.db()) for connection in request.touched.values())
        return response

    async def _answer(self, request: Request, form: Any) -> Response:
        if not isinstance(form, Mapping):
            raise incorrect("A request is a map with an :op")
        op = request.get(K.op)
        if not isinstance(op, Keyword):
            raise incorrect("A request needs an :op, a keyword")
        answered = ANSWERED.get(op)
        if answered is not None:
            return await answered(self._context, request)
        if op in PAGED:
            return await self._first(request)
        if op is _NEXT:
            return await self._next(request)
        raise unsupported(f"There is no operation :{op.text}; client and server may be of different versions")

    async def _first(self, request: Request) -> Response:
        opened = await PAGED[request.form[K.op]](self._context, request)
        offset, _, chunk = request.paging()
        chunk = min(chunk, self._context.settings.longest_page)
        page = await self._page(opened, request, offset, chunk)
        response = {**opened.first, K.data: page.data}
        if page.more:
            form = self._pinned(request)
            self._continue(response, self._continuations.put(opened, form), offset, page, chunk)
        return response

    async def _next(self, request: Request) -> Response:
        token = request.get(K.next_token)
        name, opened, form = self._continuations.find(token)
        if request.get(K.database_id) is not None:
            self._context.databases.connection(request)
        if opened is None:
            if form is None:
                raise incorrect("This iteration is gone from the server: it was not read for long, or the server was "
                                "restarted; ask again, with :offset to go on from a place")
            again = Request(form)
            opened = await PAGED[form[K.op]](self._context, again)
            self._continuations.renew(name, opened)
        offset = request.integer(K.offset, 0, 0)
        chunk = min(request.integer(K.chunk, DEFAULT_CHUNK, 1), self._context.settings.longest_page)
        page = await self._page(opened, request, offset, chunk)
        response: Response = {K.data: page.data}
        if page.more:
            self._continue(response, token, offset, page, chunk)
        else:
            self._continuations.drop(name)
        return response

    async def _page(self, opened: Opened, request: Request, offset: int, chunk: int) -> Page:
        return await self._context.others.run(opened.page, offset, chunk)

    def _continue(self, response: Response, token: str, offset: int, page: Page, chunk: int) -> None:
        response[K.chunk] = chunk
        response[K.next_token] = token
        response[K.next_offset] = offset + page.rows

    def _pinned(self, request: Request) -> Mapping[Any, Any]:
        # The same request, asked again, must mean the same database value.
        if request.get(K.t) is not None or not request.touched:
            return request.form
        return {**request.form, K.t: next(iter(request.touched.values())).db().basis_t}


def anomaly_of(problem: BaseException) -> Anomaly:
    """What the client is told about a failure. What should not happen is logged, and told without detail."""
    if isinstance(problem, Anomaly):
        return _sendable(problem)
    if isinstance(problem, CancelledError):
        return interrupted("The client has gone")
    if isinstance(problem, RecursionError):
        return incorrect("The request is nested too deep")
    if isinstance(problem, MemoryError):
        return busy("There is not enough memory for this request now")
    _log.failure("Internal error", failure=Failure(problem))
    return fault("Internal error; the server's log has more")


def _sendable(anomaly: Anomaly) -> Anomaly:
    # Data of an error that cannot be written must not turn it into another error.
    try:
        edn.write(anomaly.data)
    except Exception:
        _log.failure("Error data that cannot be sent")
        return Anomaly(anomaly.category, anomaly.message, anomaly.error)
    return anomaly


def _reason(connection: IConnection) -> str:
    try:
        connection.db()
    except Anomaly as anomaly:
        return anomaly.message
    return ""
