"""Tables of a run's results: each case's median in every system, and Datomic's median over ours."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable
from pathlib import Path
from typing import Any

__all__ = ("main",)

Row = dict[str, Any]
DATOMIC, DATASCRIPT, NUMPY, OURS = "datomic-peer-mem", "datascript-node", "numpy-by-hand", "peerserver"


def read(folder: Path) -> dict[tuple[str, str], dict[str, Row]]:
    """(data set, case) → system → result line."""
    found: dict[tuple[str, str], dict[str, Row]] = {}
    for path in sorted(folder.glob("*.jsonl")):
        for line in path.read_text().splitlines():
            if line.startswith("{"):
                row = json.loads(line)
                if "name" in row and "dataset" in row:
                    found.setdefault((row["dataset"], row["name"]), {})[row["system"]] = row
    return found


def number(x: float | None) -> str:
    if x is None:
        return ""
    return f"{x:,.0f}" if abs(x) >= 100 else f"{x:.3g}"


def disagreements(results: dict[tuple[str, str], dict[str, Row]]) -> list[str]:
    """The cases whose systems computed different answers."""
    found = []
    for (dataset, name), systems in results.items():
        sums = {system: row["checksum"] for system, row in systems.items() if row.get("checksum")}
        if len(set(sums.values())) > 1:
            found.append(f"{dataset} {name}: {sums}")
        if systems.get(OURS, {}).get("error"):
            found.append(f"{dataset} {name}: ours failed: {systems[OURS]['error']}")
    return found


def ratio(systems: dict[str, Row], other: str, key: str = "median_ms") -> float | None:
    mine, theirs = systems.get(OURS, {}).get(key), systems.get(other, {}).get("median_ms")
    return theirs / mine if mine and theirs else None


def table(results: dict[tuple[str, str], dict[str, Row]]) -> Iterable[str]:
    yield "| data set | case | rows | ours ms | ours, as rows ms | Datomic ms | DataScript ms | numpy ms | Datomic/ours |"
    yield "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
    for (dataset, name), systems in results.items():
        mine = systems.get(OURS, {})
        if "median_ms" not in mine:
            continue
        cells = [mine["median_ms"], mine.get("rows_ms")]
        cells += [systems.get(s, {}).get("median_ms") for s in (DATOMIC, DATASCRIPT, NUMPY)]
        cells.append(ratio(systems, DATOMIC))
        yield f"| {dataset} | {name} | {mine.get('rows', '')} | " + " | ".join(map(number, cells)) + " |"


def writes(results: dict[tuple[str, str], dict[str, Row]]) -> Iterable[str]:
    yield "| data set | case | ours /s | Datomic /s | ours/Datomic |"
    yield "| --- | --- | ---: | ---: | ---: |"
    for (dataset, name), systems in results.items():
        mine, theirs = systems.get(OURS, {}), systems.get(DATOMIC, {})
        key = "datoms_per_s" if name.startswith("load:") or name == "add-all" else "tx_per_s"
        if key in mine:
            other = theirs.get(key)
            yield (f"| {dataset} | {name} | {number(mine[key])} | {number(other)} | "
                   f"{number(mine[key] / other) if other else ''} |")


def medians(results: dict[tuple[str, str], dict[str, Row]]) -> Iterable[str]:
    yield "| data set | category | cases | median Datomic/ours | lowest |"
    yield "| --- | --- | ---: | ---: | --- |"
    groups: dict[tuple[str, str], list[tuple[float, str]]] = {}
    for (dataset, name), systems in results.items():
        r = ratio(systems, DATOMIC)
        if r is not None:
            groups.setdefault((dataset, systems[OURS].get("category", "")), []).append((r, name))
    for (dataset, category), found in groups.items():
        low, name = min(found)
        middle = statistics.median(r for r, _ in found)
        yield f"| {dataset} | {category} | {len(found)} | {number(middle)} | {number(low)} ({name}) |"


def memory(results: dict[tuple[str, str], dict[str, Row]]) -> Iterable[str]:
    for (dataset, name), systems in results.items():
        if name.startswith("memory"):
            yield f"{dataset} {name}: " + ", ".join(f"{s} {r.get('rss_mb')} MB" for s, r in systems.items())


def main(folder: Path) -> int:
    """Prints the report; 1 where two systems disagree on an answer."""
    results = read(folder)
    for part in (table, medians, writes, memory):
        print("\n".join(part(results)), end="\n\n")
    wrong = disagreements(results)
    for line in wrong:
        print(f"DIFFERENT ANSWERS: {line}")
    return 1 if wrong else 0
