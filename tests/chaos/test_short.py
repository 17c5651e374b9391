"""The short schedule: kill -9, SIGSTOP and a failpoint against real processes under load, in a minute or so.

``bin/chaos`` is the long one, and goes through every row of the fault table.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from .cluster import Cluster
from .faults import FAULTS, SHORT
from .scene import Scene


@pytest.mark.timeout(600)
def test_nothing_is_lost(tmp_path: Path) -> None:
    """No acknowledged transaction is lost, doubled or reordered, no session goes back, balances stay constant. Whatever
    was killed or stopped, reads and writes are answered again."""
    seed = int(os.environ.get("CHAOS_SEED", random.SystemRandom().randrange(10**6)))
    told: list[str] = []
    by_row = {fault.row: fault for fault in FAULTS}
    with Cluster(tmp_path, "sqlite") as cluster:
        scene = Scene(cluster, seed, told.append)
        scene.begin()
        for row in SHORT:
            scene.run(by_row[row])
        violations = scene.judge(tmp_path / "history.jsonl")
    story = "\n".join([f"CHAOS_SEED={seed}, history {tmp_path / 'history.jsonl'}", *told, *map(str, violations)])
    assert not violations, story
    for measure in scene.measures:
        # A busy machine may be slow, but not without bound: what a fault costs is written down by bin/chaos.
        assert measure.reads < 20, story
        assert measure.writes < 20, story
