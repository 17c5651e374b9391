"""What SQLite storage has acknowledged is on the disk when the power goes: writes that were not synced are dropped."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from tests.house.servers import ROOT, environment
from tests.services.jars import Missing

from .power import Recording, build, disk_after

_WRITER = """
import sys
from pathlib import Path
from twisted.internet import reactor, task
from twisted.internet.defer import ensureDeferred
from peerserver.storage.sqlite import open_sqlite

async def work():
    storage = await open_sqlite(Path(sys.argv[1]) / "storage.db", reactor)
    for n in range(1, 401):
        await storage.put(f"key-{n}", bytes([n % 251]) * (n * 37 % 9000))
        assert await storage.compare_and_set("root", n - 1, str(n).encode() * 50)
        print(n, Path(sys.argv[2]).stat().st_size, flush=True)

task.react(lambda reactor: ensureDeferred(work()))
"""


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    try:
        library = build(tmp_path)
    except Missing as missing:
        warnings.warn(f"NOT TESTED: power loss, this machine lacks {missing}", stacklevel=1)
        pytest.skip(f"NOT TESTED: this machine lacks {missing}")
    (tmp_path / "disk").mkdir()
    return Recording(library, tmp_path / "disk", tmp_path / "journal")


def test_acknowledged_writes_outlive_the_power(recording: Recording, tmp_path: Path) -> None:
    """At 60 random moments: the file opens, is whole, and holds all that had been acknowledged by then."""
    done = subprocess.run([sys.executable, "-c", _WRITER, str(recording.folder), str(recording.journal)], cwd=ROOT,
                          env=environment(**recording.environment()), stdout=subprocess.PIPE, text=True, timeout=120)
    assert done.returncode == 0
    acknowledged = [tuple(map(int, line.split())) for line in done.stdout.splitlines()]
    assert len(acknowledged) == 400
    rng = random.Random(23)
    for trial in range(60):
        moment = rng.choice(acknowledged)[1] + rng.choice((0, 0, rng.randrange(20_000)))
        disk = tmp_path / f"after-{trial}"
        disk_after(recording, moment, disk, rng)
        found = _root(disk / "storage.db")
        last = max((n for n, position in acknowledged if position <= moment), default=0)
        assert found >= last, f"moment {moment}: {last} was acknowledged, {found} is there"


def test_the_journal_misses_nothing(recording: Recording, tmp_path: Path) -> None:
    """Played without a loss, the journal makes the same files: no write goes past it."""
    subprocess.run([sys.executable, "-c", _WRITER, str(recording.folder), str(recording.journal)], cwd=ROOT, check=True,
                   env=environment(**recording.environment()), stdout=subprocess.DEVNULL, timeout=120)
    disk_after(recording, recording.position(), tmp_path / "again", None)
    assert _all(tmp_path / "again" / "storage.db") == _all(recording.folder / "storage.db")


def test_a_store_that_does_not_sync_is_caught(recording: Recording, tmp_path: Path) -> None:
    """The check can fail: without synchronous commits, what was acknowledged is lost in some moment."""
    writer = _WRITER.replace("    for n in", "    await storage._pool.runOperation('pragma synchronous = off')\n    for n in")
    done = subprocess.run([sys.executable, "-c", writer, str(recording.folder), str(recording.journal)], cwd=ROOT,
                          env=environment(**recording.environment()), stdout=subprocess.PIPE, text=True, timeout=120)
    acknowledged = [tuple(map(int, line.split())) for line in done.stdout.splitlines()]
    rng = random.Random(23)
    lost = 0
    for trial in range(20):
        n, moment = rng.choice(acknowledged[10:])
        disk_after(recording, moment, tmp_path / f"after-{trial}", rng)
        try:
            lost += _root(tmp_path / f"after-{trial}" / "storage.db") < n
        except (sqlite3.DatabaseError, AssertionError):
            lost += 1
    assert lost


def _root(path: Path) -> int:
    database = sqlite3.connect(path)
    assert database.execute("pragma integrity_check").fetchone() == ("ok",)
    found = [row for row in database.execute("select * from datomic_kvs") if row[0] == "root"] or [None]
    database.close()
    if found[0] is None:
        return 0
    value = next(x for x in found[0] if isinstance(x, bytes))
    return int(value[:len(value) // 50])


def _all(path: Path) -> list[object]:
    database = sqlite3.connect(path)
    rows = sorted(database.execute("select * from datomic_kvs"), key=repr)
    database.close()
    return rows
