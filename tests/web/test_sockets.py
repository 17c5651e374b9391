"""The last ring: the server as a process of its own, over TLS on a real port, and clients that misbehave."""

from __future__ import annotations

import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import attrs
import pytest

from peerserver.codec import edn, transit
from peerserver.model.values import Keyword
from tests.services.servers import free_port

from .signing import signed_headers

LIST = {Keyword("op"): Keyword("datomic.catalog/list-dbs")}
CATEGORY = Keyword("cognitect.anomalies/category")
HEAD = b"POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/transit+msgpack\r\n"


@attrs.frozen
class Server:
    """A running server."""

    port: int
    pid: int

    def connect(self) -> ssl.SSLSocket:
        """A TLS connection."""
        context = ssl._create_unverified_context()
        plain = socket.create_connection(("localhost", self.port), timeout=60)
        return context.wrap_socket(plain, server_hostname="localhost")

    def memory(self) -> int:
        """Resident bytes."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return 1024 * next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))

    def ask(self, form: Any, wire: ssl.SSLSocket | None = None) -> dict[Keyword, Any]:
        """The response to a signed request."""
        with ExitStack() as stack:
            if wire is None:
                wire = stack.enter_context(self.connect())
            wire.sendall(request(form))
            return answer(wire)[1]


def request(form: Any) -> bytes:
    body = transit.msgpack.encode(form)
    headers = signed_headers(body, at=time.time())
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST / HTTP/1.1\r\n{lines}content-length: {len(body)}\r\n\r\n".encode() + body


def answer(wire: ssl.SSLSocket) -> tuple[int, dict[Keyword, Any]]:
    """(status, body) of a response."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += received(wire)
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.decode().lower().split("\r\n")
    length = next(int(line.split(": ")[1]) for line in lines if line.startswith("content-length"))
    while len(body) < length:
        body += received(wire)
    kind = next(line.split(": ")[1] for line in lines if line.startswith("content-type"))
    return int(lines[0].split()[1]), transit.BY_CONTENT_TYPE[kind].decode(body)


def received(wire: ssl.SSLSocket) -> bytes:
    data = wire.recv(65536)
    if not data:
        raise ConnectionResetError("closed")
    return data


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that all tests of this module share, as they share it with the hostile clients before them."""
    folder = tmp_path_factory.mktemp("server")
    port = free_port()
    command = [sys.executable, "-m", "peerserver", "-h", "localhost", "-p", str(port), "-a", "myaccesskey,mysecret",
               "-d", "hello,datomic:mem://hello", "--state-dir", str(folder)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            for _ in range(300):
                try:
                    socket.create_connection(("localhost", port), timeout=1).close()
                    break
                except OSError:
                    assert process.poll() is None, (folder / "log").read_text()
                    time.sleep(0.1)
            yield Server(port, process.pid)
        finally:
            process.terminate()
            process.wait(30)


def test_one_connection_serves_many_requests(server: Server) -> None:
    """Keep-alive, and requests written ahead of their answers."""
    with server.connect() as wire:
        wire.sendall(request(LIST))
        assert answer(wire)[0] == 200
        assert server.ask(LIST, wire) == {Keyword("result"): ("hello",)}


@pytest.mark.parametrize("start", [HEAD + b"content-length: 100000000\r\n\r\n",
                                   HEAD + b"transfer-encoding: chunked\r\n\r\n"])
def test_a_body_of_100_mb(server: Server, start: bytes) -> None:
    """It is cut off, at once where its length is declared, and never held in memory beyond the limit."""
    before = server.memory()
    chunk = b"x" * 1_000_000
    framed = chunk if b"length" in start else b"%x\r\n%s\r\n" % (len(chunk), chunk)
    with server.connect() as wire, pytest.raises(OSError):
        wire.sendall(start)
        for _ in range(100):
            wire.sendall(framed)
        assert answer(wire)[0] == 413
        raise ConnectionResetError("answered")
    assert server.ask(LIST) == {Keyword("result"): ("hello",)}
    assert server.memory() - before < 150_000_000


def test_half_sent_and_slow_clients(server: Server) -> None:
    """Hundreds of connections that send nothing, half a request or a byte at a time don't touch the others."""
    with ExitStack() as stack:
        idle = [stack.enter_context(server.connect()) for _ in range(60)]
        for wire in idle[:20]:
            wire.sendall(HEAD)
        for wire in idle[20:40]:
            wire.sendall(HEAD + b"content-length: 1000\r\n\r\nhalf")
        stalled = [stack.enter_context(socket.create_connection(("localhost", server.port))) for _ in range(40)]
        stalled[0].sendall(b"GET / HTTP/1.1\r\n\r\n")
        for wire in idle[:40]:
            wire.sendall(b"x")
            assert server.ask(LIST, idle[50])[Keyword("result")] == ("hello",)


@pytest.mark.parametrize("data", [b"\x00" * 200, b"GET\r\n\r\n", b"\xff\xfe\r\n" * 50,
                                  b"POST / HTTP/1.1\r\n" + b"a" * 20_000, HEAD + b"content-length: -1\r\n\r\n",
                                  HEAD + b"content-length: x\r\n\r\n", HEAD + b"transfer-encoding: chunked\r\n\r\nzz\r\n"])
def test_what_is_no_http(server: Server, data: bytes) -> None:
    """Garbage inside TLS ends its connection, or waits as a half-sent request does; others go on."""
    with server.connect() as wire:
        wire.sendall(data)
        assert server.ask(LIST)[Keyword("result")] == ("hello",)


def test_plain_http(server: Server) -> None:
    """The port speaks TLS only: plain HTTP gets no HTTP answer."""
    with socket.create_connection(("localhost", server.port), timeout=30) as wire:
        wire.sendall(b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n")
        assert not wire.recv(100).startswith(b"HTTP")


def test_a_query_of_death(server: Server) -> None:
    """A query without end is stopped at its time; meanwhile others are answered."""
    named = {Keyword("op"): Keyword("datomic.catalog/resolve-db"), Keyword("db-name"): "hello"}
    name = server.ask(named)[Keyword("database-id")]
    clauses = " ".join(f"[?{x} :db/ident ?i{x}]" for x in "abcdefg")
    query = edn.read(f"[:find (count ?a) :with ?b ?c ?d ?e ?f ?g :where {clauses}]")
    deadly = {Keyword("op"): Keyword("q"), Keyword("database-id"): name, Keyword("query"): query,
              Keyword("args"): ({Keyword("database-id"): name, Keyword("t"): 66},), Keyword("timeout"): 2000}
    with ExitStack() as stack:
        wires = [stack.enter_context(server.connect()) for _ in range(4)]
        for wire in wires:
            wire.sendall(request(deadly))
        pull = {Keyword("op"): Keyword("pull"), Keyword("database-id"): name, Keyword("t"): 66,
                Keyword("selector"): "[:db/ident]", Keyword("eid"): 10}
        assert server.ask(pull)[Keyword("result")] == {Keyword("db/ident"): Keyword("db/ident")}
        for wire in wires:
            status, body = answer(wire)
            assert (status, body[CATEGORY].name) == (400, "incorrect")


def test_a_t_of_tomorrow_does_not_block(server: Server) -> None:
    """Who waits for a t that isn't there holds up nobody."""
    named = {Keyword("op"): Keyword("datomic.catalog/resolve-db"), Keyword("db-name"): "hello"}
    name = server.ask(named)[Keyword("database-id")]
    ahead = {Keyword("op"): Keyword("status"), Keyword("database-id"): name, Keyword("t"): 10**9}
    with server.connect() as wire:
        wire.sendall(request(ahead))
        assert server.ask(LIST)[Keyword("result")] == ("hello",)
        status, body = answer(wire)
        assert (status, body[CATEGORY].name) == (429, "busy")
