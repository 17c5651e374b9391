"""How long and how large a query may get. What is not decided here: the limits, and what time it is (callers say)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from peerserver.model.anomaly import incorrect

__all__ = ("Budget", "DEFAULT_CELLS")

#: cells of an intermediate relation: half a gigabyte of codes, and no single step over more of them (a step holds up
#: other threads).
DEFAULT_CELLS: Final = 64_000_000


class Budget:
    """``deadline`` in the seconds of ``clock`` (None: none); ``max_rows`` bounds one intermediate relation,
    ``max_cells`` its rows times columns. Both end in an Anomaly incorrect: a query that was stopped would be stopped
    again, so no client shall retry it."""

    __slots__ = ("clock", "deadline", "max_cells", "max_rows")

    def __init__(self, deadline: float | None = None, max_rows: int = 20_000_000,
                 clock: Callable[[], float] | None = None, max_cells: int = DEFAULT_CELLS) -> None:
        if deadline is not None and clock is None:
            raise ValueError("a deadline needs the clock that it is told by")
        self.deadline = deadline
        self.max_rows = max_rows
        self.max_cells = max_cells
        self.clock = clock

    def check(self) -> None:
        """Raises Anomaly when the time is up."""
        if self.deadline is not None and self.clock is not None and self.clock() > self.deadline:
            raise incorrect("Query canceled: timeout elapsed; give it a longer :timeout, or clauses that find less")

    def admit(self, rows: int, columns: int = 1) -> None:
        """Raises Anomaly when a relation of that size may not be made. Call it before making it."""
        if rows > self.max_rows or rows * max(columns, 1) > self.max_cells:
            raise incorrect(f"Query canceled: an intermediate result of {rows} rows is beyond the memory budget of "
                            f"{self.max_rows} rows; join the clauses by a shared variable, or restrict them")
        self.check()
