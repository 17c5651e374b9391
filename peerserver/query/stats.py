"""``:query-stats`` in Datomic's shape: what ran in which order, rows in and out. See wire-shapes, section 4."""

from __future__ import annotations

from typing import Any

from peerserver.model.values import EdnList, Keyword

from .ast import Not, Or, Query

__all__ = ("Stats",)

_TOP = 3


class Stats:
    """Collects one entry for each clause as it runs; clauses inside ``not``, ``or`` and rules come before theirs."""

    def __init__(self, query: Query) -> None:
        self.query = query
        self.entries: list[dict[Keyword, Any]] = []

    def record(self, step: Any, before: Any, after: Any) -> None:
        """One clause has run."""
        clause = step.clause
        entry: dict[Keyword, Any] = {
            Keyword("clause"): clause.form,
            Keyword("rows-in"): 0 if not before.cols and not self.entries else before.n,
            Keyword("rows-out"): after.n,
            Keyword("binds-in"): _names(before),
            Keyword("binds-out"): _names(after),
        }
        if step.ranges:
            entry[Keyword("preds")] = tuple(item.call.form for item in step.ranges)
        from .plan import variables_used
        used = variables_used(clause)
        if used and not used & before.cols.keys() and not isinstance(clause, (Not, Or)):
            entry[Keyword("warnings")] = {Keyword("unbound-vars"): frozenset(used)}
        self.entries.append(entry)

    def as_map(self) -> dict[Keyword, Any]:
        """The map that goes to the client."""
        grown = sorted(self.entries, key=lambda x: x[Keyword("rows-out")] - x[Keyword("rows-in")], reverse=True)
        for entry in grown[:_TOP]:
            more = entry[Keyword("rows-out")] - entry[Keyword("rows-in")]
            if more > 0:
                entry[Keyword("expansion")] = more
        sched = EdnList((EdnList(entry[Keyword("clause")] for entry in self.entries),))
        return {
            Keyword("query"): self.query.form,
            Keyword("phases"): ({Keyword("sched"): sched, Keyword("clauses"): tuple(self.entries)},),
        }


def _names(rel: Any) -> tuple[Any, ...]:
    return tuple(sorted((x for x in rel.cols if "~" not in x.text), key=lambda x: x.text))
