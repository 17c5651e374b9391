"""The clauses of ``:where`` and of rules: from forms to :mod:`~peerserver.query.ast`.

What is not decided here: whether a clause's variables are bound when it is its turn (``plan``).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from peerserver.model.anomaly import Anomaly, incorrect
from peerserver.model.values import EdnList, Keyword, Symbol

from .ast import BLANK, Binding, Call, Clause, Const, Not, Or, Pattern, RuleCall, Term, is_source, is_variable
from .builtins import constant
from .text import edn_text, set_text

__all__ = ("clause_of", "clause_variables", "clauses_of", "insufficient", "not_an_entity", "sequence", "variables_of")

_AND, _NOT, _NOT_JOIN = Symbol("and"), Symbol("not"), Symbol("not-join")
_OR, _OR_JOIN, _DOTS = Symbol("or"), Symbol("or-join"), Symbol("...")
_QUOTE, _INVOKE = Symbol("quote"), Symbol("invoke")
# Their constants are data and are not read as code.
_DATA_CALLS = frozenset(("ground", "get-else", "get-some", "missing?"))
_QUERY_CALLS = frozenset(("q", "datomic.api/q"))
_MAX_DEPTH = 60


def insufficient(message: str) -> Anomaly:
    """The anomaly for a clause whose variables are not bound."""
    return incorrect(message, "insufficient-binding")


def not_an_entity(name: str) -> Anomaly:
    """The anomaly for ``not``, ``or`` or a rule after a source that can't be named there: the form is read as a pattern
    (oracle: query-sources/named-*)."""
    return incorrect(f"Unable to resolve entity: {name}; name the source in :in, and none inside rules and or",
                     "not-an-entity")


def sequence(value: Any, what: str) -> tuple[Any, ...]:
    """``value`` as a tuple if it is a list or vector, else an Anomaly that names ``what``."""
    if not isinstance(value, tuple):
        raise incorrect(f"Don't know how to create a list of clauses from {what}: {edn_text(value)}")
    return value


def clauses_of(forms: Iterable[Any], in_rule: bool = False, depth: int = 0) -> tuple[Clause, ...]:
    """The clauses of ``:where``; an empty ``(not)`` says nothing and is left out (oracle: not-or/not-empty)."""
    found = []
    for form in forms:
        if isinstance(form, tuple) and len(form) == 1 and form[0] is _NOT:
            continue
        found.append(clause_of(form, in_rule, depth))
    return tuple(found)


def clause_of(form: Any, in_rule: bool = False, depth: int = 0) -> Clause:
    """One clause. ``in_rule``: in a rule's body or an ``or``, where only the default source can be seen."""
    if depth > _MAX_DEPTH:
        raise incorrect("The query is nested too deeply")
    items = sequence(form, "a clause")
    if not items:
        raise insufficient("Insufficient binding of db clause: [] would cause full scan")
    first = items[0]
    source = None
    if is_source(first):
        if len(items) > 1 and isinstance(items[1], Symbol) and not is_variable(items[1]) and items[1] is not BLANK:
            source, items = first, items[1:]
            first = items[0]
            if in_rule:
                raise not_an_entity(first.text)
        elif len(items) > 1 and isinstance(items[1], tuple):
            # A call; the source says nothing (oracle: query-end/forms-25, patterns/lookup-literal-e-src-in).
            return _call(items[1:], form)
        else:
            return _pattern(first, items[1:], form, in_rule)
    if isinstance(first, tuple):
        return _call(items, form)
    if isinstance(first, Symbol) and not is_variable(first) and first is not BLANK:
        if first is _NOT:
            return _not(source, items, form, in_rule, depth)
        if first is _NOT_JOIN:
            return _not_join(source, items, form, in_rule, depth)
        if first is _OR or first is _OR_JOIN:
            return _or(source, items, form, depth)
        if first is _AND:
            raise incorrect(f"and is allowed only directly inside or and or-join: {edn_text(form)}")
        return RuleCall(source, first, tuple(_rule_argument(x, form) for x in items[1:]), form)
    if isinstance(first, Keyword) and isinstance(form, EdnList):
        # A keyword can name a rule; where none has that name it is an ident (``rules.expand``).
        return RuleCall(None, Symbol(f":{first.text}"), tuple(_term(x) for x in items[1:]), form)
    return _pattern(None, items, form, in_rule)


def _term(x: Any) -> Term:
    if x is BLANK or is_variable(x):
        return x
    return Const(x)


def _rule_argument(x: Any, form: Any) -> Term:
    # A list is called (oracle: query-far/heads-17).
    return _argument(x, form) if isinstance(x, EdnList) else _term(x)


def _pattern(source: Symbol | None, items: tuple[Any, ...], form: Any, in_rule: bool) -> Pattern:
    if source is not None and in_rule:
        raise incorrect(f"Cannot resolve key: {source.text}; inside rules and or only the default source can be seen: "
                        f"{edn_text(form)}")
    if not items:
        raise insufficient(f"Insufficient binding of db clause: {edn_text(form)} would cause full scan")
    if None in items:
        raise incorrect(f"Can't have nil args in clause: {edn_text(form)}", "invalid-clause")
    return Pattern(source, tuple(_term(x) for x in items), form)


def _call(items: tuple[Any, ...], form: Any) -> Call:
    inner = items[0]
    if not inner:
        raise incorrect(f"A call without a function: {edn_text(form)}")
    name = inner[0]
    binding = None if len(items) == 1 else call_binding(items[1])
    if len(items) > 2:
        raise incorrect(f"Can't have anything after binding expression: {edn_text(items[2])}")
    if not isinstance(name, Symbol):
        # Keywords, sets, maps and vectors are functions too, but of constants (oracle: query-end/forms-26).
        for x in sorted(variables_of(name), key=lambda x: x.text):
            raise incorrect(f"Unable to resolve symbol: {x.text} in this context: {edn_text(form)}")
        return Call(_INVOKE, tuple(_argument(x, form) for x in inner[1:]), binding, form, name)
    if is_variable(name):
        raise incorrect(f"Unable to resolve symbol: {name.text} in this context; a variable can't be called: "
                        f"{edn_text(form)}")
    # A nested query is data too, but must be quoted (oracle: query-edges/nested-outer-var).
    raw = name.text in _DATA_CALLS or (None if name.text in _QUERY_CALLS else False)
    return Call(name, tuple(_argument(x, form, raw, name.text) for x in inner[1:]), binding, form)


def _argument(x: Any, form: Any, raw: bool | None = False, head: str | None = None) -> Term | Symbol:
    if x.__class__ is Symbol and (is_variable(x) or is_source(x)):
        return x
    if isinstance(x, EdnList) and len(x) == 2 and x[0] is _QUOTE:
        return Const(x[1])
    if raw is True:
        if x.__class__ is Symbol:
            # A symbol by itself is code there (oracle: query-scalar-inputs/keyword-9, query-far/calls-05).
            raise incorrect(f"Unable to resolve symbol: {x.text} in this context; {head} takes (quote {x.text}): "
                            f"{edn_text(form)}")
        return Const(x)
    if (isinstance(x, EdnList) or raw is None) and variables_of(x):
        name = min(v.text for v in variables_of(x))
        raise incorrect(f"Unable to resolve symbol: {name} in this context; calls can't be nested: {edn_text(form)}")
    return Const(constant(x, head=head))


def call_binding(x: Any) -> Binding:
    """A binding form of ``:in`` or of a function expression. Its first two items tell the shape, and what is no variable
    binds nothing (oracle: inputs/in-nested-coll, query-wide/bind-43..57, query-far/calls-53..62)."""
    if isinstance(x, Symbol):
        return Binding("scalar", (_name(x),))
    if not isinstance(x, tuple):
        raise incorrect(f"Invalid binding form: {edn_text(x)}", "not-a-binding-form")
    if not x:
        return Binding("scalar", (BLANK,))
    if isinstance(x[0], tuple):
        return Binding("relation", tuple(map(_name, x[0])))
    if len(x) > 1 and x[1] is _DOTS:
        return Binding("collection", (_name(x[0]),))
    return Binding("tuple", tuple(map(_name, x)))


def _name(x: Any) -> Symbol:
    return x if is_variable(x) else BLANK


# -- not, or


def variables_of(form: Any) -> frozenset[Symbol]:
    """All variables that a form mentions."""
    if is_variable(form):
        return frozenset((form,))
    if isinstance(form, tuple):
        return frozenset().union(*map(variables_of, form)) if form else frozenset()
    return frozenset()


def clause_variables(clause: Clause) -> frozenset[Symbol]:
    """The variables by which a clause joins with the clauses beside it."""
    if isinstance(clause, (Not, Or)):
        return frozenset(clause.names)
    if isinstance(clause, Pattern):
        return frozenset(x for x in clause.terms if is_variable(x))
    found = {x for x in clause.args if is_variable(x)}
    if isinstance(clause, Call) and clause.binding is not None:
        found.update(clause.binding.variables())
    return frozenset(found)


def _ordered(clauses: Iterable[Clause]) -> tuple[Symbol, ...]:
    names: set[Symbol] = set()
    for clause in clauses:
        names |= clause_variables(clause)
    return tuple(sorted(names, key=lambda name: name.text))


def _check_no_sources(clauses: tuple[Clause, ...], form: Any) -> None:
    # A not of predicates sees no source there (oracle: not-or/not-missing); beside a function expression or a pattern
    # they do (oracle: fulltext-own/joins, query-far/calls-36).
    predicates = [x for x in clauses if isinstance(x, Call) and x.binding is None]
    if len(predicates) == len(clauses):
        for clause in predicates:
            for x in clause.args:
                if is_source(x):
                    raise incorrect(f"Unable to resolve symbol: {x.text} in this context; "
                                    f"a predicate inside not can't take a database: {edn_text(form)}")


def _not(source: Symbol | None, items: tuple[Any, ...], form: Any, in_rule: bool, depth: int) -> Clause:
    clauses = clauses_of(items[1:], in_rule, depth + 1)
    _check_no_sources(clauses, form)
    names = _ordered(clauses)
    if not names and clauses and all(isinstance(x, Call) and x.binding is None for x in clauses):
        return clauses[0]  # of constants alone: filters nothing, as without not (oracle: query-last/notor-18)
    if not names:
        raise incorrect(f"not needs a variable that it shares with the other clauses: {edn_text(form)}")
    written = EdnList((_NOT_JOIN, names, *items[1:]))
    return Not(source, names, clauses, written)


def _not_join(source: Symbol | None, items: tuple[Any, ...], form: Any, in_rule: bool, depth: int) -> Not:
    if len(items) < 2 or not isinstance(items[1], tuple):
        raise incorrect(f"not-join takes a vector of variables first: {edn_text(form)}")
    names = items[1]
    if not names or any(isinstance(x, tuple) for x in names):
        raise incorrect(f"not-join needs variables to join by: {edn_text(form)}")
    variables = tuple(dict.fromkeys(x for x in names if is_variable(x)))  # (oracle: query-last/notor-08)
    if not variables:
        raise insufficient(f"{edn_text(names)} not bound in not clause: {edn_text(form)}")
    return Not(source, variables, clauses_of(items[2:], in_rule, depth + 1), form)


def _branch(form: Any, depth: int) -> tuple[Clause, ...]:
    items = sequence(form, "a branch of or")
    if items and items[0] is _AND:
        return tuple(clause_of(x, True, depth + 1) for x in items[1:])
    return (clause_of(form, True, depth + 1),)


def _or(source: Symbol | None, items: tuple[Any, ...], form: Any, depth: int) -> Or:
    required: tuple[Symbol, ...] = ()
    if items[0] is _OR:
        branches = tuple(_branch(x, depth) for x in items[1:])
        if not branches:
            raise incorrect(f"or needs at least one clause: {edn_text(form)}")
        uses = [frozenset().union(*(clause_variables(clause) for clause in branch)) for branch in branches]
        if len(set(uses)) > 1:
            raise incorrect("All clauses in 'or' must use same set of vars, had ["
                            + " ".join(set_text(names) for names in uses) + f"]: {edn_text(form)}")
        names = _ordered(clause for branch in branches for clause in branch)
    else:
        if len(items) < 2 or not isinstance(items[1], tuple):
            raise incorrect(f"or-join takes a vector of variables first: {edn_text(form)}")
        given = list(items[1])
        if given and isinstance(given[0], tuple):
            required = tuple(given.pop(0))
        names = tuple(dict.fromkeys((*required, *given)))
        branches = tuple(_branch(x, depth) for x in items[2:])
        if not branches:
            raise incorrect(f"or-join needs at least one clause: {edn_text(form)}")
        # What no branch mentions joins nothing (oracle: query-hunt/where-06).
        used = frozenset().union(*(clause_variables(clause) for branch in branches for clause in branch))
        names = tuple(x for x in names if x in used or x in required or not is_variable(x)) or names
        if not all(is_variable(x) for x in names):
            raise incorrect(f"or-join takes variables to join by, not {edn_text(items[1])}: {edn_text(form)}")
    if not names:
        raise incorrect(f"'or' cannot have empty binding set: {edn_text(form)}", "or-binding-empty")
    return Or(source, names, required, branches, form)

