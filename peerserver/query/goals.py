"""What a fixed point works on: one rule with a choice of bound arguments, its demands and its answers.

What is not decided here: rounds (``recursion``), tail recursion (``tail``).
"""

from __future__ import annotations

import attrs

from peerserver.model.anomaly import incorrect
from peerserver.model.values import Symbol

from .ast import BLANK, Clause, Const, Not, Or, Rule, RuleCall, Term, is_variable
from .context import Context
from .relation import Column, Relation, convert
from .rules import sourced
from .steps import Table
from .text import edn_text
from .tuples import TupleSet

__all__ = ("Body", "Goal", "Variant", "arguments_of", "as_call", "body_of", "check_head", "hides_call")


@attrs.frozen(eq=False)
class Variant:
    """A definition without one of its recursive calls: what runs from that call's new answers."""

    call: RuleCall
    rest: tuple[Clause, ...]


@attrs.define(eq=False)
class Body:
    """A definition as the fixed point uses it; kept with the query's plans."""

    rule: Rule
    clauses: tuple[Clause, ...]
    variants: tuple[Variant, ...]
    demand: Table


class Goal:
    """One rule, source and set of bound positions: demands and answers."""

    def __init__(self, ctx: Context, name: Symbol, source: Symbol | None, mask: tuple[bool, ...]) -> None:
        definitions = ctx.rules.definitions[name]
        self.name, self.source, self.mask = name, source, mask
        self.head = tuple(Symbol(f"?{i}~arg") for i in range(len(definitions[0].head)))
        self.bound = tuple(x for x, given in zip(self.head, mask) if given)
        self.demands = TupleSet(self.bound, ctx.pool)
        self.answers = TupleSet(self.head, ctx.pool)
        self.new_demands: list[Relation] = []
        self.new_answers: list[Relation] = []
        self.bodies = [body_of(ctx, rule, source) for rule in definitions]

    def demand(self, rel: Relation) -> None:
        fresh = self.demands.add(rel)
        if fresh.n:
            self.new_demands.append(fresh)

    def answer(self, rel: Relation) -> None:
        fresh = self.answers.add(rel)
        if fresh.n:
            self.new_answers.append(fresh)


def body_of(ctx: Context, rule: Rule, source: Symbol | None) -> Body:
    key = ("body", rule, source)
    found = ctx.plans.get(key)
    if found is None:
        group = ctx.rules.group[rule.name]
        clauses = rule.clauses if source is None else sourced(ctx.plans, rule.clauses, source)
        variants = []
        demand = Table(rule.head, rule.form)
        for i, clause in enumerate(clauses):
            if isinstance(clause, RuleCall) and clause.name in group:
                variants.append(Variant(clause, (*clauses[:i], *clauses[i + 1:])))
            elif isinstance(clause, (Not, Or)) and hides_call(clause, group):
                # Inside or and not the call is evaluated whole; see _Evaluation.nested.
                pass
        found = ctx.plans[key] = Body(rule, clauses, tuple(variants), demand)
    return found


def hides_call(clause: Clause, group: frozenset[Symbol]) -> bool:
    if isinstance(clause, RuleCall):
        return clause.name in group
    if isinstance(clause, Not):
        return any(hides_call(x, group) for x in clause.clauses)
    return isinstance(clause, Or) and any(hides_call(x, group) for branch in clause.branches for x in branch)


def check_head(rule: Rule, found: Relation) -> None:
    missing = [x.text for x in rule.head if x not in found.cols]
    if missing:
        raise incorrect(f"{' '.join(missing)} of the head is bound nowhere in the rule: {edn_text(rule.form)}",
                        "insufficient-binding")


# -- between a call's arguments and a goal's columns


def argument_column(ctx: Context, arg: Term, rel: Relation) -> Column:
    if isinstance(arg, Const):
        one = ctx.column_of([arg.value])
        return Column(one.kind, one.array().repeat(rel.n))
    return rel.cols[arg]


def arguments_of(ctx: Context, clause: RuleCall, rel: Relation, goal: Goal) -> Relation:
    """The bound arguments of a call as demands of a goal."""
    cols = {x: argument_column(ctx, arg, rel) for x, arg, given in zip(goal.head, clause.args, goal.mask) if given}
    return Relation(rel.n, cols, ())


def as_call(ctx: Context, clause: RuleCall, answers: Relation) -> Relation:
    """Answers in the columns of a call: constants and repeated variables are tested, blanks left out."""
    cols: dict[Symbol, Column] = {}
    mask = None
    for column, arg in zip(answers.cols.values(), clause.args):
        if isinstance(arg, Const):
            code = column.kind.encode(arg.value)
            found = column.array() == (0 if code is None else code)
            if code is None:
                found = found & False
        elif arg is BLANK:
            continue
        elif arg in cols:
            codes, ok = convert(column, cols[arg].kind)
            found = cols[arg].array() == codes
            if ok is not None:
                found = found & ok
        else:
            cols[arg] = column
            continue
        mask = found if mask is None else mask & found
    whole = sum(is_variable(x) for x in clause.args[:len(answers.cols)]) == len(answers.cols)
    rel = Relation(answers.n, cols, (frozenset(cols),) if whole else ())
    return rel if mask is None else rel.filter(mask)
