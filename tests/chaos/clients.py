"""A session: the protocol's client over HTTPS, one connection, that goes to the other server when its own is gone.

Blocking, for threads. What is not decided here: what is asked, and what is tried again (``load``).
"""

from __future__ import annotations

import ssl
from collections.abc import Coroutine, Mapping
from datetime import UTC, datetime
from http.client import HTTPException, HTTPSConnection
from typing import Any, TypeVar

from peerserver.codec import transit
from peerserver.conformance.client import Client
from peerserver.conformance.servers import sign
from peerserver.model.anomaly import Anomaly, unavailable

__all__ = ("KEY", "SECRET", "Broken", "Session", "healthy", "run")

KEY, SECRET = "chaos", "chaos-secret"
#: seconds: longer than any wait that a server has of its own, so that only a stopped server is given up.
ANSWER_WITHIN = 12.0
CONNECT_WITHIN = 2.0

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    """What a coroutine returns that never waits, because its sends block."""
    try:
        work.send(None)
    except StopIteration as done:
        found: T = done.value
        return found
    raise RuntimeError("it waited for something that does not block")


class _Connection(HTTPSConnection):
    """Connects within one time, answers within another."""

    def connect(self) -> None:
        self.timeout = CONNECT_WITHIN
        super().connect()
        self.sock.settimeout(ANSWER_WITHIN)


class Session:
    """``servers``: label → port on loopback; ``server``: the label of the one that is asked now.

    ``client`` keeps the session's t wherever it goes.
    """

    def __init__(self, servers: Mapping[str, int], server: str, name: str) -> None:
        self._servers = dict(servers)
        self.server = server
        self._connection: HTTPSConnection | None = None
        self._context = ssl.create_default_context()
        self._context.check_hostname, self._context.verify_mode = False, ssl.CERT_NONE
        self.client = Client(self._send, name)

    def elsewhere(self) -> None:
        """From now on the next server is asked."""
        self.close()
        labels = list(self._servers)
        self.server = labels[(labels.index(self.server) + 1) % len(labels)]

    def go(self, server: str) -> None:
        """From now on that server is asked."""
        if server != self.server:
            self.close()
            self.server = server

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    async def _send(self, message: dict[Any, Any]) -> dict[Any, Any]:
        body = transit.msgpack.encode(message)
        if self._connection is None:
            self._connection = _Connection("127.0.0.1", self._servers[self.server], context=self._context)
        try:
            self._connection.request("POST", "/", body, sign(body, KEY, SECRET, datetime.now(UTC)))
            response = self._connection.getresponse()
            answer = response.read()
        except (OSError, HTTPException) as problem:
            server = self.server
            self.elsewhere()
            raise Broken(server, problem) from None
        if response.will_close:
            self.close()
        found = transit.msgpack.decode(answer)
        if not isinstance(found, dict):
            raise unavailable(f"{self.server} answered HTTP {response.status} and no map")
        return found


class Broken(Anomaly):
    """The connection failed before there was an answer: the outcome is unknown."""

    def __init__(self, server: str, problem: Exception) -> None:
        super().__init__("unavailable", f"{server}: {type(problem).__name__}: {problem}")


def healthy(port: int) -> bool:
    """Whether GET /health is answered within a second: what a balancer looks at."""
    connection = HTTPSConnection("127.0.0.1", port, context=ssl._create_unverified_context(), timeout=1)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
