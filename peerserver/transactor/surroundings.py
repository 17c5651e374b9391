"""What a transactor has around it in the machine: the addresses it listens on, its files, and its health port.

What is not decided here: when any of it is begun and ended (``transactor.service``).
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO, cast

from twisted.internet.error import CannotListenError
from twisted.logger import globalLogPublisher
from twisted.python.logfile import DailyLogFile
from twisted.web.resource import Resource
from twisted.web.server import Site

from peerserver.logging import TextObserver

__all__ = ("Unusable", "check_host", "health_site", "listen", "log_to", "write_pid")

_ABSENT = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


class Unusable(Exception):
    """Something of the machine cannot be used; the message says which property to change."""


def listen(host: str, port: int, begin: Callable[[int, str], Any]) -> list[Any]:
    """Listens by ``begin(port, address)`` on every address that the host's name has here. Fails with Unusable when it
    has none, CannotListenError when the port is taken."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (socket.gaierror, UnicodeError):
        raise Unusable(f"host={host}: no such host is known; give an address or a name of this machine") from None
    ports: list[Any] = []
    for address in dict.fromkeys(str(info[4][0]) for info in found):
        try:
            ports.append(begin(port, address))
        except CannotListenError as error:
            # localhost names ::1 on machines that have no IPv6, too.
            if getattr(error.socketError, "errno", None) not in _ABSENT:
                for opened in ports:
                    opened.stopListening()
                raise
    if not ports:
        raise Unusable(f"host={host} is no address of this machine; give one that is, or 0.0.0.0 for all and the name "
                       "that peers know as alt-host")
    return ports


def check_host(host: str) -> None:
    """Unusable when nothing could listen there: a standby should say so before it takes over."""
    listen(host, 0, _bound)


def _bound(port: int, address: str) -> Any:
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as attempt:
        try:
            attempt.bind((address, port))
        except OSError as error:
            raise CannotListenError(address, port, error) from None
    return attempt


def write_pid(path: Path) -> None:
    """Writes the process's id; Unusable when it can't be."""
    try:
        path.write_text(f"{os.getpid()}\n")
    except OSError as error:
        raise Unusable(f"pid-file={path} cannot be written: {error.strerror}") from None


def log_to(folder: Path) -> Callable[[], None]:
    """Log lines go to ``transactor.log`` in the folder, too, a file a day; returns what ends it. Unusable when the
    folder can't be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = DailyLogFile("transactor.log", str(folder))
    except OSError as error:
        raise Unusable(f"log-dir={folder} cannot be written: {error.strerror}") from None
    observer = TextObserver(cast(TextIO, file))
    globalLogPublisher.addObserver(observer)

    def end() -> None:
        globalLogPublisher.removeObserver(observer)
        file.close()

    return end


class _Health(Resource):
    isLeaf = True  # noqa: N815 - Twisted's name

    def render_GET(self, request: Any) -> bytes:  # noqa: N802 - Twisted's name
        found = request.path == b"/health"
        request.setResponseCode(200 if found else 404)
        request.setHeader(b"content-type", b"text/plain")
        return b"OK" if found else b"Only /health is here"


def health_site() -> Site:
    """Answers GET /health with OK, over plain HTTP, by an active transactor and by a standby alike."""
    site = Site(_Health())
    site.noisy = False
    return site
