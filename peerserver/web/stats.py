"""The shapes of io-stats. All reads are from memory as yet, so ``:reads`` is empty."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from peerserver.model.anomaly import incorrect
from peerserver.model.values import Keyword

__all__ = ("io_stats", "timed")

_CONTEXT, _API, _MS, _READS = (Keyword(name) for name in ("io-context", "api", "api-ms", "reads"))


def io_stats(io_context: Any, api: str, seconds: float) -> dict[Keyword, Any]:
    """What a request with ``:io-context`` is told. The context must be a qualified keyword."""
    if not isinstance(io_context, Keyword) or io_context.namespace is None:
        raise incorrect(":io-context must be a keyword with a namespace")
    return {_CONTEXT: io_context, _API: Keyword(api), _MS: round(seconds * 1000, 2), _READS: {}}


def timed(work: Callable[[], Any], io_context: Any, api: str) -> tuple[Any, dict[Keyword, Any] | None]:
    """(the work's result, its io-stats if a context was given)."""
    if io_context is None:
        return work(), None
    io_stats(io_context, api, 0)
    started = time.perf_counter()
    result = work()
    return result, io_stats(io_context, api, time.perf_counter() - started)
