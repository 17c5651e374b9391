"""The server under the cases: its dispatcher in this process, or a site of its own behind TLS and signatures."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import ssl
import time
from datetime import UTC, datetime
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread

from peerserver.codec import transit
from peerserver.model.anomaly import fault
from peerserver.peer.connection import memory_connection
from peerserver.web.dispatcher import Dispatcher, Response
from peerserver.web.settings import Settings
from peerserver.web.work import Inline, Threads

from .client import Client
from .steps import Session

__all__ = ("over_http", "within")

_CONTENT_TYPE = "application/transit+msgpack"
_SIGNED = "content-type;host;x-amz-content-sha256;x-amz-date;x-amz-target"


async def within(reactor: Any) -> Session:
    """A session on a fresh database behind a dispatcher in this process; bytes of transit go each way."""
    connection = memory_connection("case", reactor, Inline().run)
    dispatcher = Dispatcher({"case": connection})

    async def send(message: dict[Any, Any]) -> dict[Any, Any]:
        request = transit.msgpack.decode(transit.msgpack.encode(message))
        response = await dispatcher.dispatch(request)
        answer: dict[Any, Any] = transit.msgpack.decode(transit.msgpack.encode(response))
        return answer

    session = Session(Client(send, "case"), connection.db)
    await session.begin()
    return session


class _Switch:
    """The dispatcher of the case under way, in the place of a dispatcher: one port serves all cases."""

    current: Dispatcher

    def dispatch(self, form: Any) -> Deferred[Response]:
        return self.current.dispatch(form)

    def waiting(self) -> list[str]:
        return []


class over_http:  # noqa: N801 - called like the function above
    """Makes sessions over TLS with signed requests, all on one port, each on a fresh database."""

    def __init__(self, reactor: Any, folder: Path) -> None:
        from peerserver.web.http import BoundedSite
        from peerserver.web.resource import Web
        from peerserver.web.tls import ReloadableTLS, self_signed

        self._secret = secrets.token_urlsafe(24)
        self._reactor = reactor
        self._switch = _Switch()
        self._settings = Settings()
        self._threads = Threads(reactor, 1, 1, self._settings.queue_limit)
        self._threads.start()
        tls = ReloadableTLS(self_signed(folder, "localhost", datetime.now(UTC)))
        web = Web(cast(Dispatcher, self._switch), {"conformance": self._secret}, self._settings, time.time,
                  self._threads.others)
        site = BoundedSite(web.app.resource(), self._settings, reactor)
        from twisted.protocols.tls import TLSMemoryBIOFactory

        self._port = reactor.listenTCP(0, TLSMemoryBIOFactory(tls, False, site), interface="127.0.0.1")
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self._http = HTTPSConnection("127.0.0.1", self._port.getHost().port, context=context, timeout=60)

    async def __call__(self) -> Session:
        name = f"case-{uuid4()}"
        connection = memory_connection(name, self._reactor, self._threads.others.run)
        dispatcher = Dispatcher({name: connection}, {"conformance": self._secret}, self._settings,
                                queries=self._threads.queries, others=self._threads.others)
        self._switch.current = dispatcher
        session = Session(Client(self._send, name), connection.db)
        await session.begin()
        return session

    async def _send(self, message: dict[Any, Any]) -> dict[Any, Any]:
        body = transit.msgpack.encode(message)
        answer = await deferToThread(self._post, body)
        found: dict[Any, Any] = transit.msgpack.decode(answer)
        return found

    def _post(self, body: bytes) -> bytes:
        self._http.request("POST", "/", body, sign(body, "conformance", self._secret, datetime.now(UTC)))
        response = self._http.getresponse()
        answer = response.read()
        if response.getheader("Content-Type") != _CONTENT_TYPE:
            raise fault(f"HTTP {response.status} with {response.getheader('Content-Type')}")
        return answer


def sign(body: bytes, key: str, secret: str, now: datetime) -> dict[str, str]:
    """The headers of a signed request, as Datomic's clients make them."""
    headers = {
        "content-type": _CONTENT_TYPE,
        "host": "localhost",
        "x-amz-content-sha256": hashlib.sha256(body).hexdigest(),
        "x-amz-date": now.strftime("%Y%m%dT%H%M%SZ"),
    }
    day = headers["x-amz-date"][:8]
    scope = f"{day}/none/peer-server/aws4_request"
    lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
    canonical = f"POST\n/\n\n{lines}\n{_SIGNED}\n{headers['x-amz-content-sha256']}"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    text = f"AWS4-HMAC-SHA256\n{headers['x-amz-date']}\n{scope}\n{digest}"
    signing = ("AWS4" + secret).encode()
    for part in (day, "none", "peer-server", "aws4_request"):
        signing = hmac.digest(signing, part.encode(), "sha256")
    signature = hmac.digest(signing, text.encode(), "sha256").hex()
    headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={key}/{scope}, SignedHeaders={_SIGNED}, Signature={signature}")
    headers["accept"] = _CONTENT_TYPE
    return headers
