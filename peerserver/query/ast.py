"""What a query says, as frozen data: the parser's output and the planner's input.

Variables and sources are :class:`~peerserver.model.values.Symbol` (``?x``, ``$``); a constant is wrapped in
:class:`Const`, so that no value can be taken for a variable. ``form`` is the clause as it was written, for messages
and for query-stats. What is not decided here: the grammar (``parse``), the order of evaluation (``plan``).
"""

from __future__ import annotations

from typing import Any, TypeAlias, TypeGuard

import attrs

from peerserver.model.values import Symbol

__all__ = ("Aggregate", "BLANK", "Binding", "Call", "Clause", "Const", "Find", "Input", "Not", "Or", "Pattern", "Pull",
           "Query", "Rule", "RuleCall", "Term", "DEFAULT_SOURCE", "IMPLIED_INPUTS",
           "is_source", "is_variable")

BLANK = Symbol("_")
DEFAULT_SOURCE = Symbol("$")


def is_variable(x: Any) -> TypeGuard[Symbol]:
    """Whether ``x`` is a symbol such as ``?e``."""
    return x.__class__ is Symbol and x.text[0] == "?"


def is_source(x: Any) -> TypeGuard[Symbol]:
    """Whether ``x`` is a symbol such as ``$`` or ``$old``."""
    return x.__class__ is Symbol and x.text[0] == "$"


@attrs.frozen(eq=False)
class Const:
    """A constant of the query."""

    value: Any


#: a variable, the blank, or a constant.
Term: TypeAlias = "Symbol | Const"


@attrs.frozen(eq=False)
class Binding:
    """How a value is taken apart. ``shape``: ``"scalar"``, ``"tuple"``, ``"collection"``, ``"relation"``; ``names``:
    the variables or blanks that the value, or each tuple, goes to."""

    shape: str
    names: tuple[Symbol, ...]

    def variables(self) -> tuple[Symbol, ...]:
        """The variables bound, without repeats."""
        return tuple(dict.fromkeys(name for name in self.names if name is not BLANK))


@attrs.frozen(eq=False)
class Pattern:
    """A data pattern: entity, attribute, value, tx, added; ``source`` explicit or None (the default ``$``)."""

    source: Symbol | None
    terms: tuple[Term, ...]
    form: Any


@attrs.frozen(eq=False)
class Call:
    """A predicate (``binding`` None) or a function expression. ``head`` is what stands in function position where it
    is no symbol: a keyword, set, map or vector; ``name`` is then only for show."""

    name: Symbol
    args: tuple[Term | Symbol, ...]
    binding: Binding | None
    form: Any
    head: Any = None


@attrs.frozen(eq=False)
class RuleCall:
    """A call of a rule with variables, constants and blanks."""

    source: Symbol | None
    name: Symbol
    args: tuple[Term, ...]
    form: Any


@attrs.frozen(eq=False)
class Not:
    """``not`` and ``not-join``: the rows for which the clauses find nothing stay. ``names`` must be bound."""

    source: Symbol | None
    names: tuple[Symbol, ...]
    clauses: tuple[Clause, ...]
    form: Any


@attrs.frozen(eq=False)
class Or:
    """``or`` and ``or-join``: one branch is enough. ``required`` of ``names`` must be bound beforehand."""

    source: Symbol | None
    names: tuple[Symbol, ...]
    required: tuple[Symbol, ...]
    branches: tuple[tuple[Clause, ...], ...]
    form: Any


Clause: TypeAlias = "Pattern | Call | RuleCall | Not | Or"


@attrs.frozen(eq=False)
class Rule:
    """One definition of a rule. ``required`` variables come first in ``head``."""

    name: Symbol
    head: tuple[Symbol, ...]
    required: int
    clauses: tuple[Clause, ...]
    form: Any


@attrs.frozen(eq=False)
class Aggregate:
    """``(name arg* ?x)`` in ``:find``; ``args`` are constants, sources and variables as written."""

    name: Symbol
    args: tuple[Any, ...]
    variable: Symbol
    form: Any


@attrs.frozen(eq=False)
class Pull:
    """``(pull $src ?e pattern)`` in ``:find``; ``pattern`` is data, or the name of an input."""

    source: Symbol | None
    variable: Symbol
    pattern: Any
    form: Any


@attrs.frozen(eq=False)
class Find:
    """``shape``: ``"relation"``, ``"collection"``, ``"tuple"`` or ``"scalar"``."""

    shape: str
    elements: tuple[Symbol | Aggregate | Pull, ...]


@attrs.frozen(eq=False)
class Input:
    """One of ``:in``. ``kind``: ``"source"``, ``"rules"``, ``"pattern"`` (a plain symbol) or ``"binding"``."""

    kind: str
    name: Symbol
    binding: Binding | None = None


#: ``:in`` where a query has none.
IMPLIED_INPUTS = (Input("source", DEFAULT_SOURCE),)


@attrs.frozen(eq=False)
class Query:
    """A parsed query. ``keys``: None, or what ``:keys``, ``:strs`` or ``:syms`` name each column. ``used``: the variables of
    ``:find``, ``:with`` and ``:where``. ``plans`` is the plan cache."""

    find: Find
    keys: tuple[Any, ...] | None
    with_names: tuple[Symbol, ...]
    inputs: tuple[Input, ...]
    where: tuple[Clause, ...]
    form: Any
    used: frozenset[Symbol] = frozenset()
    plans: dict[Any, Any] = attrs.field(factory=dict)
