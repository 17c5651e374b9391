"""The rows of the fault table that real processes show: how each is injected, what is expected, what is mended after.

Goals are those at ``heartbeat-interval-msec=1000``; Datomic's figures are documented ones (default heartbeat 5000).
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Callable

from .history import WRITES
from .processes import wait_until
from .scene import Fault, Scene

__all__ = ("FAULTS", "SHORT")


def _restart(scene: Scene, label: str) -> None:
    """A transactor that has ended is started again, as by a supervisor; it has looked at the lease when this is over."""
    process = scene.cluster.transactors[label]
    if not process.alive:
        scene.cluster.start_transactor(label)
        wait_until(lambda: "standby" in process.log().rpartition("--- ")[2], 60, f"{label} is a standby")
        scene.sleep(2)


def _active(scene: Scene) -> str:
    wait_until(lambda: scene.cluster.active() is not None, 30, "some transactor is active")
    label = scene.cluster.active()
    assert label is not None
    return label


def _kill_active(scene: Scene) -> None:
    label = _active(scene)
    scene.cluster.transactors[label].kill()
    scene.recovered()
    scene.measured()
    _restart(scene, label)


def _stop_active(scene: Scene) -> None:
    label = _active(scene)
    process = scene.cluster.transactors[label]
    process.pause()
    holds_all_up = scene.cluster.is_locked()
    scene.sleep(8)
    process.resume()
    if not holds_all_up:
        process.wait(20)  # it has been deposed: whatever it had begun fails, and it ends
    scene.recovered()
    scene.measured()
    _restart(scene, label)


def _kill_standby(scene: Scene) -> None:
    label = scene.cluster.standby()
    scene.cluster.transactors[label].kill()
    scene.sleep(3)
    scene.measured()
    _restart(scene, label)


def _kill_both(scene: Scene) -> None:
    for process in scene.cluster.transactors.values():
        process.kill()
    scene.sleep(5)
    for label in scene.cluster.transactors:
        scene.cluster.start_transactor(label)
    scene.recovered()


def _graceful(scene: Scene) -> None:
    label = _active(scene)
    process = scene.cluster.transactors[label]
    process.terminate()
    scene.recovered()
    code = process.wait(20)
    assert code == 0, f"a transactor that was asked to end left with {code}:\n{process.log()[-2000:]}"
    scene.measured()
    _restart(scene, label)


def _failpoint(name: str) -> Callable[[Scene], None]:
    def do(scene: Scene) -> None:
        label = _active(scene)
        process = scene.cluster.transactors[label]
        scene.cluster.switch(label, name)
        wait_until(lambda: not process.alive, 90, f"the failpoint {name} strikes in {label}")
        scene.recovered()
        scene.measured()
        _restart(scene, label)

    return do


def _kill_peer(scene: Scene) -> None:
    label = scene.rng.choice(list(scene.cluster.peers))
    scene.only(label)
    scene.cluster.peers[label].kill()
    scene.sleep(4)
    scene.measured()
    scene.cluster.start_peer(label)
    scene.cluster.wait_for_peer(label)


def _stop_peer(scene: Scene) -> None:
    label = scene.rng.choice(list(scene.cluster.peers))
    scene.only(label)
    scene.cluster.peers[label].pause()
    scene.sleep(5)
    scene.cluster.peers[label].resume()
    scene.recovered()


def _kill_peers(scene: Scene) -> None:
    for process in scene.cluster.peers.values():
        process.kill()
    for label in scene.cluster.peers:
        scene.cluster.start_peer(label)
    scene.recovered()


def _storage_down(scene: Scene) -> None:
    if scene.cluster.postgres is not None:
        scene.cluster.postgres.stop()
        scene.sleep(5)
        scene.cluster.postgres.start()
    else:
        lock = sqlite3.connect(scene.cluster.disk / "storage.db", timeout=10, isolation_level=None)
        lock.execute("begin exclusive")
        scene.sleep(5)
        lock.execute("rollback")
        lock.close()
    scene.recovered()
    scene.measured()
    for label in scene.cluster.transactors:
        _restart(scene, label)


def _tell(scene: Scene, order: str, *labels: str) -> None:
    for label in labels or scene.cluster.storage_proxies:
        scene.cluster.storage_proxies[label].tell(order)


def _storage_slow(scene: Scene) -> None:
    _tell(scene, "delay 0.5")  # each way, so that a call takes a second
    scene.sleep(12)
    _tell(scene, "pass")
    scene.recovered()
    scene.measured()
    for label in scene.cluster.transactors:
        _restart(scene, label)


def _storage_silent(scene: Scene) -> None:
    """Everything that is open falls silent, for good; what is opened from now on works."""
    _tell(scene, "forsake")
    scene.recovered()
    scene.measured()
    for label in scene.cluster.transactors:
        _restart(scene, label)


def _partition_peers(scene: Scene) -> None:
    for proxy in scene.cluster.transactor_proxies.values():
        proxy.tell("hold")
    scene.sleep(5)
    for proxy in scene.cluster.transactor_proxies.values():
        proxy.tell("cut")
        proxy.tell("pass")
    scene.recovered()


def _partition_storage(scene: Scene) -> None:
    label = _active(scene)
    process = scene.cluster.transactors[label]
    _tell(scene, "hold", label)
    scene.recovered()
    scene.measured()
    process.wait(30)
    _tell(scene, "cut", label)
    _tell(scene, "pass", label)
    _restart(scene, label)


def _clocks(scene: Scene) -> None:
    """The transactors' clocks jump by an hour and strobe; the peer servers' by ten minutes (signatures allow fifteen)."""
    jumps = [("t1", 3600), ("t2", -3600), ("p1", 600), ("p2", -600), ("t1", -3600), ("t2", 3600)]
    for label, seconds in jumps:
        scene.cluster.switch(label, "clock", str(seconds))
        scene.sleep(1)
    for _ in range(20):
        label = scene.rng.choice(("t1", "t2"))
        scene.cluster.switch(label, "clock", str(scene.rng.choice((0, 3600, -3600))))
        scene.sleep(0.1)
    for label in scene.cluster.switches:
        scene.cluster.switch(label, "clock", "0")
    scene.recovered()


def _disk_full(scene: Scene) -> None:
    """Nothing is left on the disk for five seconds: writes are refused, reads go on."""
    ballast = scene.cluster.disk / "ballast"
    began = time.monotonic()
    with ballast.open("wb", buffering=0) as file:
        for size in (1024 * 1024, 4096, 512):
            with contextlib.suppress(OSError):
                while file.write(bytes(size)) == size:
                    pass
    wait_until(lambda: any(op.start > began and op.outcome == "unknown" and op.kind in WRITES
                           for op in scene.load.recorder.operations()), 30, "some write is refused")
    scene.sleep(5)
    ballast.unlink()
    scene.recovered()
    scene.measured()
    for label in scene.cluster.transactors:
        _restart(scene, label)


FAULTS = (
    Fault("1", "active transactor killed", _kill_active, 0.25, 3, "11 s + replay"),
    Fault("2", "active transactor stopped 8 s and woken", _stop_active, 0.25, 3, "11 s"),
    Fault("3", "standby killed", _kill_standby, 0.1, 0.1),
    Fault("4", "both transactors killed, started after 5 s", _kill_both, 0.25, 8),
    Fault("5", "active asked to stop", _graceful, 0.1, 1, "stop both orderly"),
    Fault("6", "killed between log write and answer", _failpoint("after-append"), 0.25, 3, "same"),
    Fault("7a", "killed while an index is adopted, before the root", _failpoint("before-index"), 0.25, 3, "same"),
    Fault("7b", "killed after an index is adopted", _failpoint("after-index"), 0.25, 3, "same"),
    Fault("8", "peer server killed, one of two (its sessions)", _kill_peer, 2, 2, "iterations lost"),
    Fault("9", "peer server stopped 5 s (its sessions)", _stop_peer, 6, 6),
    Fault("10", "all peer servers killed, started at once", _kill_peers, 5, 5, "JVM start and more"),
    Fault("11", "storage down 5 s", _storage_down, 10, 8, "transactor exits; standby/restart"),
    Fault("12", "storage slow, 1 s per call", _storage_slow, None, 5, "self-destruct, failover", ("postgresql",)),
    Fault("13", "storage connections silently dropped", _storage_silent, 10, 10, "up to 16 min", ("postgresql",)),
    Fault("18", "peer servers cut from the transactor 5 s", _partition_peers, 0.25, 7, "TTL 10 s"),
    Fault("19", "active cut from the storage", _partition_storage, 0.25, 3, "same, 11 s", ("postgresql",)),
    Fault("21", "clocks jump by an hour and strobe", _clocks, None, None, "tested by Jepsen"),
    Fault("22", "disk full for 5 s", _disk_full, None, None, storages=("small-disk",)),
)
#: what the short schedule of bin/test does, in this order
SHORT = ("1", "2", "3", "8", "5", "6")
