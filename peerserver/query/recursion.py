"""Recursive rules to their fixed point, on columns.

A call asks for some bound arguments (a *demand*); :class:`Goal` holds, for one rule, source and choice of bound
arguments, what was demanded and what was found. Evaluation is semi-naive: only new demands and new answers are joined
on. Two shapes:

* general: each definition runs from new demands, and once for each recursive call in it from that call's new answers;
* tail recursion (the call's free arguments are the head's): the pairs (demanded, reached) are followed first and the
  other definitions run from what was reached. That explores from the bound side only, and finds no answers for
  entities on the way that nobody asked for.

What is not decided here: the order of clauses within a definition (``plan``).
"""

from __future__ import annotations

from peerserver.model.anomaly import Anomaly, incorrect
from peerserver.model.values import Symbol

from .ast import Clause, Const, RuleCall
from .context import Context
from .execute import join, run_clauses
from .goals import Body, Goal, Variant, arguments_of, as_call, check_head, hides_call
from .plan import plan_of
from .relation import Column, Relation, distinct_codes
from .rules import check_arity
from .steps import Table
from .tail import follow, tail_calls

__all__ = ("run_recursive",)

_MAX_ROUNDS = 1_000_000


class _Evaluation:
    """All goals of one group of mutually recursive rules, until nothing is new."""

    def __init__(self, ctx: Context, group: frozenset[Symbol], free: bool) -> None:
        self.ctx = ctx
        self.group = group
        self.free = free
        self.goals: dict[tuple[Symbol, Symbol | None, tuple[bool, ...]], Goal] = {}
        self.hidden = False

    def goal(self, name: Symbol, source: Symbol | None, mask: tuple[bool, ...]) -> Goal:
        key = (name, source, mask)
        found = self.goals.get(key)
        if found is None:
            found = self.goals[key] = Goal(self.ctx, name, source, mask)
            if not found.bound:
                found.demand(Relation(1, {}, (frozenset(),)))
            if any(hides_call(x, self.group) for body in found.bodies for x in body.clauses
                   if not isinstance(x, RuleCall)):
                self.hidden = True
        return found

    # -- a call inside a definition

    def call(self, clause: RuleCall, rel: Relation, needed: frozenset[Symbol]) -> Relation:
        """A recursive call met while a definition runs: its bound arguments are demanded, and it joins with the
        answers so far; later ones come through the variant of this call."""
        mask = self.mask_of(clause, rel)
        goal = self.goal(clause.name, clause.source, mask)
        if goal.bound:
            goal.demand(arguments_of(self.ctx, clause, rel, goal))
        found = as_call(self.ctx, clause, goal.answers.relation())
        return join(self.ctx, rel, found, needed)

    def mask_of(self, clause: RuleCall, rel: Relation) -> tuple[bool, ...]:
        rules = self.ctx.rules.definitions[clause.name]
        size = len(rules[0].head)
        required = max(rule.required for rule in rules)
        given = tuple(isinstance(x, Const) or x in rel.cols for x in clause.args[:size])
        if self.free:
            return tuple(i < required for i in range(size))
        for (name, source, mask) in self.goals:
            if name is clause.name and source is clause.source and any(mask) and all(
                    ok or not wanted for ok, wanted in zip(given, mask)):
                return mask
        return given

    # -- rounds

    def run(self) -> None:
        rounds = 0
        while True:
            rounds += 1
            self.ctx.budget.check()
            if rounds > _MAX_ROUNDS:
                raise incorrect("Query canceled: a recursive rule comes to no end")
            work = [(goal, goal.new_demands, goal.new_answers) for goal in self.goals.values()
                    if goal.new_demands or goal.new_answers]
            if not work:
                return
            before = sum(goal.answers.n for goal in self.goals.values())
            for goal, _, _ in work:
                goal.new_demands, goal.new_answers = [], []
            for goal, demands, answers in work:
                for delta in demands:
                    self.from_demands(goal, delta)
                for delta in answers:
                    self.from_answers(goal, delta)
            total = sum(goal.answers.n for goal in self.goals.values())
            self.ctx.budget.admit(total, 3)
            if self.hidden and total > before:
                # Calls hidden in or and not have no variants: all demands run again.
                for goal in self.goals.values():
                    goal.new_demands = [goal.demands.relation()] if goal.bound else [Relation(1, {}, (frozenset(),))]

    def from_demands(self, goal: Goal, delta: Relation) -> None:
        for body in goal.bodies:
            rule = body.rule
            if body.variants and not goal.bound and self.comes_later(body):
                continue
            start = delta.rename({x: y for x, y, given in zip(goal.head, rule.head, goal.mask) if given})
            self.finish(goal, body, run_clauses(self.ctx, body.clauses, start, frozenset(rule.head)))

    def comes_later(self, body: Body) -> bool:
        """Whether all that a definition finds comes through its variants, of new answers: nothing in it is demanded. Its
        calls are begun."""
        calls = [variant.call for variant in body.variants]
        if not self.free or self.hidden or any(rule.required for call in calls for rule in self.ctx.rules.definitions[call.name]):
            return False
        plan_of(self.ctx, body.clauses, frozenset(), 1, frozenset(body.rule.head))  # what is wrong with it is said even so
        for call in calls:
            self.goal(call.name, call.source, (False,) * len(self.ctx.rules.definitions[call.name][0].head))
        return True

    def from_answers(self, goal: Goal, delta: Relation) -> None:
        """New answers of one goal, joined into every definition that calls it."""
        for caller in list(self.goals.values()):
            for body in caller.bodies:
                for variant in body.variants:
                    if variant.call.name is not goal.name or variant.call.source is not goal.source:
                        continue
                    start = as_call(self.ctx, variant.call, delta)
                    if not start.n:
                        continue
                    rest: tuple[Clause, ...] = variant.rest
                    given = tuple(x for x, ok in zip(body.rule.head, caller.mask) if ok)
                    if given:
                        table = self.demand_table(caller, body, given)
                        rest = self.with_table(variant, table)
                    self.finish(caller, body, run_clauses(self.ctx, rest, start, frozenset(body.rule.head)))

    def demand_table(self, caller: Goal, body: Body, given: tuple[Symbol, ...]) -> Table:
        key = ("demand", body, given)
        table = self.ctx.plans.get(key)
        if table is None:
            table = self.ctx.plans[key] = Table(given, body.rule.form)
        names = dict(zip(caller.bound, given))
        self.ctx.tables[table] = caller.demands.relation().rename(names)
        return table

    def with_table(self, variant: Variant, table: Table) -> tuple[Clause, ...]:
        key = ("variant", variant, table)
        found = self.ctx.plans.get(key)
        if found is None:
            found = self.ctx.plans[key] = (table, *variant.rest)
        return found

    def finish(self, goal: Goal, body: Body, found: Relation) -> None:
        if found.n:
            check_head(body.rule, found)
            goal.answer(found.rename(dict(zip(body.rule.head, goal.head))))


# -- the call from outside


def run_recursive(ctx: Context, clause: RuleCall, rel: Relation, needed: frozenset[Symbol]) -> Relation:
    """The relation joined with a recursive rule. Bound arguments restrict what is explored: the one with the fewest
    values, or all of them where the rule needs more."""
    active = ctx.fix_points.get(clause.name)
    if active is not None:
        return active.call(clause, rel, needed)  # type: ignore[no-any-return]
    check_arity(clause, ctx.rules.definitions[clause.name][0])
    wrong: Anomaly | None = None
    for mask in _masks(ctx, clause, rel):
        try:
            goal = _solve(ctx, clause, rel, mask)
        except Anomaly as anomaly:
            if anomaly.error != "insufficient-binding":
                raise
            wrong = anomaly
            continue
        return join(ctx, rel, as_call(ctx, clause, goal.answers.relation()), needed)
    assert wrong is not None
    raise wrong


def _masks(ctx: Context, clause: RuleCall, rel: Relation) -> list[tuple[bool, ...]]:
    """Choices of bound positions, the best first."""
    rules = ctx.rules.definitions[clause.name]
    size = len(rules[0].head)
    required = max(rule.required for rule in rules)
    given = [i for i, x in enumerate(clause.args[:size]) if isinstance(x, Const) or x in rel.cols]
    least = set(range(required))
    choices: list[set[int]] = []
    others = [i for i in given if i not in least]
    if least:
        choices.append(least)
    elif others:
        counts = {i: 1 if isinstance(clause.args[i], Const) else _distinct(rel.cols[clause.args[i]])
                  for i in others}
        choices.append({min(others, key=counts.__getitem__)})
    else:
        choices.append(set())
    choices.append(least | set(given))
    unique = []
    for choice in choices:
        mask = tuple(i in choice for i in range(size))
        if mask not in unique:
            unique.append(mask)
    return unique


def _distinct(column: Column) -> int:
    return len(distinct_codes(column.array())) if len(column.data) > 1 else len(column.data)


def _solve(ctx: Context, clause: RuleCall, rel: Relation, mask: tuple[bool, ...]) -> Goal:
    group = ctx.rules.group[clause.name]
    evaluation = _Evaluation(ctx, group, not any(mask))
    goal = evaluation.goal(clause.name, clause.source, mask)
    for name in group:
        ctx.fix_points[name] = evaluation
    try:
        if goal.bound:
            start = arguments_of(ctx, clause, rel, goal).distinct()
            if len(group) == 1:
                tail = tail_calls(ctx, goal)
                if tail is not None:
                    follow(ctx, goal, tail, start)
                    return goal
            goal.demand(start)
        evaluation.run()
    finally:
        for name in group:
            ctx.fix_points.pop(name, None)
    return goal
