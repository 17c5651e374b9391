"""Runs ``python -m peerserver`` with a clock that can jump, failpoints that can be armed, and ways that can be cut.

``CHAOS_SWITCHES`` names the folder. ``clock`` there holds seconds by which the wall clock is off. The others are
consumed when they strike, and the process is killed as by ``kill -9``:

``after-append``   a group is in the log, nobody has been told
``before-index``   the files of an index are written, the root does not name them yet
``after-index``    the root names a new index, nobody has been told
"""

from __future__ import annotations

import os
import runpy
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any

__all__ = ("install_clock", "install_failpoints", "install_redirects", "strike")

_FOLDER = Path(os.environ.get("CHAOS_SWITCHES", "/nonexistent"))


def strike(name: str) -> None:
    """Dies here if the failpoint is armed."""
    try:
        (_FOLDER / name).unlink()
    except FileNotFoundError:
        return
    os.kill(os.getpid(), signal.SIGKILL)


def install_clock() -> None:
    """Puts a wall clock in that follows the switch; must come before Twisted is imported. Monotonic ones stay."""
    true_time, true_time_ns = time.time, time.time_ns
    path = _FOLDER / "clock"
    state = {"looked": 0.0, "off": 0.0}

    def off() -> float:
        now = time.monotonic()
        if now - state["looked"] > 0.02:
            state["looked"] = now
            try:
                state["off"] = float(path.read_text())
            except (OSError, ValueError):
                state["off"] = 0.0
        return state["off"]

    time.time = lambda: true_time() + off()
    time.time_ns = lambda: true_time_ns() + int(off() * 1e9)


def install_failpoints() -> None:
    """Puts them around the log's two conditional writes."""
    from peerserver.durable.log import DurableLog

    append, set_index = DurableLog.append, DurableLog.set_index

    def struck(result: Any, name: str) -> Any:
        strike(name)
        return result

    def append_and_strike(*args: Any) -> Any:
        return append(*args).addCallback(struck, "after-append")

    def strike_around_index(*args: Any) -> Any:
        strike("before-index")
        return set_index(*args).addCallback(struck, "after-index")

    patched: Any = DurableLog
    patched.append, patched.set_index = append_and_strike, strike_around_index


def install_redirects() -> None:
    """Sends connections to some loopback ports to others (``CHAOS_REDIRECT=port:port,…``), where a proxy listens."""
    pairs = [pair.split(":") for pair in os.environ.get("CHAOS_REDIRECT", "").split(",") if pair]
    ports = {int(port): int(other) for port, other in pairs}
    real = socket.socket.connect_ex

    def connect_ex(self: socket.socket, address: Any) -> int:
        if isinstance(address, tuple) and address[1] in ports:
            address = (address[0], ports[address[1]], *address[2:])
        return real(self, address)

    if ports:
        patched: Any = socket.socket
        patched.connect_ex = connect_ex


def main() -> None:
    """Everything after the module's name goes to ``peerserver``."""
    install_clock()
    install_failpoints()
    install_redirects()
    sys.argv[0] = "peerserver"
    runpy.run_module("peerserver", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
