"""Transactors and commands as real processes, started as an operator starts them, always ended."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.chaos.processes import Process
from tests.house.servers import ROOT, environment
from tests.services.servers import free_port

__all__ = ("ACTIVE", "command", "properties", "transactor")

PROGRAM = (sys.executable, "-m", "peerserver")
#: what a transactor says when it serves
ACTIVE = r"Active on \S+:\d+"


def properties(folder: Path, name: str, *lines: str, port: int | None = None) -> Path:
    """A properties file on a SQLite storage that all of the folder share; ``lines`` are added."""
    path = folder / f"{name}.properties"
    path.write_text("\n".join([
        "protocol=sql", f"sql-url=jdbc:sqlite:{folder / 'storage.db'}", "host=127.0.0.1", f"port={port or free_port()}",
        f"data-dir={folder / name}", "heartbeat-interval-msec=1000", *lines, ""]))
    return path


@contextlib.contextmanager
def transactor(folder: Path, name: str, file: Path) -> Iterator[Process]:
    """A transactor that was started and is ended with the block."""
    process = Process(name, [*PROGRAM, "transactor", str(file)], folder)
    process.start()
    try:
        yield process
    finally:
        process.end()


def command(*arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a command of ``bin/peerserver``."""
    done = subprocess.run([*PROGRAM, *arguments], capture_output=True, text=True, timeout=60, cwd=ROOT,
                          env=environment())
    return done.returncode, done.stdout, done.stderr
