"""The proxy does to a connection what it is told."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from .processes import Proxy


@pytest.fixture
def echo() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        def serve() -> None:
            while True:
                try:
                    channel, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=_echo, args=(channel,), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]


def _echo(channel: socket.socket) -> None:
    with channel, contextlib.suppress(ConnectionError):
        while data := channel.recv(100):
            channel.sendall(data)


def test_orders(echo: int) -> None:
    """Bytes pass, come late, stay away and come after all, and connections end, as ordered."""
    proxy = Proxy(echo)
    try:
        with socket.create_connection(("127.0.0.1", proxy.port), 5) as channel:
            assert _said(channel, b"a") == b"a"
            proxy.tell("delay 0.3")
            before = time.monotonic()
            assert _said(channel, b"b") == b"b"
            assert time.monotonic() - before >= 0.5
            proxy.tell("pass")
            proxy.tell("hold")
            channel.settimeout(0.3)
            with pytest.raises(TimeoutError):
                _said(channel, b"c")
            channel.settimeout(5)
            proxy.tell("pass")
            assert channel.recv(10) == b"c"
            proxy.tell("cut")
            assert _ended(channel)
        # The reset may come before the call is back.
        with (contextlib.suppress(ConnectionResetError),
              socket.create_connection(("127.0.0.1", proxy.port), 5) as refused):
            assert _ended(refused)
    finally:
        proxy.end()


def _said(channel: socket.socket, data: bytes) -> bytes:
    channel.sendall(data)
    return channel.recv(10)


def _ended(channel: socket.socket) -> bool:
    try:
        return channel.recv(10) == b""
    except ConnectionError:
        return True
