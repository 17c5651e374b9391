"""A whole server in memory: databases, dispatcher and site, all on one clock and without threads or ports."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import attrs
from twisted.internet.defer import Deferred, execute
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransportWithDisconnection
from twisted.web.http_headers import Headers

from peerserver.codec import edn, transit
from peerserver.codec.transit import Format
from peerserver.model.values import Keyword
from peerserver.peer.connection import Connection, memory_connection
from peerserver.web.dispatcher import Dispatcher
from peerserver.web.http import BoundedSite
from peerserver.web.resource import Web
from peerserver.web.settings import Settings

from .signing import KEY, NOW, SECRET, signed_headers

__all__ = ("House", "kw", "plain", "read")

kw = Keyword
read = edn.read


def plain(value: Any) -> Any:
    """A response with its pages as plain values."""
    if hasattr(value, "plain"):
        return value.plain()
    if isinstance(value, dict):
        return {key: plain(member) for key, member in value.items()}
    return tuple(map(plain, value)) if type(value) is tuple else value


@attrs.define
class House:
    """A server of databases ``hello`` and ``other``."""

    settings: Settings = attrs.field(factory=Settings)
    clock: Clock = attrs.field(factory=Clock)
    connection: Connection = attrs.field(init=False)
    dispatcher: Dispatcher = attrs.field(init=False)
    site: BoundedSite = attrs.field(init=False)
    web: Web = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.clock.advance(NOW)
        self.connection = memory_connection("hello", self.clock, execute, now=self.clock.seconds)
        keys = {KEY: SECRET}
        databases = {"hello": self.connection, "other": memory_connection("other", self.clock, execute, now=self.clock.seconds)}
        self.dispatcher = Dispatcher(databases, keys, self.settings, now=self.clock.seconds)
        self.web = Web(self.dispatcher, keys, self.settings, self.clock.seconds)
        self.site = BoundedSite(self.web.app.resource(), self.settings, self.clock)

    # -- without HTTP

    def ask(self, op: str, text: str = "{}", **more: Any) -> dict[Keyword, Any]:
        """The response to an operation: arguments as EDN text, and more by name (``next_token`` is ``:next-token``)."""
        named = {kw(name.replace("_", "-")): value for name, value in more.items()}
        form = {kw("op"): kw(op), kw("database-id"): self.connection.database_id, **read(text), **named}
        return self.result(self.dispatcher.dispatch(form))

    def result(self, deferred: Deferred[Any]) -> dict[Keyword, Any]:
        """The response that is there already."""
        found: list[Any] = []
        deferred.addCallback(found.append)
        assert found, "no response yet"
        response: dict[Keyword, Any] = plain(found[0])
        return response

    def db(self, **more: Any) -> dict[Keyword, Any]:
        """The present database as a client would describe it."""
        db = self.connection.db()
        named = {kw(name.replace("_", "-")): value for name, value in more.items()}
        return {kw("database-id"): db.id, kw("t"): db.basis_t, kw("next-t"): db.next_t, **named}

    def transact(self, text: str) -> dict[Keyword, Any]:
        """The response to a transaction, which must have succeeded."""
        response = self.ask("transact", tx_data=read(text), tx_id=uuid4())
        assert kw("tempids") in response, response
        return response

    def q(self, query: str, *args: Any, **more: Any) -> dict[Keyword, Any]:
        """The response to a query over the present database or other arguments."""
        return self.ask("q", query=read(query), args=args or (self.db(),), **more)

    # -- with HTTP

    def connect(self) -> Wire:
        """A new connection to the site."""
        return Wire(self)

    def post(self, form: Any, fmt: Format = transit.msgpack, **headers: str) -> tuple[int, dict[Keyword, Any], Headers]:
        """(status, body, headers) of a signed request."""
        wire = self.connect()
        body = fmt.encode(form)
        signed = signed_headers(body, kind=fmt.content_type)
        signed.update({name.replace("_", "-"): value for name, value in headers.items()})
        wire.send(body, signed)
        return wire.answer()


class Wire:
    """A client's end of a connection, byte by byte."""

    def __init__(self, house: House) -> None:
        self.transport = StringTransportWithDisconnection()
        self.protocol = house.site.buildProtocol(None)
        self.transport.protocol = self.protocol
        self.protocol.makeConnection(self.transport)

    def send(self, body: bytes, headers: dict[str, str], path: str = "/") -> None:
        """A request, whole."""
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self.write(f"POST {path} HTTP/1.1\r\n{lines}content-length: {len(body)}\r\n\r\n".encode() + body)

    def write(self, data: bytes) -> None:
        """Some bytes."""
        self.protocol.dataReceived(data)

    @property
    def closed(self) -> bool:
        """Whether the server has closed the connection."""
        return not self.transport.connected

    def answer(self) -> tuple[int, dict[Keyword, Any], Headers]:
        """(status, body, headers) of the response that came."""
        head, _, body = self.transport.value().partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        headers = Headers()
        for line in lines[1:]:
            name, _, value = line.partition(": ")
            headers.addRawHeader(name, value)
        kind = headers.getRawHeaders("content-type", [""])[0]
        if kind in transit.BY_CONTENT_TYPE:
            value: Any = transit.BY_CONTENT_TYPE[kind].decode(body)
        elif kind == "application/edn":
            value = read(body.decode())
        else:
            value = body
        return int(lines[0].split()[1]), value, headers
