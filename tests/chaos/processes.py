"""Programs that are started, killed, stopped and woken; only those that were started here are ever touched."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.house.servers import ROOT, environment
from tests.services.servers import _as, _tool, free_port

__all__ = ("Postgres", "Process", "Proxy", "wait_until")


def wait_until(ready: object, seconds: float, what: str) -> None:
    """Waits for a function to be true; AssertionError where it never is."""
    assert callable(ready)
    end = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < end, f"not within {seconds:g} s: {what}"
        time.sleep(0.02)


class Process:
    """A program of the system under test, which may be ended and started again; its log goes on in one file."""

    def __init__(self, name: str, command: Sequence[str], folder: Path, **env: str) -> None:
        self.name, self.command, self.env = name, list(command), env
        self.log_path = folder / f"{name}.log"
        self.log_path.touch()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *more: str, **env: str) -> None:
        """Starts it; ``more`` and ``env`` are for this time only."""
        assert not self.alive, f"{self.name} already runs"
        with self.log_path.open("ab") as log:
            log.write(f"--- {time.monotonic():.3f} started\n".encode())
            log.flush()
            self._process = subprocess.Popen([*self.command, *more], stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                             cwd=ROOT, env=environment(**self.env, **env),
                                             preexec_fn=_heed_interrupts)  # noqa: PLW1509 - takes no lock

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        return None if self._process is None else self._process.poll()

    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    def size(self) -> int:
        """Where the log ends now: what ``wait_for`` takes."""
        return self.log_path.stat().st_size

    def wait_for(self, pattern: str, seconds: float = 30, since: int = 0) -> str:
        """What the pattern's group (or the whole) matched in the log after ``since``; AssertionError if it never does."""
        end = time.monotonic() + seconds
        while True:
            with self.log_path.open("rb") as file:
                file.seek(since)
                text = file.read().decode(errors="replace")
            found = re.search(pattern, text)
            if found:
                return found[1] if found.groups() else found[0]
            assert self.alive, f"{self.name} ended with {self.returncode}:\n{text[-4000:]}"
            assert time.monotonic() < end, f"{self.name} never said {pattern!r}:\n{text[-4000:]}"
            time.sleep(0.03)

    # -- what is done to it

    def kill(self) -> None:
        """kill -9, also of one that is stopped."""
        self._signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait(10)

    def pause(self) -> None:
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def terminate(self) -> None:
        """Asks it to end; does not wait."""
        self._signal(signal.SIGTERM)

    def wait(self, seconds: float) -> int:
        """Its exit code, once it has ended; AssertionError where it goes on."""
        assert self._process is not None
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} has not ended within {seconds:g} s:\n{self.log()[-3000:]}") from None

    def end(self) -> None:
        """Makes sure that it is gone."""
        if self.alive:
            self.resume()
            self.terminate()
            try:
                self.wait(5)
            except AssertionError:
                self.kill()

    def _signal(self, number: signal.Signals) -> None:
        if self.alive:
            os.kill(self.pid, number)


def _heed_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Proxy:
    """A running ``tests.chaos.proxy`` in front of a loopback port."""

    def __init__(self, target: int, port: int | None = None) -> None:
        self.port = port or free_port()
        self._process = subprocess.Popen([sys.executable, "-m", "tests.chaos.proxy", str(self.port), str(target)],
                                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, env=environment())
        self._read()

    def tell(self, order: str) -> None:
        """``pass``, ``delay SECONDS``, ``hold`` or ``cut``; it is done on return."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{order}\n".encode())
        self._process.stdin.flush()
        self._read()

    def _read(self) -> None:
        assert self._process.stdout is not None
        assert self._process.stdout.readline(), "the proxy ended"

    def end(self) -> None:
        self._process.kill()
        self._process.wait(10)


class Postgres:
    """PostgreSQL with a superuser ``peer``, that can be stopped and started with its data kept."""

    def __init__(self) -> None:
        self.port = free_port()
        # Not within a folder of pytest, which other users may not enter.
        self._data = Path(tempfile.mkdtemp(prefix="chaos-postgres-"))
        self._initdb, self._pg_ctl = _tool("initdb"), _tool("pg_ctl")
        if os.getuid() == 0:
            shutil.chown(self._data, "postgres")
        self._run(self._initdb, "-D", str(self._data), "-A", "trust", "-U", "peer", "--no-sync", "-E", "UTF8")

    def start(self) -> None:
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self._data}"
        self._run(self._pg_ctl, "-D", str(self._data), "-w", "-l", str(self._data / "log"), "-o", options, "start")

    def stop(self, mode: str = "immediate") -> None:
        """``immediate`` is what a crash is to its clients and its data."""
        self._run(self._pg_ctl, "-D", str(self._data), "-m", mode, "stop")

    def end(self) -> None:
        """Stops it and forgets its data."""
        self.stop()
        shutil.rmtree(self._data, ignore_errors=True)

    def _run(self, *command: str) -> None:
        subprocess.run([*_as("postgres"), *command], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                       cwd="/")
