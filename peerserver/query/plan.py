"""The order in which clauses run: cheapest first by what the indexes count, each as soon as its variables are bound.

A plan is data: :class:`Plan` prints as a tree. Order has no influence on answers, so plans are cached by clauses,
bound variables and the order of magnitude of the rows (:func:`plan_of`). Greedy: the clause that leaves the fewest rows
goes next. What is not decided here: which index a pattern reads (``scan``), how a clause runs (``execute``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from peerserver.database import Database
from peerserver.model.anomaly import Anomaly
from peerserver.model.values import Symbol

from .ast import BLANK, Call, Clause, Const, Not, Or, Pattern, RuleCall, is_variable
from .clauses import clause_variables
from .context import Context
from .order import lacking
from .ranges import Range, bounds, range_of
from .relation import Relation
from .rules import expand, inner_clauses, sourced
from .steps import Plan, Step, Table

__all__ = ("plan_of", "variables_used")

_MAX_PLANS: Final = 400
_RECURSION: Final = 20.0
_FEW: Final = 8
# Types whose patterns take a value that is bound strictly, or from text, where a join asks for what is `=`.
_BY_TYPE: Final = frozenset(("keyword", "double", "float", "bigdec"))
# A product with what is known already is worse than a join that finds as many rows.
_APART: Final = 3.0
# Functions that can't fail and cost little may run before patterns that were written above them.
_EAGER: Final = frozenset(("get-else", "missing?", "<", ">", "<=", ">=", "=", "==", "!=", "not=", "tuple",
                           "vector", "identity", "str"))


def plan_of(ctx: Context, clauses: tuple[Clause, ...], bound: frozenset[Symbol], rows: float,
            needed: frozenset[Symbol], values: Mapping[Symbol, Any] | None = None) -> Plan:
    """The plan for clauses when ``bound`` variables hold ``rows`` rows and ``needed`` ones are asked for. ``values``:
    what some variables hold this time, to count with (a later run with other values keeps the plan). Raises Anomaly
    insufficient-binding where no order binds what the clauses need."""
    key = (clauses, bound, int(rows).bit_length(), needed, ctx.rules, ctx.source_key())
    found = ctx.plans.get(key)
    if found is None:
        found = _Planner(ctx, expand(clauses, ctx.rules), bound, max(rows, 1.0), needed, values or {}).run()
        if len(ctx.plans) >= _MAX_PLANS:
            ctx.plans.clear()
        ctx.plans[key] = found
    return found


class _Planner:
    def __init__(self, ctx: Context, clauses: Sequence[Any], bound: frozenset[Symbol], rows: float,
                 needed: frozenset[Symbol], values: Mapping[Symbol, Any]) -> None:
        self.values = values
        self.waits: dict[Any, list[Any]] = {}
        self.counted: dict[Any, float] = {}
        self.ctx, self.left, self.bound, self.rows, self.needed = ctx, list(clauses), set(bound), rows, needed
        self.start = bound
        self.chosen: list[tuple[Any, float, tuple[Range, ...]]] = []

    def named_values(self) -> dict[Any, list[Any]]:
        """Patterns that must wait for others. A keyword, string or tuple means an entity where it is bound before the
        pattern that it names one in, so a variable that is both keeps the order that was written. So does one of a
        collection's tuples and of an attribute where values of other types are treated otherwise before than after
        (oracle: query-scalar-inputs/*-10 and *-11)."""
        values: dict[Any, list[int]] = {}
        entities: dict[Any, list[int]] = {}
        typed: dict[Any, list[int]] = {}
        collected: dict[Any, list[int]] = {}
        for i, clause in enumerate(self.left):
            if not isinstance(clause, Pattern) or len(clause.terms) < 2:
                if isinstance(clause, Pattern) and is_variable(clause.terms[0]):
                    self.collected(i, clause, collected)
                continue
            terms = clause.terms
            if self.collected(i, clause, collected):
                continue
            if is_variable(terms[0]):
                entities.setdefault(terms[0], []).append(i)
            if len(terms) > 2 and is_variable(terms[2]) and terms[2] not in self.bound:
                source = self.ctx.source(clause.source)
                aid = self.attribute(source, terms[1]) if isinstance(source, Database) else None
                attribute = None if aid is None else source.schema.attributes.get(aid)
                if attribute is not None and attribute.type.name in _BY_TYPE:
                    typed.setdefault(terms[2], []).append(i)
                if attribute is not None and attribute.type.name in ("keyword", "string", "tuple"):
                    values.setdefault(terms[2], []).append(i)
                elif attribute is not None and attribute.is_ref:
                    entities.setdefault(terms[2], []).append(i)
        waits: dict[Any, list[Any]] = {}
        for name in values.keys() & entities.keys():
            for i in values[name]:
                for j in entities[name]:
                    waits.setdefault(self.left[max(i, j)], []).append(self.left[min(i, j)])
        for name in typed.keys() & collected.keys():
            for i in typed[name]:
                for j in collected[name]:
                    waits.setdefault(self.left[max(i, j)], []).append(self.left[min(i, j)])
        return waits

    def collected(self, place: int, clause: Pattern, found: dict[Any, list[int]]) -> bool:
        """Whether a pattern is of a collection; its variables are noted."""
        if isinstance(self.ctx.source(clause.source), Database):
            return False
        for name in clause.terms:
            if is_variable(name) and name not in self.bound:
                found.setdefault(name, []).append(place)
        return True

    def run(self) -> Plan:
        self.waits = self.named_values()
        while self.left:
            self.step()
        out = frozenset(self.bound)
        steps: list[Step] = []
        needed = set(self.needed)
        for clause, rows, ranges in reversed(self.chosen):
            steps.append(Step(clause, frozenset(needed & out), rows, ranges))
            needed |= variables_used(clause)
            for item in ranges:
                needed |= clause_variables(item.call)
        steps.reverse()
        return Plan(self.start, tuple(steps), out, self.rows)

    def step(self) -> None:
        best: tuple[float, Any] | None = None
        for i, clause in enumerate(self.left):
            if isinstance(clause, Call) and clause.binding is not None and self.is_ready(clause) \
                    and self.binds_for_later(i, clause):
                self.choose(clause, self.rows)
                return
        for i, clause in enumerate(self.left):
            if isinstance(clause, Call) and clause.binding is None and self.is_ready(clause) and self.may_run(i):
                # Tests come before anything else, in the order they are written.
                self.choose(clause, self.rows * (0.5 if clause.args else 1.0))
                return
        for i, clause in enumerate(self.left):
            rows = self.estimate(clause) if not isinstance(clause, Call) or self.may_run(i) else None
            if rows is not None and (best is None or rows < best[0]):
                best = (rows, clause)
        if best is None:
            for clause in self.left:
                if isinstance(clause, Call) and self.is_ready(clause):
                    self.choose(clause, self.rows)
                    return
            raise lacking(self.left[0], self.bound)
        self.choose(best[1], best[0])

    def choose(self, clause: Any, rows: float) -> None:
        self.left.remove(clause)
        ranges: tuple[Range, ...] = ()
        if isinstance(clause, Pattern):
            ranges = self.ranges_for(clause)
            for item in ranges:
                self.left.remove(item.call)
        self.bound |= binds(clause)
        self.rows = max(rows, 0.001)
        self.chosen.append((clause, rows, ranges))

    def ranges_for(self, pattern: Pattern) -> tuple[Range, ...]:
        """The range predicates on a value that this pattern binds and that have nothing else to wait for."""
        if len(pattern.terms) < 3 or pattern.terms[1].__class__ is not Const:
            return ()
        variable, entity = pattern.terms[2], pattern.terms[0]
        if not is_variable(variable) or variable in self.bound or variable is entity or entity.__class__ is Const \
                or entity in self.bound:
            return ()
        found = []
        for clause in self.left:
            if not isinstance(clause, Call):
                continue
            for item in range_of(clause):
                if item.variable is variable and (item.bound.__class__ is Const or item.bound in self.bound):
                    found.append(item)
                    break
        return tuple(found)

    def is_ready(self, clause: Call) -> bool:
        return all(not is_variable(x) or x in self.bound for x in clause.args)

    def binds_for_later(self, place: int, clause: Call) -> bool:
        """Whether a function binds what clauses below it use, and nothing above it is undone. An ident or a lookup ref
        means an entity only where it is bound before the pattern that it stands in."""
        names = binds(clause)
        above = self.left[:place]
        if clause.name.text != "ground":
            return not any(not isinstance(x, Call) for x in above) and any(
                names & variables_used(x) for x in self.left[place + 1:])
        # One value goes to the top wherever it is written; several do not (oracle: query-inputs/ground-coll-after).
        assert clause.binding is not None
        return clause.binding.shape in ("scalar", "tuple") or not any(names & variables_used(x) for x in above)

    def may_run(self, place: int) -> bool:
        """Whether a call may run now: patterns written above it might keep rows from it that it can't take."""
        clause = self.left[place]
        if clause.name.text in _EAGER or clause.name.text == "ground":
            return True
        return not any(isinstance(other, (Pattern, RuleCall)) and clause_variables(other) & self.bound
                       for other in self.left[:place])

    # -- estimates: rows after the clause, or None if it can't run yet

    def estimate(self, clause: Any) -> float | None:
        if isinstance(clause, Pattern):
            return self.pattern(clause)
        if isinstance(clause, Call):
            if not self.is_ready(clause):
                return None
            return self.rows if clause.binding is None or clause.binding.shape in ("scalar", "tuple") else self.rows * 4
        if isinstance(clause, Not):
            return self.rows * 0.7 if all(x in self.bound for x in clause.names) else None
        if isinstance(clause, Or):
            return self.either(clause)
        if isinstance(clause, Table):
            table = self.ctx.tables.get(clause)
            n = 1000.0 if table is None else float(table.n)
            return self.rows if any(x in self.bound for x in clause.names) else self.rows * max(n, 1.0)
        return self.rule(clause)

    def pattern(self, clause: Pattern) -> float | None:
        if self.waits and any(other in self.left for other in self.waits.get(clause, ())):
            return None
        source = self.ctx.source(clause.source)
        terms = [*clause.terms[:5], *[BLANK] * (5 - len(clause.terms))]
        known = [x.__class__ is Const or x in self.bound for x in terms]
        if not isinstance(source, Database):
            n = float(len(source.rows))
            return self.rows * (n if not any(is_variable(x) and x in self.bound for x in terms) else 1.0)
        e, a, v, tx, _ = known
        if not a:
            return self.rows * 10.0 if e or v else None
        aid = self.attribute(source, terms[1])
        if aid is None:
            return self.rows * (10.0 if e or v or tx else 100_000.0)
        per_row = source.estimate(aid, e, v)
        if v and not e and terms[2].__class__ is not Const and per_row > _FEW and per_row >= source.count(aid):
            # Nothing is known of how the values of a young attribute are spread.
            per_row **= 0.5
        if self.chosen and not any(is_variable(x) and x in self.bound for x in terms):
            per_row *= _APART
        if not e:
            per_row = self.count_known(source, aid, clause, terms[2], per_row)
        if not e and not v and tx:
            per_row = min(per_row, 5.0)
        if e and v:
            per_row = 0.5
        if tx and (e or v):
            per_row *= 0.5
        if source.is_history and (e or v):
            per_row *= 2.0
        return self.rows * per_row

    def count_known(self, db: Database, aid: int, clause: Pattern, term: Any, otherwise: float) -> float:
        """The rows of a pattern whose value, or range of values, is known now; counted once for a plan."""
        if is_variable(term) and term in self.bound and term not in self.values:
            return otherwise
        found = self.counted.get(clause)
        if found is None:
            found = otherwise
            if term.__class__ is Const or term in self.values:
                found = self.count_value(db, aid, term.value if term.__class__ is Const else self.values[term], otherwise)
            elif is_variable(term):
                ranges = self.ranges_for(clause)
                if ranges:
                    found = self.count_range(db, aid, ranges, otherwise)
            else:
                return otherwise
            self.counted[clause] = found
        return found

    def count_value(self, db: Database, aid: int, value: Any, otherwise: float) -> float:
        attribute = db.schema.attributes.get(aid)
        if attribute is None:
            return otherwise
        try:
            code = db.entid(value) if attribute.is_ref else db.encode(attribute.type, value)
        except Anomaly:
            return otherwise
        if code is None:
            return 0.0
        return float(len(db.rows_of_values(aid, np.array([code], np.int64))[0]))

    def count_range(self, db: Database, aid: int, ranges: tuple[Range, ...], otherwise: float) -> float:
        attribute = db.schema.attributes.get(aid)
        values: dict[Any, Any] = {}
        for item in ranges:
            if item.bound.__class__ is not Const:
                if item.bound not in self.values:
                    return otherwise * 0.3 ** len(ranges)
                values[item.bound] = self.ctx.column_of([self.values[item.bound]])  # type: ignore[index]
        limits = bounds(self.ctx, Relation(1, values), ranges, attribute) if attribute is not None else None
        return otherwise * 0.3 ** len(ranges) if limits is None else float(len(db.rows_in_range(aid, *limits)))

    @staticmethod
    def attribute(db: Database, term: Any) -> int | None:
        if term.__class__ is not Const:
            return None
        try:
            return db.entid(term.value)
        except Anomaly:
            return None

    def either(self, clause: Or) -> float | None:
        if not all(x in self.bound for x in clause.required):
            return None
        given = frozenset(x for x in clause.names if x in self.bound)
        total = 0.0
        for branch in clause.branches:
            rows = self.inner(inner_clauses(clause, branch), given, frozenset(clause.names))
            if rows is None:
                return None
            total += rows
        return total

    def inner(self, clauses: tuple[Clause, ...], given: frozenset[Symbol], names: frozenset[Symbol]) -> float | None:
        try:
            plan = plan_of(self.ctx, clauses, given, self.rows, names)
        except Anomaly as wrong:
            if wrong.error == "insufficient-binding":
                return None
            raise
        return plan.rows if names <= plan.out else None

    def rule(self, clause: RuleCall) -> float | None:
        definitions = self.ctx.rules.definitions[clause.name]
        known = [x.__class__ is Const or x in self.bound for x in clause.args]
        for rule in definitions:
            if not all(known[:rule.required]):
                return None
        if clause.name in self.ctx.rules.group:
            return self.rows * _RECURSION if any(known) else self.rows * 1e7
        total = 0.0
        for rule in definitions:
            given = frozenset(x for x, ok in zip(rule.head, known) if ok)
            body = rule.clauses if clause.source is None else sourced(self.ctx.plans, rule.clauses, clause.source)
            rows = self.inner(body, given, frozenset(rule.head))
            if rows is None:
                return None
            total += rows
        return total


def binds(clause: Any) -> frozenset[Symbol]:
    """The variables that a clause binds for those after it."""
    if isinstance(clause, Not):
        return frozenset()
    if isinstance(clause, Table):
        return frozenset(clause.names)
    if isinstance(clause, Call):
        return frozenset(clause.binding.variables()) if clause.binding is not None else frozenset()
    return clause_variables(clause)


def variables_used(clause: Any) -> frozenset[Symbol]:
    """The variables that a clause reads."""
    return frozenset(clause.names) if isinstance(clause, Table) else clause_variables(clause)
