"""Tells the service manager how far the server is: one datagram, as sd_notify(3) describes it."""

from __future__ import annotations

import socket
from collections.abc import Mapping

from twisted.logger import Logger

__all__ = ("notify",)

_log = Logger()


def notify(state: str, environ: Mapping[str, str]) -> bool:
    """Sends ``state`` (``READY=1``, ``STOPPING=1`` …) to ``NOTIFY_SOCKET``; False when nobody asked or hears."""
    address = environ.get("NOTIFY_SOCKET", "")
    if address[:1] not in ("/", "@"):
        return False
    name = "\0" + address[1:] if address.startswith("@") else address
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.setblocking(False)
            sender.sendto(state.encode(), name)
    except OSError as error:
        _log.warn("The service manager does not hear {state}: {error}", state=state, error=error.strerror)
        return False
    return True
