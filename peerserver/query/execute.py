"""Running plans: one step after another on relations, with a look at the budget between steps.

What is not decided here: the order of steps (``plan``), recursion (``recursion``), what comes of the rows (``find``).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from peerserver.database import Database
from peerserver.index.rows import Ints
from peerserver.model.anomaly import incorrect
from peerserver.model.values import Symbol

from .ast import BLANK, Call, Clause, Const, Not, Or, Pattern, Rule, RuleCall, is_variable
from .calls import call
from .collections import scan_collection
from .context import Context
from .entities import attribute_id
from .kinds import INT, Pool
from .plan import plan_of
from .point import scan_points
from .ranges import bounds
from .relation import Column, Relation, comparable, convert, distinct_codes, join_index, pack, union
from .rules import check_arity, inner_clauses, sourced
from .scan import scan
from .steps import Plan, Step, Table
from .text import edn_text

__all__ = ("join", "plan_for", "run_clauses", "run_rule_bodies", "run_step", "run_steps")

_ROW = Symbol("?row~")
_INTERNAL = frozenset((_ROW,))
_FEW = 48


def run_clauses(ctx: Context, clauses: tuple[Clause, ...], rel: Relation, needed: frozenset[Symbol]) -> Relation:
    """The relation joined with all clauses, reduced to ``needed`` columns."""
    return run_steps(ctx, plan_for(ctx, clauses, rel, needed).steps, rel)


def plan_for(ctx: Context, clauses: tuple[Clause, ...], rel: Relation, needed: frozenset[Symbol]) -> Plan:
    """The plan for clauses that begin with a relation."""
    values = None
    if rel.n == 1 and not rel.cols.keys() & _INTERNAL:
        values = {name: column.values()[0] for name, column in rel.cols.items()}
    return plan_of(ctx, clauses, frozenset(rel.cols), rel.n, needed, values)


def run_steps(ctx: Context, steps: Sequence[Step], rel: Relation) -> Relation:
    """The relation after some steps."""
    stats = ctx.stats
    for step in steps:
        ctx.budget.check()
        before = rel
        rel = run_step(ctx, step, rel)
        if stats is not None:
            stats.record(step, before, rel)
    return rel


def run_step(ctx: Context, step: Step, rel: Relation) -> Relation:
    """The relation after one step."""
    clause, needed = step.clause, step.needed
    if clause.__class__ is Pattern:
        return run_pattern(ctx, step, rel, clause)
    if clause.__class__ is Call:
        return call(ctx, rel, clause).project(needed)
    if clause.__class__ is Not:
        return run_not(ctx, clause, rel).project(needed)
    if clause.__class__ is Or:
        branches = [inner_clauses(clause, branch) for branch in clause.branches]
        return branch_out(ctx, rel, clause.names, needed,
                          lambda start, wanted: [run_clauses(ctx, branch, start, wanted) for branch in branches])
    if clause.__class__ is Table:
        return join(ctx, rel, ctx.tables[clause], needed)
    return run_rule(ctx, clause, rel, needed)


# -- patterns


def run_pattern(ctx: Context, step: Step, rel: Relation, clause: Pattern) -> Relation:
    source = ctx.source(clause.source)
    if source.__class__ is not Database:
        return join(ctx, rel, scan_collection(ctx, source, clause, rel), step.needed)
    if rel.n <= _FEW and not step.ranges:
        found = scan_points(ctx, source, rel, clause, step.needed)
        if found is not None:
            return found
    if not step.ranges:
        return scan(ctx, source, rel, clause, step.needed)
    attribute = source.schema.attributes.get(attribute_id(source, clause.terms[1].value))  # type: ignore[union-attr]
    limits = bounds(ctx, rel, step.ranges, attribute) if attribute is not None else None
    if limits is not None:
        return scan(ctx, source, rel, clause, step.needed, limits)
    needed = step.needed.union(*(x for x in ([i.variable, i.bound] for i in step.ranges)))
    found = scan(ctx, source, rel, clause, frozenset(x for x in needed if is_variable(x)))
    for item in step.ranges:
        found = call(ctx, found, item.call)
    return found.project(step.needed)


def join(ctx: Context, left: Relation, right: Relation, needed: frozenset[Symbol]) -> Relation:
    """The natural join, reduced to ``needed`` columns. ``right``'s columns of other kinds are converted."""
    shared = [name for name in right.cols if name in left.cols]
    if not shared:
        if left.n == 1 and not left.cols:
            return right.project(needed)
        ctx.budget.admit(left.n * right.n, len(left.cols) + len(right.cols))
        at = np.repeat(np.arange(left.n), right.n)
        place = np.tile(np.arange(right.n), left.n)
    else:
        left_key, right_key, right_rows = join_keys(left, right, shared, ctx.pool)
        width = len(left.cols) + len(right.cols)
        at, place = join_index(left_key, right_key, lambda n: ctx.budget.admit(n, width))
        if right_rows is not None:
            place = right_rows[place]
    cols = {name: c.take(at) for name, c in left.cols.items() if name in needed}
    for name, column in right.cols.items():
        if name not in needed:
            continue
        # Of values that are `=` the smaller side's stays (oracle: query-sources/collections-number-kinds).
        if name not in cols or (right.n < left.n and (column.kind is ctx.pool or column.kind is not cols[name].kind)):
            cols[name] = column.take(place)
    keys = tuple(a | b for a in left.keys for b in right.keys)[:4]
    return Relation(len(at), cols, keys)


def join_keys(left: Relation, right: Relation, shared: Sequence[Symbol], pool: Pool
              ) -> tuple[Ints, Ints, Ints | None]:
    """One int64 key for each row of both sides, and which rows of ``right`` have one (None: all)."""
    lefts, rights = [], []
    ok = None
    for name in shared:
        own, codes, mask = comparable(left.cols[name], right.cols[name], pool)
        lefts.append(own)
        rights.append(codes)
        if mask is not None:
            ok = mask if ok is None else ok & mask
    rows = None
    if ok is not None:
        rows = np.flatnonzero(ok)
        rights = [codes[rows] for codes in rights]
    if len(shared) == 1:
        return lefts[0], rights[0], rows
    n = left.n
    if not n or not len(rights[0]):
        return np.empty(0, np.int64), np.empty(0, np.int64), rows
    packed = pack([np.concatenate(pair) for pair in zip(lefts, rights)])
    return packed[:n], packed[n:], rows


# -- not, or


def run_not(ctx: Context, clause: Not, rel: Relation) -> Relation:
    """The rows for which the clauses find nothing."""
    if not rel.n:
        return rel
    start, inverse = start_of(rel, clause.names)
    with ctx.having(frozenset()):  # (oracle: query-rest/attrs-06)
        found = run_clauses(ctx, inner_clauses(clause, clause.clauses), start, frozenset((_ROW,)))
    hit = np.zeros(start.n, np.bool_)
    if found.n:
        hit[found.cols[_ROW].array()] = True
    return rel.filter(~(hit if inverse is None else hit[inverse]))


def start_of(rel: Relation, names: Sequence[Symbol]) -> tuple[Relation, Ints | None]:
    """The distinct values of the shared variables, numbered in a column; and for each row of the relation its number
    (None: row i is number i)."""
    cols = {name: rel.cols[name] for name in names if name in rel.cols}
    key = (frozenset((_ROW,)),)
    if rel.n > 200 and cols and not any(k <= cols.keys() for k in rel.keys):
        packed = pack([column.array() for column in cols.values()])
        known = distinct_codes(packed)
        if len(known) < rel.n * 0.8:
            inverse = np.searchsorted(known, packed)
            first = np.empty(len(known), np.int64)
            first[inverse] = np.arange(rel.n)
            few = {name: column.take(first) for name, column in cols.items()}
            few[_ROW] = Column(INT, np.arange(len(known)))
            return Relation(len(known), few, (*key, frozenset(cols))), inverse
    cols[_ROW] = Column(INT, np.arange(rel.n))
    return Relation(rel.n, cols, key), None


def branch_out(ctx: Context, rel: Relation, names: Sequence[Symbol], needed: frozenset[Symbol], run) -> Relation:  # type: ignore[no-untyped-def]
    """The relation joined with the union of what ``run`` finds: ``run(start, wanted)`` gives relations that begin with
    the distinct values of the shared variables."""
    free = [name for name in names if name not in rel.cols]
    wanted = frozenset((*free, _ROW))
    start, inverse = start_of(rel, names)
    parts = run(start, wanted)
    found = union(parts, [*free, _ROW], ctx.pool)
    if len([part for part in parts if part.n]) > 1 or not found.is_distinct():
        found = found.distinct()
    if not free:
        hit = np.zeros(start.n, np.bool_)
        if found.n:
            hit[found.cols[_ROW].array()] = True
        return rel.project(needed | frozenset()).filter(hit if inverse is None else hit[inverse])
    row = found.cols[_ROW].array() if _ROW in found.cols else np.empty(0, np.int64)
    rows = np.arange(rel.n) if inverse is None else inverse
    if inverse is None:
        at, place = row, np.arange(len(row))
    else:
        at, place = join_index(rows, row)
    kept = rel.project(needed)
    ctx.budget.admit(len(at), len(kept.cols) + len(free))
    cols = {name: c.take(at) for name, c in kept.cols.items()}
    for name in free:
        if name in needed and name in found.cols:
            cols[name] = found.cols[name].take(place)
    keys = tuple(key | frozenset(free) for key in rel.keys)
    return Relation(len(at), cols, keys)


# -- rules


def run_rule(ctx: Context, clause: RuleCall, rel: Relation, needed: frozenset[Symbol]) -> Relation:
    """A rule that is not written out in place: several definitions, required bindings, or recursion."""
    definitions = ctx.rules.definitions[clause.name]
    check_arity(clause, definitions[0])
    if not rel.n:
        cols = dict(rel.cols)
        for x in clause.args:
            if is_variable(x) and x not in cols:
                cols[x] = Column(INT, np.empty(0, np.int64))
        return Relation(0, cols).project(needed)
    if clause.name in ctx.rules.group:
        from .recursion import run_recursive
        with ctx.having(frozenset(x for rule in definitions for x in _constants(ctx, rule, clause))):
            return run_recursive(ctx, clause, rel, needed)
    names = tuple(dict.fromkeys(x for x in clause.args if is_variable(x)))
    return branch_out(ctx, rel, names, needed,
                      lambda start, wanted: run_rule_bodies(ctx, clause, start, wanted))


def _constants(ctx: Context, rule: Rule, clause: RuleCall) -> frozenset[Symbol]:
    """The variables of a rule's head that stand for a constant of the call's context."""
    return frozenset(x for x, arg in zip(rule.head, clause.args) if arg in ctx.constants)


def run_rule_bodies(ctx: Context, clause: RuleCall, start: Relation, wanted: frozenset[Symbol]) -> list[Relation]:
    """What each definition of a rule finds, in the call's variables."""
    parts = []
    for rule in ctx.rules.definitions[clause.name]:
        given: dict[Symbol, Column] = {_ROW: start.cols[_ROW]}
        back: dict[Symbol, Symbol] = {_ROW: _ROW}
        twice: list[tuple[Symbol, Symbol]] = []
        for variable, arg in zip(rule.head, clause.args):
            if isinstance(arg, Const):
                one = ctx.column_of([arg.value])
                given[variable] = Column(one.kind, np.repeat(one.array(), start.n))
            elif arg in start.cols:
                given[variable] = start.cols[arg]
            elif arg is not BLANK:
                first = next((x for x, y in back.items() if y is arg), None)
                if first is None:
                    back[variable] = arg
                else:
                    twice.append((first, variable))
        clauses = rule.clauses
        if clause.source is not None:
            clauses = sourced(ctx.plans, rule.clauses, clause.source)
        asked = frozenset(back) | {y for pair in twice for y in pair}
        with ctx.having(_constants(ctx, rule, clause)):
            found = run_clauses(ctx, clauses, Relation(start.n, given, start.keys if len(start.keys) == 0 else
                                                       (frozenset((_ROW,)),)), asked)
        missing = [x for x in asked if x not in found.cols]
        if missing and found.n:
            raise incorrect(f"{' '.join(x.text for x in missing)} of the head is bound nowhere in the rule: "
                            f"{edn_text(rule.form)}", "insufficient-binding")
        for first, second in twice:
            codes, ok = convert(found.cols[second], found.cols[first].kind)
            mask = found.cols[first].array() == codes
            found = found.filter(mask if ok is None else mask & ok)
        found = found.rename({old: new for old, new in back.items() if old in found.cols})
        parts.append(found.project(wanted))
    return parts
