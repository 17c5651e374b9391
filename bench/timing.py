"""How a case is timed: warm up, then run for a while and take the median; the reference runners do the same."""

from __future__ import annotations

import gc
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ("measure", "median_ms", "quantile", "rss_mb", "timed")

WARM_S = float(os.environ.get("BENCH_WARM_MS", "1000")) / 1000
RUN_S = float(os.environ.get("BENCH_RUN_MS", "1500")) / 1000


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """(milliseconds, result)."""
    start = time.perf_counter()
    result = work()
    return (time.perf_counter() - start) * 1e3, result


def quantile(ordered: list[float], q: float) -> float:
    return ordered[min(len(ordered) - 1, int(q * len(ordered)))]


def median_ms(times: list[float]) -> dict[str, float]:
    ordered = sorted(times)
    return {"median_ms": round(statistics.median(ordered), 4), "p99_ms": round(quantile(ordered, 0.99), 4)}


def measure(work: Callable[[], Any]) -> dict[str, float]:
    """Medians in ms of repeated calls; slow work is repeated less."""
    gc.collect()
    first, _ = timed(work)
    end = time.perf_counter() + WARM_S
    while time.perf_counter() < end:
        work()
    floor = 5 if first < 3000 else 3
    end, cpu, times = time.perf_counter() + RUN_S, time.process_time(), list[float]()
    while len(times) < floor or (time.perf_counter() < end and len(times) < 100_000):
        times.append(timed(work)[0])
    cpu = (time.process_time() - cpu) * 1e3 / len(times)
    return {
        **median_ms(times),
        "cpu_ms": round(cpu, 4),
        "min_ms": round(min(times), 4),
        "first_ms": round(first, 4),
        "reps": len(times),
    }


def rss_mb() -> int:
    """The process's resident memory."""
    with Path("/proc/self/status").open() as status:
        return next(int(line.split()[1]) // 1024 for line in status if line.startswith("VmRSS"))
