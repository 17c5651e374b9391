"""Counting what the last pattern of a query finds, without finding it.

``[:find ?name (count ?r) :where [?c :country/name ?name] [?r :release/country ?c]]`` asks for no release, only how many
each country has; and that stands in the index. What is not decided here: groups (``grouping``).
"""

from __future__ import annotations

import numpy as np

from peerserver.database import Database
from peerserver.index.rows import Ints
from peerserver.model.values import Symbol

from .ast import BLANK, Aggregate, Const, Pattern, Query
from .context import Context
from .entities import attribute_id
from .execute import plan_for, run_step, run_steps
from .relation import Relation
from .scan import Scan
from .steps import Step

__all__ = ("counted_variable", "run_counting")


def counted_variable(query: Query) -> Symbol | None:
    """The variable of which a query asks only how many there are; None if there is no such one."""
    elements = query.find.elements
    found = [x for x in elements if isinstance(x, Aggregate)]
    variables = {x.variable for x in found}
    if len(variables) != 1 or any(x.name.text != "count" or len(x.args) != 1 for x in found):
        return None
    (variable,) = variables
    others = [x if isinstance(x, Symbol) else x.variable for x in elements if not isinstance(x, Aggregate)]
    return None if variable in others or variable in query.with_names else variable


def run_counting(ctx: Context, query: Query, rel: Relation, needed: frozenset[Symbol], counted: Symbol
                 ) -> tuple[Relation, Ints | None]:
    """The rows of a query without their ``counted`` variable, and of how many rows each stands for. None in place of
    the numbers where it can't be done: then the relation is that of ``run_clauses``."""
    plan = plan_for(ctx, query.where, rel, needed)
    if not plan.steps:
        return rel, None
    rel = run_steps(ctx, plan.steps[:-1], rel)
    last = plan.steps[-1]
    found = _counts(ctx, last, rel, needed, counted)
    return found if found is not None else (run_step(ctx, last, rel), None)


def _counts(ctx: Context, step: Step, rel: Relation, needed: frozenset[Symbol], counted: Symbol
            ) -> tuple[Relation, Ints] | None:
    pattern = step.clause
    if not isinstance(pattern, Pattern) or step.ranges or rel.n < 2 or counted in rel.cols or len(pattern.terms) < 3:
        return None
    db = ctx.source(pattern.source)
    e, a, v, *rest = pattern.terms
    if not isinstance(db, Database) or db.is_filtered or db.is_history or not isinstance(a, Const) or any(
            term is not BLANK for term in rest):
        return None
    aid = attribute_id(db, a.value)
    attribute = db.schema.attributes.get(aid)
    # Equal uris are several values, of which a set takes one.
    if attribute is None or attribute.type.name == "uri" or any(x.kind.name == "uri" for x in rel.cols.values()):
        return None
    scan = Scan(ctx, db, rel, pattern, needed, None)
    if v is counted and e in rel.cols:
        scan.entity_probe("e", e)
    elif e is counted and v in rel.cols:
        scan.value_probe(attribute, ctx.kind_of(db, attribute))
    else:
        return None
    codes = next((probe.many for probe in scan.probes.values()), None)
    if scan.empty or codes is None or not any(key <= needed for key in scan.keys(attribute)):
        return None
    counts = db.counts_of_entities(aid, codes) if v is counted else db.counts_of_values(aid, codes)
    if counts is None:
        return None
    index = np.flatnonzero(counts)
    return scan.rel.project(needed).take(index), counts[index]
