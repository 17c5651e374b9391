"""Rows: parallel columns, what every bulk read returns.

What is not decided here: where rows come from and in which order (the reads say so).
"""

from __future__ import annotations

from typing import Any, TypeAlias

import attrs
import numpy as np

__all__ = ("Bools", "Datom", "Ints", "NO_INTS", "NO_ROWS", "Rows", "concat")

Ints: TypeAlias = "np.ndarray[Any, np.dtype[np.int64]]"
Bools: TypeAlias = "np.ndarray[Any, np.dtype[np.bool_]]"

NO_INTS: Ints = np.empty(0, np.int64)
NO_INTS.setflags(write=False)


@attrs.frozen(eq=False)
class Datom:
    """One datom with a Python value. ``a`` is the attribute's id, ``tx`` the transaction's entity id."""

    e: int
    a: int
    v: Any
    tx: int
    added: bool


@attrs.frozen(eq=False)
class Rows:
    """Parallel int64 columns. ``v`` holds codes. ``a`` is None when the read was of one attribute;
    ``added`` None means that all rows are assertions. Never write to them: they are shared."""

    e: Ints
    v: Ints
    tx: Ints
    a: Ints | None = None
    added: Bools | None = None

    def __len__(self) -> int:
        return len(self.e)

    def take(self, index: Any) -> Rows:
        """The rows at ``index``: positions, a mask or a slice."""
        return Rows(
            self.e[index], self.v[index], self.tx[index],
            None if self.a is None else self.a[index],
            None if self.added is None else self.added[index],
        )

    def added_or_true(self) -> Bools:
        """The ``added`` column, made where it is left out."""
        return np.ones(len(self.e), np.bool_) if self.added is None else self.added

    def with_a(self, aid: int) -> Rows:
        """The same rows with an ``a`` column that says ``aid``."""
        return Rows(self.e, self.v, self.tx, np.full(len(self.e), aid, np.int64), self.added)


NO_ROWS = Rows(NO_INTS, NO_INTS, NO_INTS)


def concat(parts: list[Rows]) -> Rows:
    """All rows of ``parts``, one after the other. The ``a`` column stays if the first part has one."""
    if len(parts) == 1:
        return parts[0]
    if not parts:
        return NO_ROWS
    a = None
    if parts[0].a is not None:
        a = np.concatenate([part.a for part in parts if part.a is not None])
    added = None
    if any(part.added is not None for part in parts):
        added = np.concatenate([part.added_or_true() for part in parts])
    return Rows(
        np.concatenate([part.e for part in parts]), np.concatenate([part.v for part in parts]),
        np.concatenate([part.tx for part in parts]), a, added,
    )
