"""``bin/bench``: runs our engine and, beside it, real Datomic, DataScript and the NumPy bound; reports the ratios.

The reference runners live outside this project (``--reference``, by default ``../shared/bench`` beside the checkout).
Data, jars and servers' files go to ``--tmp`` (``BENCH_TMP``), results to ``--out`` (``BENCH_OUT``). A checksum that
differs between systems ends the run with exit code 1, whatever the figures.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from . import report

ROOT = Path(__file__).resolve().parent.parent
GRAPHS = ["wide-4x5", "wide-3x3", "wide-5x3", "wide-7x3", "wide-4x6", "long-10x3", "long-30x3", "long-30x5"]
#: what each system's step of the reference runner is called, for a family of data sets.
STEPS = {
    ("datomic", "classic"): "peer",
    ("datomic", "music-small"): "peer",
    ("datomic", "music-large"): "peer-large",
    ("datascript", "classic"): "node",
    ("datascript", "music-small"): "node",
    ("numpy", "music-small"): "columnar",
    ("numpy", "music-large"): "columnar",
}
FAMILIES = {"classic": ["people", *GRAPHS, "oltp"], "music-small": ["music-small"], "music-large": ["music-large"]}


def arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bin/bench", description=__doc__.split("\n")[0])
    parser.add_argument("families", nargs="*", default=[], help=f"any of {', '.join(FAMILIES)}; all without")
    parser.add_argument("--systems", default="ours,datomic,datascript,numpy", help="comma-separated, run in this order")
    parser.add_argument("--reference", type=Path, default=ROOT.parent / "shared" / "bench")
    parser.add_argument("--tmp", type=Path, default=Path(os.environ.get("BENCH_TMP", ROOT / ".cache" / "bench")))
    parser.add_argument("--out", type=Path, default=os.environ.get("BENCH_OUT"))
    parser.add_argument("--report-only", action="store_true", help="read earlier results again")
    options = parser.parse_args(argv)
    unknown = set(options.families) - set(FAMILIES)
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}; choose from {', '.join(FAMILIES)}")
    options.families = options.families or list(FAMILIES)
    options.tmp = options.tmp.resolve()
    options.out = (options.out or options.tmp / "results").resolve()
    return options


def reference(options: argparse.Namespace, step: str) -> None:
    env = {**os.environ, "BENCH_TMP": str(options.tmp), "BENCH_OUT": str(options.out)}
    subprocess.run(["bash", str(options.reference / "run_all.sh"), step], env=env, check=True)


def set_up(options: argparse.Namespace) -> None:
    if not (options.tmp / "data" / "music-large" / "manifest.json").exists() or not (options.tmp / "cp-peer").exists():
        print("bench: making data sets and fetching the systems to compare with …", flush=True)
        reference(options, "setup")


def ours(options: argparse.Namespace, family: str) -> None:
    out = options.out / f"ours-{family}.jsonl"
    with out.open("w") as file:
        for dataset in FAMILIES[family]:
            # A process for each data set, so that its memory is its own.
            command = [sys.executable, "-m", "bench.ours", str(options.tmp / "data"),
                       str(options.reference / "workload.edn"), dataset]
            subprocess.run(command, stdout=file, check=True, cwd=ROOT)


def main(argv: list[str] | None = None) -> int:
    options = arguments(sys.argv[1:] if argv is None else argv)
    options.tmp.mkdir(parents=True, exist_ok=True)
    options.out.mkdir(parents=True, exist_ok=True)
    if not options.report_only:
        set_up(options)
        done: set[str] = set()
        for family in options.families:
            for system in options.systems.split(","):
                print(f"bench: {system} {family}", flush=True)
                if system == "ours":
                    ours(options, family)
                elif (step := STEPS.get((system, family))) and step not in done:
                    done.add(step)
                    reference(options, step)
    return report.main(options.out)


if __name__ == "__main__":
    sys.exit(main())
