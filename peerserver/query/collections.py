"""Data patterns on collections of tuples: position by position, any width.

What is not decided here: joins (``execute``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from peerserver.model.anomaly import incorrect
from peerserver.model.order import clj_equal
from peerserver.model.values import EdnList, Symbol

from .ast import Const, Pattern, is_variable
from .builtins.seqs import seq_of
from .context import Collection, Context
from .relation import Relation
from .text import edn_text

__all__ = ("scan_collection",)


def scan_collection(ctx: Context, source: Collection, pattern: Pattern, rel: Relation) -> Relation:
    """The rows of a collection that a pattern fits, as a relation of its variables. A tuple that is shorter than the
    pattern is an Anomaly (oracle: inputs/coll-source-short)."""
    terms = pattern.terms
    wanted: dict[Symbol, list[int]] = {}
    constants: list[tuple[int, Any]] = []
    for place, term in enumerate(terms):
        if isinstance(term, Const):
            constants.append((place, term.value))
        elif is_variable(term):
            wanted.setdefault(term, []).append(place)
    if constants and rel.n == 0:
        return Relation(0, {name: ctx.column_of([]) for name in wanted})
    picked: list[Sequence[Any]] = []
    for i, row in enumerate(source.rows):
        if i % 4096 == 0:
            ctx.budget.check()
        if row is None:
            row = (None,) * len(terms)  # (oracle: query-deep/sources-31)
        if isinstance(row, str):
            row = seq_of(row)
        if not isinstance(row, (tuple, list)):
            raise incorrect(f"A collection as a source holds tuples, not {edn_text(row)}")
        if len(row) < len(terms):
            raise incorrect(f"A tuple is shorter than the pattern {edn_text(pattern.form)}: {edn_text(EdnList(row))}")
        if all(clj_equal(row[place], value) for place, value in constants) and all(
                clj_equal(row[places[0]], row[other]) for places in wanted.values() for other in places[1:]):
            picked.append(row)
    cols = {name: ctx.column_of([row[places[0]] for row in picked]) for name, places in wanted.items()}
    return Relation(len(picked), cols)

