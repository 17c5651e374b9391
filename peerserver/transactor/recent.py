"""Recent transactions by their :tx-id, so that one that is sent again gets the first answer and is not done twice.

The window: the last 10,000 transactions, of the last 10 minutes, with at most 200,000 datoms of results. It
outlives the process where there is a log: :tx-id and tempids are in it.
What is not decided here: what an answer is.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import Any, Final, final

import attrs
from twisted.internet.defer import Deferred

from .interfaces import Answer

__all__ = ("MOST", "Known", "Recent")

MOST: Final = 10_000
MOST_DATOMS: Final = 200_000
SECONDS: Final = 600.0


@final
@attrs.frozen(eq=False)
class Known:
    """An answer that does not keep the values before and after it in memory."""

    t: int
    tempids: dict[Any, int]


@attrs.define(eq=False)
class _Entry:
    at: float
    size: int = 0
    answer: Any = None
    waiting: list[Deferred[Any]] = attrs.field(factory=list)


@final
class Recent:
    """The window. Times are seconds of any steady clock."""

    def __init__(self, known: Iterable[tuple[str, Answer]] = (), now: float = 0.0) -> None:
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._datoms = 0
        for tx_id, answer in known:
            self._entries[tx_id] = _Entry(now, 0, answer)

    def again(self, tx_id: str, now: float) -> Deferred[Any] | None:
        """The answer for a transaction that was seen before, now or when it is there; None for a new one."""
        self._forget(now)
        entry = self._entries.get(tx_id)
        if entry is None:
            return None
        deferred: Deferred[Any] = Deferred()
        if entry.answer is not None:
            deferred.callback(entry.answer)
        else:
            entry.waiting.append(deferred)
        return deferred

    def begin(self, tx_id: str, now: float) -> None:
        """A transaction was taken."""
        self._entries[tx_id] = _Entry(now)

    def finish(self, tx_id: str, answer: Answer, size: int) -> None:
        """It is durable. ``size``: the datoms that keeping the answer keeps."""
        entry = self._entries[tx_id]
        entry.answer, entry.size = answer, size
        self._datoms += size
        for deferred in entry.waiting:
            deferred.callback(answer)
        entry.waiting = []

    def fail(self, tx_id: str, problem: Exception) -> None:
        """Nothing was done, or nobody knows: trying again must be possible."""
        entry = self._entries.pop(tx_id)
        for deferred in entry.waiting:
            deferred.errback(problem)

    def _forget(self, now: float) -> None:
        while self._entries:
            tx_id, entry = next(iter(self._entries.items()))
            full = len(self._entries) >= MOST or self._datoms > MOST_DATOMS
            if entry.answer is None or not (full or entry.at < now - SECONDS):
                return
            del self._entries[tx_id]
            self._datoms -= entry.size
