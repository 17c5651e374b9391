"""``bin/chaos``: a cluster under load and faults at random, or each row of the fault table in turn."""

from __future__ import annotations

import argparse
import contextlib
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from .cluster import Cluster
from .faults import FAULTS
from .scene import Fault, Scene, table


def arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bin/chaos", description="Kills, stops and cuts off real processes under load, "
                                     "and checks that nothing that was acknowledged is lost.")
    parser.add_argument("--minutes", type=float, default=5, help="how long faults go on (default: 5)")
    parser.add_argument("--seed", type=int, help="of the load and the faults (default: a new one, which is printed)")
    parser.add_argument("--storage", choices=("sqlite", "postgresql", "small-disk"), default="sqlite",
                        help="small-disk: SQLite on a small file system that may be full (needs root)")
    parser.add_argument("--rows", help="of the fault table, in this order, in place of random ones: 1,2,5")
    parser.add_argument("--times", type=int, default=1, help="how often the rows are gone through (default: 1)")
    parser.add_argument("--table", action="store_true", help="every row that this storage can show")
    parser.add_argument("--keep", type=Path, help="folder for logs and the history (default: a temporary one)")
    return parser.parse_args(argv)


def chosen(options: argparse.Namespace) -> list[Fault]:
    """The rows to go through, in order; none where they are to be random."""
    able = [fault for fault in FAULTS if options.storage in fault.storages]
    if options.table:
        return able * int(options.times)
    if options.rows is None:
        return []
    by_row = {fault.row: fault for fault in able}
    rows = options.rows.split(",")
    for row in rows:
        if row not in by_row:
            raise SystemExit(f"bin/chaos: no row {row} with {options.storage}; there are {', '.join(by_row)}")
    return [by_row[row] for row in rows] * int(options.times)


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


@contextlib.contextmanager
def small_disk(path: Path, megabytes: int = 48) -> Iterator[None]:
    """A file system of its own at ``path``, in memory."""
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "chaos", str(path)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True)


def main(argv: list[str] | None = None) -> int:
    """0 where nothing was violated."""
    options = arguments(sys.argv[1:] if argv is None else argv)
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(10**6)
    folder = options.keep or Path(tempfile.mkdtemp(prefix="chaos-"))
    folder.mkdir(parents=True, exist_ok=True)
    say(f"seed {seed}, {options.storage}, logs in {folder}")
    rows = chosen(options)
    small = contextlib.nullcontext() if options.storage != "small-disk" else small_disk(folder / "disk")
    kind = options.storage if options.storage == "postgresql" else "sqlite"
    with small, Cluster(folder, kind, disk=folder / "disk" if options.storage == "small-disk" else None) as cluster:
        scene = Scene(cluster, seed, say)
        scene.begin()
        if rows:
            for fault in rows:
                scene.run(fault)
        else:
            able = [fault for fault in FAULTS if options.storage in fault.storages]
            end = time.monotonic() + 60 * options.minutes
            while time.monotonic() < end:
                scene.sleep(scene.rng.random() * 5)
                scene.run(scene.rng.choice(able))
        violations = scene.judge(folder / "history.jsonl")
    print(table(FAULTS, scene.measures))
    for violation in violations[:20]:
        print(f"VIOLATION {violation}")
    if violations:
        print(f"seed {seed}, history {folder / 'history.jsonl'}")
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
