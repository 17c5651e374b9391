"""Tail recursion: what is reached is followed from the demands, and the plain definitions run from there.

What is not decided here: recursion of other shapes (``recursion``).
"""

from __future__ import annotations

from collections.abc import Sequence

from peerserver.model.anomaly import Anomaly
from peerserver.model.values import Symbol

from .ast import BLANK, Clause, Const, RuleCall, is_variable
from .clauses import clause_variables
from .context import Context
from .execute import run_clauses
from .goals import Body, Goal, arguments_of, check_head, hides_call
from .plan import plan_of
from .relation import Column, Relation, union
from .tuples import TupleSet

__all__ = ("follow", "tail_calls")


def tail_calls(ctx: Context, goal: Goal) -> list[tuple[Body, tuple[Clause, ...], RuleCall]] | None:
    """The recursive definitions as (definition, clauses before the call, the call) if all of them hand their free
    arguments on to one last call; else None."""
    found = []
    for body in goal.bodies:
        rule = body.rule
        if any(hides_call(x, ctx.rules.group[rule.name]) for x in body.clauses if not isinstance(x, RuleCall)):
            return None
        if not body.variants:
            continue
        if len(body.variants) > 1 or body.variants[0].call.source is not goal.source or len(set(rule.head)) < len(
                rule.head):
            return None
        call, rest = body.variants[0].call, body.variants[0].rest
        used: set[Symbol] = set()
        for clause in rest:
            used |= clause_variables(clause)
        given: set[Symbol] = set()
        for variable, arg, bound in zip(rule.head, call.args, goal.mask):
            if bound:
                given.add(variable)
                if not isinstance(arg, Const) and (arg is BLANK or (arg not in used and arg not in rule.head)):
                    return None
            elif arg is not variable or variable in used:
                return None
        free = {x for x, bound in zip(rule.head, goal.mask) if not bound}
        if any(x in free for x, bound in zip(call.args, goal.mask) if bound):
            return None
        try:
            plan = plan_of(ctx, rest, frozenset(given), 1.0, frozenset(x for x in call.args if is_variable(x)))
        except Anomaly:
            return None
        if not {x for x, bound in zip(call.args, goal.mask) if bound and is_variable(x)} <= plan.out | given:
            return None
        found.append((body, rest, call))
    return found


def follow(ctx: Context, goal: Goal, tails: Sequence[tuple[Body, tuple[Clause, ...], RuleCall]], start: Relation
            ) -> None:
    """Fills a goal's answers: first everything reached from each demand, then what the plain definitions find there."""
    seeds = {x: Symbol(x.text + "0") for x in goal.bound}
    one = start.n == 1
    # With a single demand the pairs need not say whose they are.
    names = goal.bound if one else (*seeds.values(), *goal.bound)
    reached = TupleSet(names, ctx.pool)
    first = start if one else start.with_columns({seeds[x]: start.cols[x] for x in goal.bound}, ())
    delta = reached.add(first)
    while delta.n:
        ctx.budget.check()
        ctx.budget.admit(reached.n, len(names))
        todo = []
        for body, rest, call in tails:
            rename = {x: y for x, y, given in zip(goal.head, body.rule.head, goal.mask) if given}
            if not one:
                rename.update({x: x for x in seeds.values()})
            needed = frozenset((*(x for x in call.args if is_variable(x)), *(() if one else seeds.values())))
            found = run_clauses(ctx, rest, delta.rename(rename), needed)
            if not found.n:
                continue
            step = arguments_of(ctx, call, found, goal)
            if not one:
                step = step.with_columns({x: found.cols[x] for x in seeds.values()}, ())
            todo.append(step)
        parts = [reached.add(step) for step in todo]
        parts = [part for part in parts if part.n]
        if not parts:
            break
        delta = parts[0] if len(parts) == 1 else union(parts, names, ctx.pool)
    whole = reached.relation()
    for body in goal.bodies:
        if body.variants:
            continue
        rename = {x: y for x, y, given in zip(goal.head, body.rule.head, goal.mask) if given}
        needed = frozenset(body.rule.head)
        if not one:
            rename.update({x: x for x in seeds.values()})
            needed = frozenset((*needed, *seeds.values()))
        found = run_clauses(ctx, body.clauses, whole.rename(rename), needed)
        if not found.n:
            continue
        check_head(body.rule, found)
        cols = {}
        for x, variable, given in zip(goal.head, body.rule.head, goal.mask):
            if not given:
                cols[x] = found.cols[variable]
            elif one:
                cols[x] = Column(start.cols[x].kind, start.cols[x].array().repeat(found.n))
            else:
                cols[x] = found.cols[seeds[x]]
        goal.answers.add(Relation(found.n, cols, ()))
