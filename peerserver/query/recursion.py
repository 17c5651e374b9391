"""Recursive rules to their fixed point, on columns.

A call asks for some bound arguments (a *demand*); :class:`_Goal` holds, for one rule, source and choice of bound
arguments, what was demanded and what was found. Evaluation is semi-naive: only new demands and new answers are joined
on. Two shapes:

* general: each definition runs from new demands, and once for each recursive call in it from that call's new answers;
* tail recursion (the call's free arguments are the head's): the pairs (demanded, reached) are followed first and the
  other definitions run from what was reached. That explores from the bound side only, and finds no answers for
  entities on the way that nobody asked for.

What is not decided here: the order of clauses within a definition (``plan``).
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from peerserver.model.anomaly import Anomaly, incorrect
from peerserver.model.values import Symbol

from .ast import BLANK, Clause, Const, Not, Or, Rule, RuleCall, Term, is_variable
from .clauses import clause_variables
from .context import Context
from .execute import join, run_clauses
from .plan import Table, plan_of
from .relation import Column, Relation, convert, distinct_codes
from .rules import check_arity, sourced
from .text import edn_text
from .tuples import TupleSet

__all__ = ("run_recursive",)

_MAX_ROUNDS = 1_000_000


@attrs.frozen(eq=False)
class _Variant:
    """A definition without one of its recursive calls: what runs from that call's new answers."""

    call: RuleCall
    rest: tuple[Clause, ...]


@attrs.define(eq=False)
class _Body:
    """A definition as the fixed point uses it; kept with the query's plans."""

    rule: Rule
    clauses: tuple[Clause, ...]
    variants: tuple[_Variant, ...]
    demand: Table


class _Goal:
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
        self.bodies = [_body(ctx, rule, source) for rule in definitions]

    def demand(self, rel: Relation) -> None:
        fresh = self.demands.add(rel)
        if fresh.n:
            self.new_demands.append(fresh)

    def answer(self, rel: Relation) -> None:
        fresh = self.answers.add(rel)
        if fresh.n:
            self.new_answers.append(fresh)


def _body(ctx: Context, rule: Rule, source: Symbol | None) -> _Body:
    key = ("body", rule, source)
    found = ctx.plans.get(key)
    if found is None:
        group = ctx.rules.group[rule.name]
        clauses = rule.clauses if source is None else sourced(ctx.plans, rule.clauses, source)
        variants = []
        demand = Table(rule.head, rule.form)
        for i, clause in enumerate(clauses):
            if isinstance(clause, RuleCall) and clause.name in group:
                variants.append(_Variant(clause, (*clauses[:i], *clauses[i + 1:])))
            elif isinstance(clause, (Not, Or)) and _hides_call(clause, group):
                # Inside or and not the call is evaluated whole; see _Evaluation.nested.
                pass
        found = ctx.plans[key] = _Body(rule, clauses, tuple(variants), demand)
    return found  # type: ignore[no-any-return]


def _hides_call(clause: Clause, group: frozenset[Symbol]) -> bool:
    if isinstance(clause, RuleCall):
        return clause.name in group
    if isinstance(clause, Not):
        return any(_hides_call(x, group) for x in clause.clauses)
    return isinstance(clause, Or) and any(_hides_call(x, group) for branch in clause.branches for x in branch)


class _Evaluation:
    """All goals of one group of mutually recursive rules, until nothing is new."""

    def __init__(self, ctx: Context, group: frozenset[Symbol], free: bool) -> None:
        self.ctx = ctx
        self.group = group
        self.free = free
        self.goals: dict[tuple[Symbol, Symbol | None, tuple[bool, ...]], _Goal] = {}
        self.hidden = False

    def goal(self, name: Symbol, source: Symbol | None, mask: tuple[bool, ...]) -> _Goal:
        key = (name, source, mask)
        found = self.goals.get(key)
        if found is None:
            found = self.goals[key] = _Goal(self.ctx, name, source, mask)
            if not found.bound:
                found.demand(Relation(1, {}, (frozenset(),)))
            if any(_hides_call(x, self.group) for body in found.bodies for x in body.clauses
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
            goal.demand(_arguments(self.ctx, clause, rel, goal))
        found = _as_call(self.ctx, clause, goal.answers.relation())
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

    def from_demands(self, goal: _Goal, delta: Relation) -> None:
        for body in goal.bodies:
            rule = body.rule
            start = delta.rename({x: y for x, y, given in zip(goal.head, rule.head, goal.mask) if given})
            self.finish(goal, body, run_clauses(self.ctx, body.clauses, start, frozenset(rule.head)))

    def from_answers(self, goal: _Goal, delta: Relation) -> None:
        """New answers of one goal, joined into every definition that calls it."""
        for caller in list(self.goals.values()):
            for body in caller.bodies:
                for variant in body.variants:
                    if variant.call.name is not goal.name or variant.call.source is not goal.source:
                        continue
                    start = _as_call(self.ctx, variant.call, delta)
                    if not start.n:
                        continue
                    rest: tuple[Clause, ...] = variant.rest
                    given = tuple(x for x, ok in zip(body.rule.head, caller.mask) if ok)
                    if given:
                        table = self.demand_table(caller, body, given)
                        rest = self.with_table(variant, table)
                    self.finish(caller, body, run_clauses(self.ctx, rest, start, frozenset(body.rule.head)))

    def demand_table(self, caller: _Goal, body: _Body, given: tuple[Symbol, ...]) -> Table:
        key = ("demand", body, given)
        table = self.ctx.plans.get(key)
        if table is None:
            table = self.ctx.plans[key] = Table(given, body.rule.form)
        names = dict(zip(caller.bound, given))
        self.ctx.tables[table] = caller.demands.relation().rename(names)
        return table  # type: ignore[no-any-return]

    def with_table(self, variant: _Variant, table: Table) -> tuple[Clause, ...]:
        key = ("variant", variant, table)
        found = self.ctx.plans.get(key)
        if found is None:
            found = self.ctx.plans[key] = (table, *variant.rest)
        return found  # type: ignore[no-any-return]

    def finish(self, goal: _Goal, body: _Body, found: Relation) -> None:
        if found.n:
            _check_head(body.rule, found)
            goal.answer(found.rename(dict(zip(body.rule.head, goal.head))))


def _check_head(rule: Rule, found: Relation) -> None:
    missing = [x.text for x in rule.head if x not in found.cols]
    if missing:
        raise incorrect(f"{' '.join(missing)} of the head is bound nowhere in the rule: {edn_text(rule.form)}",
                        "insufficient-binding")


# -- between a call's arguments and a goal's columns


def _argument_column(ctx: Context, arg: Term, rel: Relation) -> Column:
    if isinstance(arg, Const):
        one = ctx.column_of([arg.value])
        return Column(one.kind, one.array().repeat(rel.n))
    return rel.cols[arg]


def _arguments(ctx: Context, clause: RuleCall, rel: Relation, goal: _Goal) -> Relation:
    """The bound arguments of a call as demands of a goal."""
    cols = {x: _argument_column(ctx, arg, rel) for x, arg, given in zip(goal.head, clause.args, goal.mask) if given}
    return Relation(rel.n, cols, ())


def _as_call(ctx: Context, clause: RuleCall, answers: Relation) -> Relation:
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
        return join(ctx, rel, _as_call(ctx, clause, goal.answers.relation()), needed)
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
        counts = {i: 1 if isinstance(clause.args[i], Const) else _distinct(rel.cols[clause.args[i]])  # type: ignore[index]
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


def _solve(ctx: Context, clause: RuleCall, rel: Relation, mask: tuple[bool, ...]) -> _Goal:
    group = ctx.rules.group[clause.name]
    evaluation = _Evaluation(ctx, group, not any(mask))
    goal = evaluation.goal(clause.name, clause.source, mask)
    for name in group:
        ctx.fix_points[name] = evaluation
    try:
        if goal.bound:
            start = _arguments(ctx, clause, rel, goal).distinct()
            if len(group) == 1:
                tail = _tail_calls(ctx, goal)
                if tail is not None:
                    _follow(ctx, goal, tail, start)
                    return goal
            goal.demand(start)
        evaluation.run()
    finally:
        for name in group:
            ctx.fix_points.pop(name, None)
    return goal


# -- tail recursion


def _tail_calls(ctx: Context, goal: _Goal) -> list[tuple[_Body, tuple[Clause, ...], RuleCall]] | None:
    """The recursive definitions as (definition, clauses before the call, the call) if all of them hand their free
    arguments on to one last call; else None."""
    found = []
    for body in goal.bodies:
        rule = body.rule
        if any(_hides_call(x, ctx.rules.group[rule.name]) for x in body.clauses if not isinstance(x, RuleCall)):
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
            plan = plan_of(ctx, rest, frozenset(given), 1.0, frozenset(x for x in call.args if is_variable(x)))  # type: ignore[misc]
        except Anomaly:
            return None
        if not {x for x, bound in zip(call.args, goal.mask) if bound and is_variable(x)} <= plan.out | given:
            return None
        found.append((body, rest, call))
    return found


def _follow(ctx: Context, goal: _Goal, tails: Sequence[tuple[_Body, tuple[Clause, ...], RuleCall]], start: Relation
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
            found = run_clauses(ctx, rest, delta.rename(rename), needed)  # type: ignore[arg-type]
            if not found.n:
                continue
            step = _arguments(ctx, call, found, goal)
            if not one:
                step = step.with_columns({x: found.cols[x] for x in seeds.values()}, ())
            todo.append(step)
        parts = [reached.add(step) for step in todo]
        parts = [part for part in parts if part.n]
        if not parts:
            break
        from .relation import union
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
        _check_head(body.rule, found)
        cols = {}
        for x, variable, given in zip(goal.head, body.rule.head, goal.mask):
            if not given:
                cols[x] = found.cols[variable]
            elif one:
                cols[x] = Column(start.cols[x].kind, start.cols[x].array().repeat(found.n))
            else:
                cols[x] = found.cols[seeds[x]]
        goal.answers.add(Relation(found.n, cols, ()))
