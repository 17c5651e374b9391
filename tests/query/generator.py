"""Random small databases and random queries over them, from a seed: what the engine is held against ``naive`` with."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import attrs

from peerserver.model.values import EdnList, Instant, Keyword, Symbol

__all__ = ("ATTRIBUTES", "Attr", "Case", "query_of", "schema", "transactions")

K, S = Keyword, Symbol


@attrs.frozen
class Attr:
    """An attribute of the random databases."""

    ident: Keyword
    kind: str
    many: bool = False
    index: bool = False


ATTRIBUTES = (
    Attr(K("a/name"), "string", index=True),
    Attr(K("a/nick"), "string", many=True),
    Attr(K("a/age"), "long", index=True),
    Attr(K("a/points"), "long", many=True),
    Attr(K("a/height"), "double"),
    Attr(K("a/ok"), "boolean"),
    Attr(K("a/at"), "instant"),
    Attr(K("a/tag"), "keyword", many=True, index=True),
    Attr(K("a/boss"), "ref"),
    Attr(K("a/friend"), "ref", many=True),
)
OF_KIND = {kind: [x for x in ATTRIBUTES if x.kind == kind] for kind in {x.kind for x in ATTRIBUTES}}
_POOLS: dict[str, Sequence[Any]] = {
    "string": ("x", "y", "z", "Ann", ""),
    "long": (0, 1, 2, 3, 40, -1),
    "double": (0.5, 1.0, -2.25, 3.0),
    "boolean": (True, False),
    "instant": (Instant(0), Instant(1_000), Instant(1_600_000_000_000)),
    "keyword": (K("t/a"), K("t/b"), K("plain")),
}


def schema() -> list[dict[Keyword, Any]]:
    """The transaction that installs ATTRIBUTES."""
    return [
        {
            K("db/ident"): x.ident,
            K("db/valueType"): K(f"db.type/{x.kind}"),
            K("db/cardinality"): K("db.cardinality/many" if x.many else "db.cardinality/one"),
            K("db/index"): x.index,
        }
        for x in ATTRIBUTES
    ]


def transactions(rng: random.Random, entities: int, count: int) -> list[list[Any]]:
    """Transactions over ``entities`` entities that are named ``:e/0`` …; later ones change and retract."""
    idents = [K(f"e/{n}") for n in range(entities)]
    made: list[list[Any]] = [[{K("db/ident"): ident} for ident in idents]]
    for _ in range(count):
        tx: dict[tuple[Keyword, Keyword], list[Any]] = {}
        for _ in range(rng.randint(1, 6)):
            x = rng.choice(ATTRIBUTES)
            v = rng.choice(idents) if x.kind == "ref" else rng.choice(_POOLS[x.kind])
            op = K("db/retract") if rng.random() < 0.25 else K("db/add")
            e = rng.choice(idents)
            tx[(e, x.ident)] = [op, e, x.ident, v]
        made.append([tuple(op) for op in tx.values()])
    return made


@attrs.define
class Case:
    """A query under construction; ``bound`` maps variables to the kind of value that they hold."""

    rng: random.Random
    idents: Sequence[Keyword]
    find: list[Any] = attrs.field(factory=list)
    inputs: list[Any] = attrs.field(factory=lambda: [S("$")])
    values: list[Any] = attrs.field(factory=list)
    where: list[Any] = attrs.field(factory=list)
    bound: dict[Symbol, str] = attrs.field(factory=dict)
    views: list[str] = attrs.field(factory=lambda: ["now"])
    uses_rules: bool = False
    count: int = 0

    def fresh(self) -> Symbol:
        self.count += 1
        return S(f"?v{self.count}")

    def some(self, kind: str) -> Symbol | None:
        names = [name for name, k in self.bound.items() if k == kind]
        return self.rng.choice(names) if names else None

    def constant(self, kind: str) -> Any:
        return self.rng.choice(self.idents) if kind == "ref" else self.rng.choice(_POOLS[kind])

    def pattern(self, scope: dict[Symbol, str], sources: bool = True) -> tuple[Any, ...]:
        """A data pattern; variables that it binds go into ``scope``."""
        rng = self.rng
        x = rng.choice(ATTRIBUTES)
        entity: Any = None
        known = [n for n, k in {**self.bound, **scope}.items() if k == "ref"]
        roll = rng.random()
        if known and roll < 0.7:
            entity = rng.choice(known)
        elif roll < 0.8:
            entity = rng.choice(self.idents)
        else:
            entity = self.fresh()
            scope[entity] = "ref"
        terms: list[Any] = [entity, x.ident]
        roll = rng.random()
        same_kind = [n for n, k in {**self.bound, **scope}.items() if k == x.kind]
        if roll < 0.5:
            v = self.fresh()
            scope[v] = x.kind
            terms.append(v)
        elif roll < 0.65 and same_kind:
            terms.append(rng.choice(same_kind))
        elif roll < 0.85:
            terms.append(self.constant(x.kind))
        elif roll < 0.92:
            terms.append(S("_"))
        if len(terms) == 3 and rng.random() < 0.12:
            tx = self.fresh()
            scope[tx] = "tx"
            terms.append(tx)
            if rng.random() < 0.4:
                op = self.fresh()
                scope[op] = "boolean"
                terms.append(op)
        if sources and len(self.views) > 1 and rng.random() < 0.5:
            terms.insert(0, S("$b"))
        return tuple(terms)


def _predicate(case: Case) -> None:
    rng = case.rng
    kind = rng.choice(("long", "string", "double", "instant", "keyword"))
    var = case.some(kind)
    if var is None:
        return
    other = case.some(kind) if rng.random() < 0.4 else case.constant(kind)
    op = rng.choice(("<", ">", "<=", ">=", "=", "!="))
    args = (var, other) if rng.random() < 0.7 else (other, var)
    case.where.append((EdnList((S(op), *args)),))


def _function(case: Case) -> None:
    rng = case.rng
    result = case.fresh()
    roll = rng.random()
    long, string, entity = case.some("long"), case.some("string"), case.some("ref")
    if roll < 0.35 and long is not None:
        case.where.append((EdnList((S(rng.choice("+-*")), long, rng.choice((1, 2, 3)))), result))
        case.bound[result] = "long"
    elif roll < 0.5 and string is not None:
        case.where.append((EdnList((S("count"), string)), result))
        case.bound[result] = "long"
    elif roll < 0.65 and entity is not None:
        x = rng.choice([x for x in ATTRIBUTES if not x.many and x.kind != "ref"])
        case.where.append((EdnList((S("get-else"), S("$"), entity, x.ident, case.constant(x.kind))), result))
        case.bound[result] = x.kind
    elif roll < 0.75 and entity is not None:
        case.where.append((EdnList((S("missing?"), S("$"), entity, rng.choice(ATTRIBUTES).ident)),))
    elif roll < 0.9:
        case.where.append((EdnList((S("ground"), tuple(rng.sample(_POOLS["long"], 3)))), (result, S("..."))))
        case.bound[result] = "long"


def _not(case: Case) -> None:
    rng = case.rng
    entity = case.some("ref")
    if entity is None:
        return
    if rng.random() < 0.5:
        x = rng.choice(ATTRIBUTES)
        terms: list[Any] = [entity, x.ident]
        if rng.random() < 0.6:
            same_kind = case.some(x.kind)
            terms.append(same_kind if same_kind is not None and rng.random() < 0.5 else case.constant(x.kind))
        case.where.append(EdnList((S("not"), tuple(terms))))
    else:
        x = rng.choice(ATTRIBUTES)
        v = case.fresh()
        clauses: list[Any] = [(entity, x.ident, v)]
        if x.kind == "ref" and rng.random() < 0.7:
            y = rng.choice(ATTRIBUTES)
            clauses.append((v, y.ident, case.constant(y.kind)))
        elif x.kind == "long":
            clauses.append((EdnList((S("<"), v, rng.choice((1, 2, 40)))),))
        case.where.append(EdnList((S("not-join"), (entity,), *clauses)))


def _or(case: Case) -> None:
    rng = case.rng
    entity = case.some("ref")
    if entity is None:
        entity = case.fresh()
    if rng.random() < 0.5:
        x = rng.choice(ATTRIBUTES)
        branches: list[Any] = [(entity, x.ident, case.constant(x.kind)) for _ in range(2)]
        y = rng.choice(ATTRIBUTES)
        branches.append((entity, y.ident))
        case.where.append(EdnList((S("or"), *branches)))
    else:
        x = rng.choice(OF_KIND["ref"])
        v, w = case.fresh(), case.fresh()
        z = rng.choice(OF_KIND["long"])
        two_steps = EdnList((S("and"), (entity, x.ident, w), (w, z.ident, v)))
        case.where.append(EdnList((S("or-join"), (entity, v), two_steps, (entity, z.ident, v))))
        case.bound[v] = "long"
    case.bound[entity] = "ref"


RULES = (
    (EdnList((S("linked"), S("?x"), S("?y"))), (S("?x"), K("a/boss"), S("?y"))),
    (EdnList((S("linked"), S("?x"), S("?y"))), (S("?x"), K("a/friend"), S("?y"))),
    (EdnList((S("above"), S("?x"), S("?y"))), (S("?x"), K("a/boss"), S("?y"))),
    (EdnList((S("above"), S("?x"), S("?y"))), (S("?x"), K("a/boss"), S("?z")), EdnList((S("above"), S("?z"), S("?y")))),
    (EdnList((S("reach"), S("?x"), S("?y"))), EdnList((S("linked"), S("?x"), S("?y")))),
    (EdnList((S("reach"), S("?x"), S("?y"))), EdnList((S("reach"), S("?x"), S("?z"))),
     EdnList((S("linked"), S("?z"), S("?y")))),
    (EdnList((S("odd"), S("?x"), S("?y"))), (S("?x"), K("a/boss"), S("?y"))),
    (EdnList((S("odd"), S("?x"), S("?y"))), (S("?x"), K("a/boss"), S("?z")), EdnList((S("even"), S("?z"), S("?y")))),
    (EdnList((S("even"), S("?x"), S("?y"))), (S("?x"), K("a/boss"), S("?z")), EdnList((S("odd"), S("?z"), S("?y")))),
)


def _rule(case: Case) -> None:
    rng = case.rng
    name = S(rng.choice(("linked", "above", "reach", "odd", "even")))
    args: list[Any] = []
    for _ in range(2):
        known = case.some("ref")
        if known is not None and rng.random() < 0.6:
            args.append(known)
        else:
            args.append(case.fresh())
    case.where.append(EdnList((name, *args)))
    for arg in args:
        case.bound[arg] = "ref"
    case.uses_rules = True


def _input(case: Case) -> None:
    rng = case.rng
    kind = rng.choice(("long", "string", "keyword"))
    var = case.fresh()
    pool = _POOLS[kind]
    roll = rng.random()
    if roll < 0.4:
        case.inputs.append(var)
        case.values.append(rng.choice(pool))
    elif roll < 0.7:
        case.inputs.append((var, S("...")))
        case.values.append(tuple(rng.sample(pool, 2)))
    else:
        other = case.fresh()
        case.inputs.append(((var, other),))
        case.values.append(tuple((rng.choice(pool), rng.choice(_POOLS["long"])) for _ in range(3)))
        case.bound[other] = "long"
    case.bound[var] = kind


def _find(case: Case) -> list[Symbol]:
    """Fills ``find``; returns the ``:with`` variables."""
    rng = case.rng
    names = list(case.bound)
    chosen = rng.sample(names, min(len(names), rng.randint(1, 3)))
    if rng.random() < 0.75:
        case.find = chosen
        return []
    kind = case.bound[chosen[-1]]
    pool = ["count", "count-distinct", "min", "max", "distinct"]
    if kind == "long":
        pool += ["sum", "avg"]
    if kind == "boolean":
        pool = ["count", "count-distinct", "distinct"]
    case.find = [*chosen[:-1], EdnList((S(rng.choice(pool)), chosen[-1]))]
    rest = [n for n in names if n not in chosen]
    return rng.sample(rest, min(len(rest), rng.randint(0, 2))) if rng.random() < 0.5 else []


def query_of(rng: random.Random, idents: Sequence[Keyword]) -> tuple[dict[str, list[Any]], list[Any], list[str]]:
    """(query by parts, inputs after the databases, the view that each database input is)."""
    case = Case(rng, idents)
    case.views = [rng.choice(("now", "now", "now", "as-of", "since", "history"))]
    if rng.random() < 0.1:
        case.views.append(rng.choice(("now", "as-of", "history")))
        case.inputs.append(S("$b"))
    if rng.random() < 0.3:
        _input(case)
    if rng.random() < 0.25:
        _rule(case)
    for _ in range(rng.randint(1, 3)):
        scope: dict[Symbol, str] = {}
        case.where.append(case.pattern(scope))
        case.bound.update(scope)
    for step, chance in ((_predicate, 0.4), (_function, 0.3), (_not, 0.25), (_or, 0.2)):
        if rng.random() < chance:
            step(case)
    if not case.bound:
        return query_of(rng, idents)
    with_vars = _find(case)
    inputs, values = list(case.inputs), list(case.values)
    if case.uses_rules:
        inputs.insert(len(case.views), S("%"))
        values.insert(0, RULES)
    query = {"find": case.find, "in": inputs, "where": case.where}
    if with_vars:
        query["with"] = with_vars
    return query, values, case.views
