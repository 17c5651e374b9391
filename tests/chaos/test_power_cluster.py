"""A whole system loses its power: what was acknowledged by then is in what the disk may hold, in the same order."""

from __future__ import annotations

import random
import threading
import time
import warnings
from pathlib import Path

import attrs
import pytest

from tests.services.jars import Missing

from .checkers import check
from .cluster import DATABASE, Cluster
from .history import History, Operation
from .load import read_log
from .power import Recording, build, disk_after
from .scene import Scene

MOMENTS = 3


@pytest.mark.timeout(600)
def test_acknowledged_transactions_outlive_the_power(tmp_path: Path) -> None:
    """At moments under load, from a disk that lacks any part of what was not synced, a new transactor and a new peer
    server come up with every transaction that had been acknowledged."""
    try:
        library = build(tmp_path)
    except Missing as missing:
        warnings.warn(f"NOT TESTED: power loss, this machine lacks {missing}", stacklevel=1)
        pytest.skip(f"NOT TESTED: this machine lacks {missing}")
    (tmp_path / "disk").mkdir()
    (tmp_path / "one").mkdir()
    recording = Recording(library, tmp_path / "disk", tmp_path / "journal")
    moments: list[tuple[float, int]] = []
    with Cluster(tmp_path / "one", "sqlite", disk=tmp_path / "disk", env=recording.environment()) as cluster:
        scene = Scene(cluster, 23, lambda _: None)
        done = threading.Event()
        watch = threading.Thread(target=_watch, args=(recording, moments, done))
        scene.begin(0)
        watch.start()
        scene.sleep(8)
        scene.load.stop()
        done.set()
        watch.join()
    operations = scene.load.recorder.operations()
    rng = random.Random(23)
    for n, (at, position) in enumerate(rng.sample(moments[len(moments) // 4:], MOMENTS)):
        folder = tmp_path / f"after-{n}"
        disk_after(recording, position, folder / "disk", rng)
        (folder / "run").mkdir()
        with Cluster(folder / "run", "sqlite", disk=folder / "disk") as cluster:
            scene.load.newest.t = 0
            logs = {label: read_log(cluster.servers, label, scene.load, DATABASE) for label in cluster.servers}
        told = [_as_of(op, at) for op in operations if op.start < at]
        assert any(op.outcome == "ok" for op in told)
        assert check(History(told, logs, scene.load.total)) == [], f"power lost at {position} of the journal"


def _watch(recording: Recording, moments: list[tuple[float, int]], done: threading.Event) -> None:
    while not done.wait(0.01):
        at = time.monotonic()
        moments.append((at, recording.position()))


def _as_of(op: Operation, at: float) -> Operation:
    """Who had no answer when the power went knows nothing."""
    return op if op.end <= at else attrs.evolve(op, outcome="unknown", t=None)
