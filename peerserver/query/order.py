"""Whether a query can run as it is written: calls of rules and ``or`` don't wait for their variables.

Patterns, functions, predicates and ``not`` wait until their variables are bound, wherever they stand; a rule or an ``or``
runs with what the clauses before it bind, and is refused where its body lacks something then (cases
``query-rules-order/*``). What is not decided here: the order in which clauses do run (``plan``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from peerserver.database import Database
from peerserver.model.anomaly import Anomaly
from peerserver.model.values import Symbol

from .ast import BLANK, DEFAULT_SOURCE, Call, Clause, Const, Not, Or, Pattern, Rule, RuleCall, is_variable
from .clauses import clause_variables, insufficient
from .context import Collection, Context
from .text import edn_text

__all__ = ("check_order", "lacking")

_Seen: TypeAlias = set[tuple[Symbol, tuple[bool, ...]]]


def check_order(ctx: Context, clauses: Sequence[Clause], bound: frozenset[Symbol]) -> None:
    """Raises Anomaly insufficient-binding where a rule or an ``or`` is called before its variables are bound, or a
    pattern that doesn't wait would read the whole database.

    Nothing is said of a query without them: the planner finds out what is lacking there."""
    if any(isinstance(x, (RuleCall, Or)) or _reads_all(x) for x in clauses):
        _run(ctx, clauses, bound, set())


def _run(ctx: Context, clauses: Sequence[Clause], bound: frozenset[Symbol], seen: _Seen) -> set[Symbol]:
    """The variables that are bound when all clauses have run."""
    left = list(clauses)
    known = set(bound)
    while left:
        for clause in left:
            if _is_ready(ctx, clause, known):
                break
            if _reads_all(clause):
                raise insufficient(f"Insufficient bindings, will cause db scan: {edn_text(clause.form)}")
        else:
            raise lacking(left[0], known)
        left.remove(clause)
        if isinstance(clause, Or):
            _either(ctx, clause, known, seen)
        elif isinstance(clause, RuleCall):
            _rule(ctx, clause, known, seen)
        if isinstance(clause, Call):
            known.update(clause.binding.variables() if clause.binding is not None else ())
        elif not isinstance(clause, Not):
            known |= clause_variables(clause)
    return known


def _is_ready(ctx: Context, clause: Clause, known: set[Symbol]) -> bool:
    if isinstance(clause, Pattern):
        if ctx.sources.get(clause.source or DEFAULT_SOURCE).__class__ is not Database:
            return True
        return any(x is not BLANK and (not is_variable(x) or x in known) for x in clause.terms[:3])
    if isinstance(clause, Call):
        return all(not is_variable(x) or x in known for x in clause.args)
    if isinstance(clause, Not) or (isinstance(clause, Or) and _is_predicate(clause)):
        return all(x in known for x in clause.names)
    if isinstance(clause, Or):
        return all(x in known for x in clause.required)
    definitions = ctx.rules.definitions.get(clause.name)
    required = max((rule.required for rule in definitions), default=0) if definitions else 0
    return all(not is_variable(x) or x in known for x in clause.args[:required])


def _reads_all(clause: Clause) -> bool:
    """Whether a pattern does not wait for its variables: one with a blank for the attribute, or for the entity beside a
    variable (oracle: query-far/scans-*)."""
    if not isinstance(clause, Pattern) or len(clause.terms) < 2:
        return False
    e, a = clause.terms[:2]
    return a is BLANK and e.__class__ is not Const or e is BLANK and is_variable(a)


def _is_predicate(clause: Or) -> bool:
    # An or of predicates is one predicate (oracle: query-rules-order/plain); an or-join isn't.
    return clause.form[0] is not _OR_JOIN and clause.source is None and all(
        isinstance(x, Call) and x.binding is None for branch in clause.branches for x in branch)


_OR_JOIN = Symbol("or-join")


def _either(ctx: Context, clause: Or, known: set[Symbol], seen: _Seen) -> None:
    given = frozenset(x for x in clause.names if x in known)
    for branch in clause.branches:
        _check_bound(clause.names, _run(ctx, branch, given, seen), clause)


def _rule(ctx: Context, clause: RuleCall, known: set[Symbol], seen: _Seen) -> None:
    definitions = ctx.rules.definitions.get(clause.name)
    if definitions is None:
        return  # an ident, after all: a pattern
    given = tuple(x is not BLANK and (not is_variable(x) or x in known) for x in clause.args)
    if (clause.name, given) in seen or clause.source is not None and _is_collection(ctx, clause.source):
        return
    seen.add((clause.name, given))
    for rule in definitions:
        bound = frozenset(x for x, ok in zip(rule.head, given) if ok)
        _check_bound(rule.head, _run(ctx, rule.clauses, bound, seen), rule)


def _check_bound(names: Sequence[Symbol], bound: set[Symbol], where: Or | Rule) -> None:
    missing = [x.text for x in names if x not in bound]
    if missing:
        raise insufficient(f"[{' '.join(missing)}] not bound in clause: {edn_text(where.form)}")


def _is_collection(ctx: Context, source: Symbol) -> bool:
    return ctx.sources.get(source).__class__ is Collection


def lacking(clause: Any, known: set[Symbol]) -> Anomaly:
    """The anomaly that says what a clause lacks."""
    names = "[" + " ".join(sorted(x.text for x in _needs(clause) if x not in known)) + "]"
    if isinstance(clause, Pattern):
        return insufficient(f"Insufficient binding of db clause: {edn_text(clause.form)} would cause full scan")
    kind = "expression " if isinstance(clause, Call) else "not " if isinstance(clause, Not) else ""
    return insufficient(f"{names} not bound in {kind}clause: {edn_text(clause.form)}")


def _needs(clause: Any) -> list[Symbol]:
    if isinstance(clause, Or) and clause.required:
        return list(clause.required)
    if isinstance(clause, (Not, Or)):
        return list(clause.names)
    return [x for x in clause.args if is_variable(x)] if isinstance(clause, (RuleCall, Call)) else []
