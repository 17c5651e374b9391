"""Plans as data: steps in order, which print as a tree. What is not decided here: the order (``plan``)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs

from peerserver.model.values import Symbol

from .ast import Clause, Not, Or
from .ranges import Range
from .text import edn_text

__all__ = ("Plan", "Step", "Table")


@attrs.frozen(eq=False)
class Table:
    """A clause that joins with a relation at hand, ``ctx.tables[self]``, with columns ``names``."""

    names: tuple[Symbol, ...]
    form: Any


@attrs.frozen(eq=False)
class Step:
    """One clause of a plan. ``needed``: the variables that matter afterwards; ``ranges``: predicates that a pattern
    takes over; ``rows``: the estimate of what is left."""

    clause: Any
    needed: frozenset[Symbol]
    rows: float
    ranges: tuple[Range, ...] = ()

    def __str__(self) -> str:
        text = edn_text(self.clause.form)
        if self.ranges:
            text += " with " + " ".join(edn_text(item.call.form) for item in self.ranges)
        return f"{text}  ~{self.rows:.3g} rows -> {' '.join(sorted(x.text for x in self.needed)) or '(none)'}"


@attrs.frozen(eq=False)
class Plan:
    """Steps in order. ``bound`` are the variables bound beforehand, ``out`` those bound afterwards."""

    bound: frozenset[Symbol]
    steps: tuple[Step, ...]
    out: frozenset[Symbol]
    rows: float

    def __str__(self) -> str:
        head = "given " + (" ".join(sorted(x.text for x in self.bound)) or "nothing")
        return "\n".join([head, *(_tree(step) for step in self.steps)])


def _tree(step: Step, depth: int = 1) -> str:
    lines = ["  " * depth + str(step)]
    clause = step.clause
    inner: Sequence[Sequence[Clause]] = ()
    if isinstance(clause, Not):
        inner = [clause.clauses]
    elif isinstance(clause, Or):
        inner = clause.branches
    for i, branch in enumerate(inner):
        if len(inner) > 1:
            lines.append("  " * (depth + 1) + f"branch {i + 1}")
        lines.extend("  " * (depth + 2) + edn_text(x.form) for x in branch)
    return "\n".join(lines)
