"""HTTP: ``POST /`` takes signed requests, ``GET /health`` says OK.

The order of checks: size (``http``), signature, content type, decoding, headers that must agree with the body. What is
not decided here: what an operation answers (``dispatcher``), and how TLS is set up.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

from klein import Klein
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.web.iweb import IRequest

from peerserver.codec import edn, transit
from peerserver.codec.transit import Format
from peerserver.model.anomaly import Anomaly, forbidden, incorrect
from peerserver.model.values import Keyword

from .dispatcher import Dispatcher, Response, anomaly_of
from .settings import Settings
from .signature import Refused, verify
from .words import K
from .work import Inline, Work

__all__ = ("STATUSES", "Web", "early_answer")

_log = Logger()

#: HTTP status of each category of anomaly.
STATUSES: Mapping[str, int] = {
    "incorrect": 400, "unsupported": 400, "forbidden": 403, "not-found": 404, "conflict": 409, "busy": 429,
    "fault": 500, "unavailable": 503, "interrupted": 504,
}
#: bodies above this many bytes are decoded, and answers of more rows than this encoded, in a worker thread.
LARGE_BODY = 32 * 1024
LARGE_PAGE = 200

_EDN = Format("edn", "application/edn", lambda body, limits: edn.read(_utf8(body)),
              lambda value: edn.write(_plain(value)).encode())
_FORMATS: Mapping[str, Format] = {**transit.BY_CONTENT_TYPE, _EDN.content_type: _EDN}
_PROTOCOL = "datomic.client.protocol"


class Web:
    """The Klein application over a dispatcher. ``keys``: access key → secret; ``now``: seconds since 1970."""

    app = Klein()

    def __init__(self, dispatcher: Dispatcher, keys: Mapping[str, str], settings: Settings,
                 now: Callable[[], float] = time.time, work: Work | None = None) -> None:
        self._dispatcher = dispatcher
        self._keys = dict(keys)
        self._settings = settings
        self._now = now
        self._work = work or Inline()

    @app.route("/health", methods=["GET", "HEAD"])
    def health(self, request: IRequest) -> bytes:
        """Whether the server can serve all its databases: 200 and OK, or 503 and the reasons."""
        request.setHeader(b"content-type", b"text/plain")
        body = "\n".join(self._dispatcher.waiting()).encode() or b"OK"
        if body != b"OK":
            request.setResponseCode(503)
        request.setHeader(b"content-length", b"%d" % len(body))
        return body

    @app.route("/", methods=["POST"])
    def post(self, request: IRequest) -> Deferred[bytes]:
        """One operation."""
        return Deferred.fromCoroutine(self._post(request))

    @app.route("/", branch=True)
    def other(self, request: IRequest) -> bytes:
        """Anything else: an anomaly in the format that is asked for."""
        fmt = _format(_header(request, "accept")) or transit.json
        told = Anomaly("not-found", "There is only POST / for Datomic clients, and GET /health")
        return _respond(request, fmt, told.as_map(), fmt.encode(told.as_map()))

    async def _post(self, request: IRequest) -> bytes:
        fmt = _format(_header(request, "content-type")) or _format(_header(request, "accept")) or transit.json
        try:
            body = request.content.read()
            request.content.close()
            self._verify(request, body)
            form = await self._decoded(request, body)
            del body
            _agree(request, form)
            response = await self._dispatcher.dispatch(form)
        except Exception as problem:
            response = anomaly_of(problem).as_map()
            response[K.request_id] = str(uuid4())
        try:
            encoded = await self._encoded(fmt, response)
        except Exception as problem:
            response = anomaly_of(problem).as_map()
            encoded = fmt.encode(response)
        return _respond(request, fmt, response, encoded)

    def _verify(self, request: IRequest, body: bytes) -> None:
        headers = {
            name.decode("latin-1").lower(): ",".join(value.decode("utf-8", "surrogateescape") for value in values)
            for name, values in request.requestHeaders.getAllRawHeaders()
        }
        try:
            verify(headers, body, self._keys, self._now(), self._settings.clock_skew)
        except Refused as reason:
            _log.warn("Refused a request from {peer}: {reason}", peer=_peer(request), reason=str(reason))
            raise forbidden("The request is not signed with an access key of this server, or its date is off; check "
                            "key, secret and the clock") from None

    async def _decoded(self, request: IRequest, body: bytes) -> Any:
        kind = _header(request, "content-type")
        fmt = _format(kind)
        if fmt is None:
            raise incorrect(f"Content type {(kind or '')[:100]!r} is not read here; send " + ", ".join(_FORMATS))
        if len(body) > LARGE_BODY:
            return await self._work.run(fmt.decode, body)
        return fmt.decode(body)

    async def _encoded(self, fmt: Format, response: Response) -> bytes:
        if _large(response.get(K.data)) or _large(response.get(K.tx_data)) or K.result in response:
            return await self._work.run(fmt.encode, response)
        return fmt.encode(response)


def early_answer(kind: str | None, anomaly: Anomaly) -> tuple[str, bytes]:
    """(content type, body) of an answer to a request that is not read to its end."""
    fmt = _format(kind) or transit.json
    return fmt.content_type, fmt.encode({**anomaly.as_map(), K.request_id: str(uuid4())})


def _agree(request: IRequest, form: Any) -> None:
    # These headers are not signed, the body is: who changes one must not be able to change what is done.
    if not isinstance(form, Mapping):
        raise incorrect("A request is a map with an :op")
    op = form.get(K.op)
    if isinstance(op, Keyword):
        names = {op.text, f"{_PROTOCOL}/{op.text}", ":" + op.text}
        _same(request, "x-nano-op", names)
    _same(request, "x-nano-target", {_text(form.get(K.database_id))})
    _same(request, "x-nano-next", {_text(form.get(K.next_token))})


def _same(request: IRequest, name: str, allowed: set[str]) -> None:
    value = _header(request, name)
    if value is not None and value not in allowed:
        _log.warn("Refused a request from {peer}: {name} disagrees with the body", peer=_peer(request), name=name)
        raise forbidden(f"The header {name} disagrees with the signed body")


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _respond(request: IRequest, fmt: Format, response: Response, encoded: bytes) -> bytes:
    category = response.get(K.category)
    if isinstance(category, Keyword):
        request.setResponseCode(STATUSES.get(category.name, 500))
    request.setHeader(b"content-type", fmt.content_type.encode())
    request.setHeader(b"content-length", str(len(encoded)).encode())
    request.setHeader(b"server", b"peerserver")
    return encoded


def _format(kind: str | None) -> Format | None:
    return _FORMATS.get((kind or "").partition(";")[0].strip().lower())


def _header(request: IRequest, name: str) -> str | None:
    value = request.requestHeaders.getRawHeaders(name)
    return value[-1] if value else None


def _peer(request: IRequest) -> str:
    address = request.getClientAddress()
    return str(getattr(address, "host", address))


def _large(value: Any) -> bool:
    size = getattr(value, "n_rows", None)
    if size is None:
        size = len(getattr(value, "e", value or ()))
    return int(size) > LARGE_PAGE


def _utf8(body: bytes) -> str:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        raise incorrect("The body is not UTF-8") from None


def _plain(value: Any) -> Any:
    # EDN text is for people with curl: pages become plain values first.
    if hasattr(value, "plain"):
        return _plain(value.plain())
    if isinstance(value, dict):
        return {key: _plain(member) for key, member in value.items()}
    if type(value) is tuple:
        return tuple(_plain(member) for member in value)
    return value
