"""Rules as a whole: which are recursive, and what a call of the others stands for.

A rule with one definition that never comes back to itself is written out in place (:func:`expand`), so that the
planner sees its clauses beside the caller's. What is not decided here: recursion (``recursion``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from peerserver.model.anomaly import incorrect
from peerserver.model.values import EdnList, Keyword, Symbol

from .ast import (
    BLANK,
    DEFAULT_SOURCE,
    Binding,
    Call,
    Clause,
    Const,
    Not,
    Or,
    Pattern,
    Rule,
    RuleCall,
    Term,
    is_variable,
)
from .text import edn_text

__all__ = ("NO_RULES", "Rules", "as_pattern", "expand", "fresh", "rules_of", "sourced", "substitute", "with_source")

_GROUND = Symbol("ground")


@attrs.frozen(eq=False)
class Rules:
    """Rules by name. ``group`` maps a recursive rule to all rules that it can come back to itself through."""

    definitions: Mapping[Symbol, tuple[Rule, ...]]
    group: Mapping[Symbol, frozenset[Symbol]]


NO_RULES = Rules({}, {})


def called_names(clauses: Sequence[Clause]) -> set[Symbol]:
    """The names of the rules that clauses call, at any depth."""
    found: set[Symbol] = set()
    for clause in clauses:
        if isinstance(clause, RuleCall):
            found.add(clause.name)
        elif isinstance(clause, Not):
            found |= called_names(clause.clauses)
        elif isinstance(clause, Or):
            for branch in clause.branches:
                found |= called_names(branch)
    return found


def rules_of(definitions: Mapping[Symbol, tuple[Rule, ...]]) -> Rules:
    """Definitions with their recursion found out."""
    calls = {name: set().union(*(called_names(rule.clauses) for rule in rules)) & definitions.keys()
             for name, rules in definitions.items()}
    reach = {name: _reachable(name, calls) for name in definitions}
    group = {name: frozenset(other for other in found if name in reach[other])
             for name, found in reach.items() if name in found}
    return Rules(definitions, group)


def _reachable(start: Symbol, calls: Mapping[Symbol, set[Symbol]]) -> set[Symbol]:
    found: set[Symbol] = set()
    todo = list(calls[start])
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo.extend(calls[name])
    return found


def as_pattern(call: RuleCall) -> Pattern:
    """A call of a rule that nobody defined: its name is an ident, if anything (oracle: query-deep/symbols-01)."""
    text = call.name.text
    name = Keyword(text[1:]) if text.startswith(":") else call.name
    return Pattern(call.source, (Const(name), *call.args), call.form)


def check_arity(call: RuleCall, rule: Rule) -> None:
    """Raises Anomaly where a call has too few arguments; further ones are ignored (oracle: rules/arity-too-many)."""
    if len(call.args) < len(rule.head):
        raise incorrect(f"processing clause: {edn_text(call.form)}, message: the rule takes {len(rule.head)} "
                        f"arguments, not {len(call.args)}")
    for x in call.args:
        if isinstance(x, Const) and isinstance(x.value, Symbol):
            raise incorrect(f"Unable to resolve symbol: {x.value.text} in this context: {edn_text(call.form)}")
    if not rule.clauses:
        raise incorrect(f"processing clause: {edn_text(call.form)}, message: the rule has no clauses: "
                        f"{edn_text(rule.form)}")


# -- writing out


class Names:
    """Fresh variables. The names repeat from query to query, since symbols are kept for ever."""

    def __init__(self) -> None:
        self.count = 0

    def next(self, name: Symbol) -> Symbol:
        self.count += 1
        base = name.text.split("~")[0] if name is not BLANK else "?blank"
        return Symbol(f"{base}~{self.count}")


def fresh(names: Names, known: dict[Symbol, Symbol], name: Symbol) -> Symbol:
    """The variable that stands for ``name`` in a written-out body."""
    found = known.get(name)
    if found is None:
        found = known[name] = names.next(name)
    return found


def _term(term: Any, known: dict[Symbol, Symbol], names: Names) -> Any:
    return fresh(names, known, term) if is_variable(term) else term


def substitute(clause: Clause, known: dict[Symbol, Symbol], names: Names) -> Clause:
    """The clause with its variables replaced: as ``known`` says, and by fresh ones (which ``known`` learns)."""
    if isinstance(clause, Pattern):
        return attrs.evolve(clause, terms=tuple(_term(x, known, names) for x in clause.terms))
    if isinstance(clause, Call):
        binding = clause.binding
        if binding is not None:
            binding = Binding(binding.shape, tuple(_term(x, known, names) for x in binding.names))
        return attrs.evolve(clause, args=tuple(_term(x, known, names) for x in clause.args), binding=binding)
    if isinstance(clause, RuleCall):
        return attrs.evolve(clause, args=tuple(_term(x, known, names) for x in clause.args))
    outer = tuple(dict.fromkeys(_term(x, known, names) for x in clause.names))
    # Variables inside a not or or that are not joined are its own: they get fresh names too.
    inner = {name: known[name] for name in clause.names}
    if isinstance(clause, Not):
        return attrs.evolve(clause, names=outer, clauses=tuple(substitute(x, inner, names) for x in clause.clauses))
    branches = tuple(tuple(substitute(x, inner_of, names) for x in branch)
                     for branch in clause.branches for inner_of in (dict(inner),))
    return attrs.evolve(clause, names=outer, branches=branches,
                        required=tuple(_term(x, known, names) for x in clause.required))


def with_source(clause: Clause, source: Symbol) -> Clause:
    """The clause with ``source`` in place of the default source."""
    if isinstance(clause, Call):
        return attrs.evolve(clause, args=tuple(source if x is DEFAULT_SOURCE else x for x in clause.args))
    if clause.source is not None and clause.source is not DEFAULT_SOURCE:
        return clause
    return attrs.evolve(clause, source=source)


def sourced(plans: dict[Any, Any], clauses: tuple[Clause, ...], source: Symbol) -> tuple[Clause, ...]:
    """A rule's body with another source, the same object for the same body (plans are found by it)."""
    key = ("sourced", clauses, source)
    found = plans.get(key)
    if found is None:
        found = plans[key] = tuple(with_source(x, source) for x in clauses)
    return found


def inner_clauses(clause: Not | Or, clauses: Sequence[Clause]) -> tuple[Clause, ...]:
    """The clauses inside a not or or, with its source as theirs."""
    if clause.source is None or clause.source is DEFAULT_SOURCE:
        return tuple(clauses)
    source = clause.source
    return tuple(with_source(x, source) for x in clauses)


def expand(clauses: Sequence[Clause], rules: Rules, names: Names | None = None, depth: int = 0) -> tuple[Clause, ...]:
    """The clauses with calls of simple rules written out."""
    names = names or Names()
    found: list[Clause] = []
    for clause in clauses:
        if not isinstance(clause, RuleCall):
            found.append(clause)
            continue
        definitions = rules.definitions.get(clause.name)
        if definitions is None:
            found.append(as_pattern(clause))
            continue
        check_arity(clause, definitions[0])
        rule = definitions[0]
        if len(definitions) > 1 or clause.name in rules.group or rule.required or depth > 20:
            found.append(clause)
            continue
        known: dict[Symbol, Symbol] = {}
        for variable, arg in zip(rule.head, clause.args):
            found.extend(_pass_argument(variable, arg, known, names))
        body = [substitute(x, known, names) for x in rule.clauses]
        if clause.source is not None and clause.source is not DEFAULT_SOURCE:
            body = [with_source(x, clause.source) for x in body]
        found.extend(expand(body, rules, names, depth + 1))
    return tuple(found)


def _pass_argument(variable: Symbol, arg: Term, known: dict[Symbol, Symbol], names: Names) -> list[Clause]:
    if isinstance(arg, Symbol) and arg is not BLANK:
        if variable in known and known[variable] is not arg:
            return []  # a head with one variable twice: the first argument counts
        known[variable] = arg
        return []
    target = fresh(names, known, variable)
    if not isinstance(arg, Const):
        return []
    form = (EdnList((_GROUND, arg.value)), target)
    return [Call(_GROUND, (arg,), Binding("scalar", (target,)), form)]
