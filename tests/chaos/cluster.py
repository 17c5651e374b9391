"""The system under test: a storage, a pair of transactors, two peer servers, and proxies between them.

Each process reaches the storage through a proxy of its own, where the storage speaks TCP, and peer servers reach each
transactor through one. Which transactor is active
is seen from outside: a standby holds no port.
"""

from __future__ import annotations

import contextlib
import socket
import sqlite3
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from tests.services.servers import free_port

from .clients import KEY, SECRET
from .processes import Postgres, Process, Proxy, wait_until

__all__ = ("DATABASE", "Cluster")

DATABASE = "chaos"
PEERSERVER = (sys.executable, "-m", "peerserver")
INSTRUMENTED = (sys.executable, "-m", "tests.chaos.instrumented")


class Cluster:
    """``storage`` is ``sqlite`` (a file that all processes share) or ``postgresql``. ``with`` starts and ends it.

    ``disk`` is where SQLite's file is (which may be there already), ``env`` what every process is started with.
    ``transactors`` and ``peers`` are processes by label; ``servers`` is label → port, for clients; ``switches`` is the
    folder of each process by which its failpoints and clock are set (``instrumented``).
    """

    def __init__(self, folder: Path, storage: str, heartbeat: int = 1000, properties: Sequence[str] = (),
                 disk: Path | None = None, env: Mapping[str, str] | None = None) -> None:
        self.folder, self.kind = folder, storage
        self.disk = disk or folder
        self._env = dict(env or {})
        self._heartbeat, self._properties = heartbeat, list(properties)
        self.postgres: Postgres | None = None
        self.storage_proxies: dict[str, Proxy] = {}
        self.transactor_proxies: dict[str, Proxy] = {}
        self.transactors: dict[str, Process] = {}
        self.peers: dict[str, Process] = {}
        self.servers: dict[str, int] = {}
        self._ports: dict[str, int] = {}
        self.switches: dict[str, Path] = {}

    # -- beginning and end

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def _start(self) -> None:
        if self.kind == "postgresql":
            self.postgres = Postgres()
            self.postgres.start()
        for label in ("t1", "t2", "p1", "p2"):
            if self.postgres is not None:
                self.storage_proxies[label] = Proxy(self.postgres.port)
            self.switches[label] = self.folder / f"switches-{label}"
            self.switches[label].mkdir()
        existed = (self.disk / "storage.db").exists()
        for label in ("t1", "t2"):
            self.transactors[label] = self._transactor(label)
            self.transactor_proxies[label] = Proxy(self._ports[label])
        self.start_transactor("t1")
        wait_until(lambda: self.active() == "t1", 30, "the first transactor is active")
        self.start_transactor("t2")
        if self.postgres is not None or not existed:
            self._create()
        for label in ("p1", "p2"):
            self.servers[label] = free_port()
            self.peers[label] = self._peer(label)
            self.peers[label].start()
        for label in self.peers:
            self.wait_for_peer(label)

    def end(self) -> None:
        """Ends everything that was started, peers first."""
        for process in (*self.peers.values(), *self.transactors.values()):
            process.end()
        for proxy in (*self.storage_proxies.values(), *self.transactor_proxies.values()):
            proxy.end()
        if self.postgres is not None:
            self.postgres.end()

    def _create(self) -> None:
        made = Process("create", [*PEERSERVER, "create-database", self.uri("p1")], self.folder)
        made.start()
        assert made.wait(60) == 0, made.log()

    def _transactor(self, label: str) -> Process:
        port = self._ports[label] = free_port()
        folder = self.folder / label
        folder.mkdir()
        properties = folder / "transactor.properties"
        lines = ["protocol=sql", "host=127.0.0.1", f"port={port}", f"heartbeat-interval-msec={self._heartbeat}",
                 # small, so that indexes are made and adopted while things go wrong
                 "memory-index-threshold=512k", "memory-index-max=64m",
                 f"data-dir={folder / 'data'}", f"log-dir={folder / 'log'}", *self._sql(label), *self._properties]
        properties.write_text("\n".join(lines) + "\n")
        return Process(label, [*INSTRUMENTED, "transactor", str(properties)], self.folder,
                       CHAOS_SWITCHES=str(self.switches[label]), **self._env)

    def _peer(self, label: str) -> Process:
        redirect = ",".join(f"{self._ports[t]}:{proxy.port}" for t, proxy in self.transactor_proxies.items())
        return Process(label, [*INSTRUMENTED, "-m", "datomic.peer-server", "-h", "127.0.0.1", "-p",
                               str(self.servers[label]), "--state-dir", str(self.folder / f"state-{label}"), "-a",
                               f"{KEY},{SECRET}", "-d", f"{DATABASE},{self.uri(label)}"], self.folder,
                       CHAOS_SWITCHES=str(self.switches[label]), CHAOS_REDIRECT=redirect, **self._env)

    # -- addresses

    def _jdbc(self, label: str) -> str:
        if self.postgres is not None:
            return f"jdbc:postgresql://127.0.0.1:{self.storage_proxies[label].port}/postgres"
        return f"jdbc:sqlite:{self.disk / 'storage.db'}"

    def _sql(self, label: str) -> list[str]:
        user = ["sql-user=peer", "sql-password=peer"] if self.postgres is not None else []
        return [f"sql-url={self._jdbc(label)}", *user]

    def uri(self, label: str) -> str:
        """The database's URI as that process has it."""
        user = "?user=peer&password=peer" if self.postgres is not None else ""
        return f"datomic:sql://{DATABASE}?{self._jdbc(label)}{user}"

    # -- how it stands

    def active(self) -> str | None:
        """The label of the transactor that holds its port."""
        for label, port in self._ports.items():
            if self.transactors[label].alive and _listens(port):
                return label
        return None

    def is_locked(self) -> bool:
        """Whether the file of the storage is locked for longer than a commit takes: by a process that was stopped in
        the middle of one. Until it is woken or killed nobody else can write, and so nobody take over."""
        if self.postgres is not None:
            return False
        with contextlib.closing(sqlite3.connect(self.disk / "storage.db", timeout=1, isolation_level=None)) as file:
            try:
                file.execute("begin immediate")
                file.execute("rollback")
            except sqlite3.OperationalError:
                return True
        return False

    def standby(self) -> str:
        active = self.active()
        return "t2" if active == "t1" else "t1"

    def start_transactor(self, label: str) -> None:
        """Starts it, as a supervisor would; waits until it takes part (as a standby, where another is active)."""
        self.transactors[label].start()

    def start_peer(self, label: str) -> None:
        self.peers[label].start()

    def wait_for_peer(self, label: str, seconds: float = 30) -> None:
        """Until it answers on its port."""
        def ready() -> bool:
            assert self.peers[label].alive, self.peers[label].log()[-4000:]
            return _listens(self.servers[label])

        wait_until(ready, seconds, f"{label} serves:\n{self.peers[label].log()[-3000:]}")

    def switch(self, label: str, name: str, value: str = "") -> None:
        """Arms a failpoint of a process, or sets its clock."""
        path = self.switches[label] / name
        path.with_suffix(".new").write_text(value)
        path.with_suffix(".new").rename(path)


def _listens(port: int) -> bool:
    with socket.socket() as s:
        s.settimeout(0.5)
        return s.connect_ex(("127.0.0.1", port)) == 0

