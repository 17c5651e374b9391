"""A transactor and a peer server on each storage give the recorded answers, and the same after kill -9 of everything."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from zlib import crc32

import attrs
import pytest

from peerserver.codec import edn
from peerserver.conformance.__main__ import DIFFERENCES
from peerserver.conformance.cases import Case
from peerserver.conformance.client import DbRef
from peerserver.conformance.runner import read_differences, run_case
from peerserver.conformance.steps import Session as Steps
from peerserver.database import Database
from peerserver.model.anomaly import Anomaly
from peerserver.model.values import Keyword
from tests.chaos.clients import KEY, SECRET, Session, run
from tests.chaos.cluster import PEERSERVER
from tests.chaos.processes import Process, wait_until
from tests.house.servers import ROOT, environment
from tests.services.jars import Missing
from tests.services.servers import free_port

from .cases import reading, writing
from .places import KINDS, Place, place

_PORT = "p"


@attrs.frozen
class System:
    """A transactor and a peer server on one storage."""

    place: Place
    transactor: Process
    peer: Process
    port: int
    sessions: list[Session] = attrs.field(factory=list)

    def start(self) -> None:
        self.transactor.start()
        self.peer.start()

    def kill(self) -> None:
        self.peer.kill()
        self.transactor.kill()
        if self.place.restart is not None:
            self.place.restart()

    def steps(self, name: str) -> Steps:
        """A connected session on a database, once the server serves it."""
        session = Session({_PORT: self.port}, _PORT, name)
        self.sessions.append(session)
        steps = Steps(session.client, _no_library)

        def connected() -> bool:
            assert self.peer.alive, self.peer.log()[-4000:]
            try:
                run(steps.begin())
            except Anomaly:
                return False
            return True

        wait_until(connected, 60, f"{name} is served:\n{self.peer.log()[-3000:]}\n{self.transactor.log()[-3000:]}")
        return steps


def _no_library() -> Database:
    raise AssertionError("a case of the matrix asked the peer library")


@pytest.fixture(params=KINDS)
def system(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[System]:
    transactor_port, port = free_port(), free_port()
    try:
        with place(request.param, tmp_path, transactor_port) as found:
            file = tmp_path / "transactor.properties"
            file.write_text("\n".join([*found.properties, "host=127.0.0.1", f"port={transactor_port}",
                                       f"data-dir={tmp_path / 'data'}", f"log-dir={tmp_path / 'log'}",
                                       "heartbeat-interval-msec=1000", ""]))
            names = [*_shared(), *(_own(case) for case in writing())]
            databases = [word for name in names for word in ("-d", f"{name},{found.uri(name)}")]
            transactor = Process("transactor", [*PEERSERVER, "transactor", str(file)], tmp_path)
            peer = Process("peer", [*PEERSERVER, "-m", "datomic.peer-server", "-h", "127.0.0.1", "-p", str(port),
                                    "--state-dir", str(tmp_path / "state"), "-a", f"{KEY},{SECRET}", *databases], tmp_path)
            try:
                transactor.start()
                _create(tmp_path, [found.uri(name) for name in names])
                peer.start()
                made = System(found, transactor, peer, port)
                yield made
                for session in made.sessions:
                    session.close()
            finally:
                peer.end()
                transactor.end()
    except Missing as missing:
        warnings.warn(f"NOT TESTED: {request.param}: this machine lacks {missing}", stacklevel=1)
        pytest.skip(f"NOT TESTED: this machine lacks {missing}")


_CREATE = """
import json, sys
from twisted.internet import reactor, task
from twisted.internet.defer import ensureDeferred
from peerserver.admin.commands import AdminOptions, run
from peerserver.clocks import steady

async def work():
    for uri in json.load(sys.stdin):
        options = AdminOptions()
        options.parseOptions(["create-database", uri])
        await run(reactor, options)

steady(reactor)
task.react(lambda reactor: ensureDeferred(work()))
"""


def _create(folder: Path, uris: Sequence[str]) -> None:
    """The first as an administrator does, the others by the same command in one process: its start takes longest."""
    made = Process("create", [*PEERSERVER, "create-database", uris[0]], folder)
    made.start()
    assert made.wait(90) == 0, made.log()
    subprocess.run([sys.executable, "-c", _CREATE], input=json.dumps(list(uris[1:])), text=True, check=True, cwd=ROOT,
                   env=environment(), timeout=120)


def _shared() -> dict[str, Sequence[Any]]:
    """Database name → fixture, for the cases that only read."""
    found: dict[str, Sequence[Any]] = {}
    for case in reading():
        found.setdefault(_fixture(case), case.fixture)
    return found


def _fixture(case: Case) -> str:
    return f"fixture-{crc32(repr(case.fixture).encode())}"


def _own(case: Case) -> str:
    return case.id.replace("/", "-")


def test_matrix(system: System) -> None:
    """Transactions, queries, pulls and history are as recorded; after kill -9 of every process, reads are the same."""
    known = read_differences(DIFFERENCES.read_text())
    readers = [case for case in reading() if case.id not in known]
    shared: dict[str, Steps] = {}
    for name, fixture in _shared().items():
        shared[name] = system.steps(name)
        for step in fixture:
            run(shared[name].run(step))
    differences = [_run(case, system.steps(_own(case))) for case in writing() if case.id not in known]
    assert [d for d in differences if d] == []
    assert _read(readers, shared) == []
    before = {name: _dump(system.steps(name)) for name in _names()}

    system.kill()
    system.start()
    assert {name: _dump(system.steps(name)) for name in _names()} == before
    after = {name: _again(system, steps) for name, steps in shared.items()}
    assert _read(readers, after) == []
    _write_more(system.steps(_names()[0]))


def _names() -> list[str]:
    return [*_shared(), *(_own(case) for case in writing())]


def _again(system: System, old: Steps) -> Steps:
    """A new connection that knows the names of before."""
    return attrs.evolve(system.steps(old.client.name), world=old.world, baseline=old.baseline)


def _run(case: Case, steps: Steps) -> str | None:
    async def begin() -> Steps:
        return steps

    found = run(run_case(case, begin)).difference
    return f"{case.id}: {found}" if found else None


def _read(cases: Sequence[Case], shared: dict[str, Steps]) -> list[str]:
    found = (_run(attrs.evolve(case, fixture=()), attrs.evolve(shared[_fixture(case)], withs={})) for case in cases)
    return [difference for difference in found if difference]


def _dump(steps: Steps) -> Any:
    """All that a database has and had: every datom of its history, and its log."""
    history = run(steps.client.datoms(DbRef(history=True), "datoms", index=Keyword("eavt"), limit=-1))
    return sorted(history, key=repr), run(steps.client.tx_range(limit=-1))


def _write_more(steps: Steps) -> None:
    """The restarted transactor goes on where the killed one was, at the time that it is."""
    t = steps.client.t
    report = run(steps.client.transact(edn.read('[{:db/id "x" :db/doc "after the restart"}]')))
    assert steps.client.t > t
    (instant,) = [v.ms for e, _, v, tx, _ in report.datoms if e == tx]
    assert abs(instant - time.time() * 1000) < 60_000
    assert run(steps.client.pull(DbRef(), edn.read("[:db/doc]"), report.tempids["x"])) == edn.read(
        '{:db/doc "after the restart"}')
