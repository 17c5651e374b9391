"""Real servers for tests, started as a user starts them, always ended."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import attrs

ROOT = Path(__file__).resolve().parents[2]
HELLO = ("-a", "myaccesskey,mysecret", "-d", "hello,datomic:mem://hello")
LAUNCHER = (sys.executable, "-m", "peerserver", "-m", "datomic.peer-server")
PATIENCE = 60


def environment(**more: str) -> dict[str, str]:
    """The environment without what would change the server's options; Python finds the checkout."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("PEERSERVER_", "XDG_", "NOTIFY_"))}
    return clean | {"PYTHONPATH": str(ROOT)} | more


@attrs.frozen
class Server:
    """A server that listens: its process, its port and its log so far."""

    process: subprocess.Popen[bytes]
    port: int
    log_path: Path

    def log(self) -> str:
        return self.log_path.read_text()

    def wait_for(self, pattern: str) -> str:
        """The log, once ``pattern`` stands in it."""
        return _wait(self.process, self.log_path, pattern)

    def certificate(self) -> bytes:
        """What a new connection is shown, in DER."""
        with connected(self.port, unverified()) as channel:
            return channel.getpeercert(binary_form=True) or b""


def _heed_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _wait(process: subprocess.Popen[bytes], path: Path, pattern: str) -> str:
    for _ in range(PATIENCE * 20):
        text = path.read_text()
        if re.search(pattern, text):
            return text
        assert process.poll() is None, text
        time.sleep(0.05)
    raise AssertionError(f"{pattern!r} never came:\n{path.read_text()}")


@contextlib.contextmanager
def serving(folder: Path, *options: str, command: Sequence[str] = LAUNCHER, cwd: Path = ROOT,
            env: dict[str, str] | None = None) -> Iterator[Server]:
    """A server on a free port, with its state and log in ``folder``, until the end of the block."""
    path = folder / "server.log"
    arguments = [*command, "-p", "0", "--state-dir", str(folder / "state"), *(options or HELLO)]
    with path.open("wb") as log:
        # A shell in the background starts programs with SIGINT ignored, and whoever is started inherits it.
        process = subprocess.Popen(arguments, stdout=log, stderr=log, cwd=cwd, env=env or environment(),
                                   preexec_fn=_heed_interrupts)  # noqa: PLW1509 - takes no lock
    try:
        text = _wait(process, path, r"Endpoint https://\S+:\d+[\s\S]*\n")
        yield Server(process, int(re.findall(r"Endpoint https://\S+:(\d+)", text)[0]), path)
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE)
        finally:
            process.kill()


def refused(*options: str, command: Sequence[str] = LAUNCHER, env: dict[str, str] | None = None) -> tuple[int, str]:
    """Exit code and all output of a start that should fail."""
    done = subprocess.run([*command, *options], capture_output=True, text=True, timeout=PATIENCE, cwd=ROOT,
                          env=env or environment())
    return done.returncode, done.stdout + done.stderr


def unverified() -> ssl.SSLContext:
    return ssl._create_unverified_context()


@contextlib.contextmanager
def connected(port: int, context: ssl.SSLContext, name: str = "localhost") -> Iterator[ssl.SSLSocket]:
    """A TLS connection to the server."""
    with (socket.create_connection(("127.0.0.1", port), PATIENCE) as plain,
          context.wrap_socket(plain, server_hostname=name) as channel):
        yield channel


def health(port: int, context: ssl.SSLContext | None = None) -> bytes:
    """The whole answer to GET /health."""
    with connected(port, context or unverified()) as channel:
        channel.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        answer = b""
        while piece := channel.recv(4096):
            answer += piece
        return answer
