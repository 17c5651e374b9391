"""How long nothing was acknowledged: the figure of the fault table."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from .history import BANK, LISTS, LOG, WRITES, Operation

__all__ = ("longest_gap", "reads", "sessions_on", "writes")

_READS = frozenset({LISTS, BANK, LOG})


def reads(operations: Iterable[Operation], sessions: Collection[int] | None = None) -> list[float]:
    """When reads were answered; of these sessions only, if any are named."""
    return sorted(op.end for op in operations if op.kind in _READS and op.outcome == "ok" and _of(op, sessions))


def writes(operations: Iterable[Operation], sessions: Collection[int] | None = None) -> list[float]:
    """When transactions were acknowledged."""
    return sorted(op.end for op in operations if op.kind in WRITES and op.outcome == "ok" and _of(op, sessions))


def _of(op: Operation, sessions: Collection[int] | None) -> bool:
    return sessions is None or op.session in sessions


def longest_gap(moments: Iterable[float], start: float, end: float) -> float:
    """The longest time within [start, end] without a moment; ``moments`` in order."""
    longest, last = 0.0, start
    for moment in moments:
        if start <= moment <= end:
            longest, last = max(longest, moment - last), moment
    return max(longest, end - last)


def sessions_on(operations: Iterable[Operation], server: str, at: float) -> set[int]:
    """The sessions whose last operation before that moment went to this server."""
    where: dict[int, tuple[float, str]] = {}
    for op in operations:
        if op.start <= at and op.start >= where.get(op.session, (0.0, ""))[0]:
            where[op.session] = (op.start, op.server)
    return {session for session, (_, label) in where.items() if label == server}
