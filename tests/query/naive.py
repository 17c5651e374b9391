"""A second query engine, which is obviously right and hopelessly slow: nested loops over lists of datoms.

It knows the part of the grammar that ``generator`` makes, works on query forms directly, and shares nothing with the
engine but the values and Clojure's equality. Tests hold the engine against it.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import attrs

from peerserver.model.order import clj_key, compare_key
from peerserver.model.values import EdnList, Keyword, Symbol

__all__ = ("Facts", "evaluate")

Binding = Mapping[Symbol, Any]
Row = tuple[Any, ...]
_UNDERSCORE, _PERCENT, _DOLLAR = Symbol("_"), Symbol("%"), Symbol("$")


@attrs.frozen
class Facts:
    """A database: rows ``(e, attribute ident, v, tx, added)``, which entity ids idents name, and which attributes
    are references."""

    rows: Sequence[tuple[int, Keyword, Any, int, bool]]
    entids: Mapping[Keyword, int]
    refs: frozenset[Keyword]


@attrs.frozen
class Context:
    """Sources by name, and the rules of ``%`` by name."""

    sources: Mapping[Symbol, Facts]
    rules: Mapping[Symbol, list[Any]]


def is_var(x: Any) -> bool:
    return isinstance(x, Symbol) and x.text.startswith("?")


def is_source(x: Any) -> bool:
    return isinstance(x, Symbol) and x.text.startswith("$")


def same(a: Any, b: Any) -> bool:
    return bool(clj_key(a) == clj_key(b))


def unify(binding: Binding, term: Any, value: Any) -> Binding | None:
    """The binding extended so that ``term`` is ``value``, or None."""
    if term is _UNDERSCORE:
        return binding
    if is_var(term):
        if term in binding:
            return binding if same(binding[term], value) else None
        return {**binding, term: value}
    return binding if same(term, value) else None


# -- clauses


def pattern(context: Context, clause: Sequence[Any], bindings: Iterable[Binding]) -> Iterator[Binding]:
    terms = list(clause)
    source = terms.pop(0) if is_source(terms[0]) else _DOLLAR
    facts = context.sources[source]
    for binding in bindings:
        for row in facts.rows:
            found: Binding | None = binding
            for position, (term, value) in enumerate(zip(terms, row, strict=False)):
                assert found is not None
                if position == 1 and is_var(term):
                    value = facts.entids[row[1]]
                if isinstance(term, Keyword) and (position == 0 or (position == 2 and row[1] in facts.refs)):
                    term = facts.entids.get(term, -1)
                found = unify(found, term, value)
                if found is None:
                    break
            if found is not None:
                yield found


def resolve(binding: Binding, term: Any) -> Any:
    return binding[term] if is_var(term) else term


def _compare(test: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    return lambda a, b: test(compare_key(a), compare_key(b))


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "<": _compare(lambda a, b: a < b),
    ">": _compare(lambda a, b: a > b),
    "<=": _compare(lambda a, b: a <= b),
    ">=": _compare(lambda a, b: a >= b),
    "=": same,
    "!=": lambda a, b: not same(a, b),
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "inc": lambda a: a + 1,
    "even?": lambda a: a % 2 == 0,
    "str": lambda a: a,
    "identity": lambda a: a,
    "count": len,
    "vector": lambda *xs: tuple(xs),
    "ground": lambda x: x,
}


def call(context: Context, form: EdnList, binding: Binding) -> Any:
    name, *args = form
    if name.text in ("missing?", "get-else"):
        source, e, attribute, *rest = args
        entity = resolve(binding, e)
        found = [row[2] for row in context.sources[source].rows if row[0] == entity and row[1] is attribute]
        if name.text == "missing?":
            return not found
        return min(found, key=compare_key) if found else rest[0]
    return FUNCTIONS[name.text](*[resolve(binding, arg) for arg in args])


def bind(binding: Binding, shape: Any, value: Any) -> Iterator[Binding]:
    """The binding forms: scalar, tuple, collection, relation."""
    if not isinstance(shape, tuple):
        found = unify(binding, shape, value)
        if found is not None:
            yield found
    elif (len(shape) == 2 and shape[1] is Symbol("...")) or (len(shape) == 1 and isinstance(shape[0], tuple)):
        for item in value:
            yield from bind(binding, shape[0], item)
    else:
        some: Binding | None = binding
        for term, item in zip(shape, value, strict=False):
            some = unify(some, term, item) if some is not None else None
        if some is not None:
            yield some


def expression(context: Context, clause: Sequence[Any], bindings: Iterable[Binding]) -> Iterator[Binding]:
    for binding in bindings:
        value = call(context, clause[0], binding)
        if len(clause) == 1:
            if value is not None and value is not False:
                yield binding
        elif value is not None:
            yield from bind(binding, clause[1], value)


def only(binding: Binding, names: Iterable[Symbol]) -> Binding:
    return {name: binding[name] for name in names if name in binding}


def merged(binding: Binding, found: Binding, names: Iterable[Symbol]) -> Binding:
    return {**binding, **only(found, names)}


def variables(form: Any) -> set[Symbol]:
    if is_var(form):
        return {form}
    if isinstance(form, tuple):
        return set().union(*(variables(x) for x in form)) if form else set()
    return set()


def negation(context: Context, names: Sequence[Symbol], clauses: Sequence[Any],
             bindings: Iterable[Binding]) -> Iterator[Binding]:
    for binding in bindings:
        if not any(True for _ in where(context, clauses, [only(binding, names)])):
            yield binding


def alternatives(context: Context, names: Sequence[Symbol], branches: Sequence[Any],
                 bindings: Iterable[Binding]) -> Iterator[Binding]:
    for binding in bindings:
        for branch in branches:
            is_and = isinstance(branch, EdnList) and branch[0] is Symbol("and")
            for found in where(context, branch[1:] if is_and else [branch], [only(binding, names)]):
                yield merged(binding, found, names)


def rule_call(context: Context, clause: Sequence[Any], bindings: Iterable[Binding],
              known: Mapping[Symbol, set[Row]]) -> Iterator[Binding]:
    name, *args = clause
    for binding in bindings:
        for row in tuple(known[name]):
            found: Binding | None = binding
            for arg, (value,) in zip(args, row, strict=True):
                found = unify(found, arg, value) if found is not None else None
            if found is not None:
                yield found


@attrs.frozen(eq=False)
class _Boxed:
    """A value that is equal to what Clojure says is equal to it."""

    value: Any

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Boxed) and same(self.value, other.value)

    def __hash__(self) -> int:
        return hash(clj_key(self.value))

    def __iter__(self) -> Iterator[Any]:
        yield self.value


def rule_relations(context: Context) -> Mapping[Symbol, set[Row]]:
    """All rules' relations, bottom-up, round after round until nothing is new."""
    known: dict[Symbol, set[Row]] = {name: set() for name in context.rules}
    while True:
        before = {name: len(rows) for name, rows in known.items()}
        for name, definitions in context.rules.items():
            for head, *body in definitions:
                for found in where(context, body, [{}], known):
                    known[name].add(tuple(_Boxed(found[var]) for var in head[1:]))
        if before == {name: len(rows) for name, rows in known.items()}:
            return known


def where(context: Context, clauses: Sequence[Any], bindings: Iterable[Binding],
          known: Mapping[Symbol, set[Row]] | None = None) -> Iterable[Binding]:
    """Every clause in the order given, each over all that the ones before it left."""
    for clause in clauses:
        bindings = list(bindings)
        if isinstance(clause, EdnList):
            head = clause[0].text
            if head == "not":
                bindings = negation(context, sorted(variables(clause), key=str), clause[1:], bindings)
            elif head == "not-join":
                bindings = negation(context, clause[1], clause[2:], bindings)
            elif head == "or":
                bindings = alternatives(context, sorted(variables(clause), key=str), clause[1:], bindings)
            elif head == "or-join":
                bindings = alternatives(context, clause[1], clause[2:], bindings)
            else:
                if known is None:
                    known = rule_relations(context)
                bindings = rule_call(context, clause, bindings, known)
        elif isinstance(clause[0], EdnList):
            bindings = expression(context, clause, bindings)
        else:
            bindings = pattern(context, clause, bindings)
    return bindings


# -- find

AGGREGATES: Mapping[str, Callable[[list[Any]], Any]] = {
    "count": len,
    "count-distinct": lambda xs: len({clj_key(x) for x in xs}),
    "sum": sum,
    "min": lambda xs: min(xs, key=compare_key),
    "max": lambda xs: max(xs, key=compare_key),
    "avg": lambda xs: sum(xs) / len(xs),
    "distinct": frozenset,
    "variance": statistics.pvariance,
}


def _inputs(spec: Sequence[Any], values: Sequence[Any]) -> tuple[Context, list[Binding]]:
    sources: dict[Symbol, Facts] = {}
    rules: dict[Symbol, list[Any]] = {}
    bindings: list[Binding] = [{}]
    for shape, value in zip(spec, values, strict=True):
        if is_source(shape):
            sources[shape] = value
        elif shape is _PERCENT:
            for rule in value:
                rules.setdefault(rule[0][0], []).append(rule)
        else:
            bindings = [found for binding in bindings for found in bind(binding, shape, value)]
    return Context(sources, rules), bindings


def evaluate(query: Mapping[str, Sequence[Any]], values: Sequence[Any]) -> set[Any]:
    """The answer as a set of Clojure keys of rows. ``with`` is for aggregates only."""
    context, bindings = _inputs(query["in"], values)
    find, with_vars = query["find"], list(query.get("with", ()))
    rows = list(where(context, query["where"], bindings))
    plain = [x for x in find if is_var(x)]
    aggregates = [x for x in find if not is_var(x)]
    if not aggregates:
        return {clj_key(tuple(b[v] for v in find)) for b in rows}
    basis = [*plain, *dict.fromkeys([*(x[1] for x in aggregates), *with_vars])]
    distinct = {clj_key(tuple(b[v] for v in basis)): b for b in rows}.values()
    groups: dict[Any, list[Binding]] = {}
    for b in distinct:
        groups.setdefault(clj_key(tuple(b[v] for v in plain)), []).append(b)
    answer = set()
    for members in groups.values():
        row = []
        for item in find:
            row.append(members[0][item] if is_var(item) else AGGREGATES[item[0].text]([b[item[1]] for b in members]))
        answer.add(clj_key(tuple(row)))
    return answer
