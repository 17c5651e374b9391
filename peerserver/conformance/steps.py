"""How each step of a case is run, and its answer put into the recorder's terms."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import attrs

from peerserver.database import Database
from peerserver.model.values import EdnList, Keyword, Symbol, Tagged
from peerserver.query import run_query

from . import library
from .client import Client, DbRef, Report, is_relation, query_parts
from .world import World, canonical, resolve

__all__ = ("Session",)

Step = Mapping[str, Any]
K = Keyword
_MANY_DATOMS = 100
_AGGREGATES_OF_IDS = frozenset({"min", "max", "distinct", "sample", "rand"})
_BOOT = Tagged("case/tx", 0)


@attrs.define
class Session:
    """One case under way: a connection, the peer library's view of the same database, and what the names mean."""

    client: Client
    present: Callable[[], Database]
    world: World = attrs.field(factory=World)
    withs: dict[str, tuple[Any, World]] = attrs.field(factory=dict)
    baseline: int = 0

    async def begin(self) -> None:
        await self.client.connect()
        await self.name(self.world, DbRef())
        self.baseline = (await self.client.db_stats(DbRef()))[K("datoms")]

    async def run(self, step: Step) -> Any:
        """The step's answer; raises Anomaly where the server refuses."""
        handler: Callable[[Session, Step], Awaitable[Any]] = _HANDLERS[step["op"].text]
        return await handler(self, step)

    # -- databases

    def spec(self, step: Step) -> dict[str, Any]:
        found = step.get("db", {})
        found = found.value if isinstance(found, Tagged) else found
        return {k.text: v for k, v in found.items()}

    def world_of(self, step: Step) -> World:
        """The branch that a step speaks of: that of its ``with`` database, if it has one."""
        names = [self.spec(step).get("with")]
        names += [{k.text: v for k, v in a.value.items()}.get("with") for a in step.get("args", ())
                  if isinstance(a, Tagged) and a.tag == "case/db"]
        name = next((n for n in names if n is not None), None)
        return self.world if name is None else self.withs[name][1]

    def ref(self, spec: Mapping[str, Any]) -> DbRef:
        world = self.world if "with" not in spec else self.withs[spec["with"]][1]
        base = None if "with" not in spec else self.withs[spec["with"]][0]
        points = {k: resolve(world, spec[k], _none) for k in ("as-of", "since") if k in spec}
        return DbRef(base, points.get("as-of"), points.get("since"), bool(spec.get("history")))

    def database(self, spec: Mapping[str, Any]) -> Database:
        """The same database for the peer library; it has no ``with`` values of the protocol."""
        ref = self.ref(spec)
        if ref.base is not None:
            raise NotImplementedError("a peer-library call on a with database")
        db = self.present()
        db = db if ref.as_of is None else db.as_of(ref.as_of)
        db = db if ref.since is None else db.since(ref.since)
        return db.history() if ref.history else db

    def arguments(self, step: Step, make: Callable[[Mapping[str, Any]], Any], log: Any = None) -> list[Any]:
        """A query's inputs: ``make`` is applied to databases; ``log`` stands for the log (default: as the wire has it)."""
        world = self.world_of(step)

        def special(tag: Tagged) -> Any:
            if tag.tag == "case/log":
                return {K("log"): self.client.id} if log is None else log
            return make({k.text: v for k, v in tag.value.items()})

        return [resolve(world, a, special) for a in step.get("args", (Tagged("case/db", {}),))]

    def given(self, step: Step, *names: str) -> dict[str, Any]:
        world = self.world_of(step)
        return {n: resolve(world, step[n], _none) for n in names if n in step}

    # -- naming

    async def name(self, world: World, ref: DbRef) -> None:
        """Takes the idents and types that a database has now, as the recorder does: by query."""
        world.idents = dict(await self.client.q(_IDENTS, [ref]))
        types = dict(await self.client.q(_TYPES, [ref]))
        world.types = {a: world.idents[t] for a, t in types.items()}

    def datom(self, world: World, d: Sequence[Any]) -> tuple[Any, ...]:
        return (world.symbol(d[0]), world.idents.get(d[1], d[1]), canonical(world, d[2], world.is_ref(d[1])),
                world.symbol(d[3]), d[4])

    def listed(self, world: World, datoms: Sequence[Sequence[Any]]) -> tuple[Any, ...]:
        found = tuple(self.datom(world, d) for d in datoms)
        return tuple(d for d in found if d[3] != _BOOT) if len(found) > _MANY_DATOMS else found

    def report(self, world: World, report: Report) -> Any:
        names = {k: world.symbol(v) for k, v in report.tempids.items()
                 if isinstance(k, str) and not k.startswith("datomic.")}
        return {K("tx-data"): _set(self.datom(world, d) for d in report.datoms), K("tempids"): names}


def _set(datoms: Any) -> Any:
    return Tagged("set", tuple(dict.fromkeys(datoms)))


def _none(tag: Tagged) -> Any:
    raise TypeError(f"{tag.tag} has no place here")


def _literals(form: Any) -> set[int]:
    """The longs that stand in transaction data: ids that the case chose itself have no names."""
    if isinstance(form, bool):
        return set()
    if isinstance(form, int):
        return {form}
    if isinstance(form, dict):
        return set().union(*(_literals(x) for pair in form.items() for x in pair))
    if isinstance(form, (tuple, frozenset)):
        return set().union(*(_literals(x) for x in form))
    return set()


async def _transact(session: Session, step: Step) -> Any:
    tx_data = resolve(session.world, step["tx-data"], _none)
    report = await session.client.transact(tx_data)
    world = session.world
    await session.name(world, DbRef())
    world.learn(report.datoms, report.tempids, _literals(tx_data), time.time_ns() // 1_000_000)
    return K("ok") if step.get("quiet") else session.report(world, report)


async def _with(session: Session, step: Step) -> Any:
    spec = session.spec(step)
    ref = session.ref(spec)
    tx_data = resolve(session.world_of(step), step["tx-data"], _none)
    if ref.base is None:
        ref = attrs.evolve(ref, base=await session.client.with_db())
    report = await session.client.with_(ref, tx_data)
    world = session.world_of(step).copy()
    # The branch's own schema: what it installed has names there and nowhere else.
    await session.name(world, DbRef({k: v for k, v in report.after.items() if k not in _FILTERS}))
    world.learn(report.datoms, report.tempids, _literals(tx_data), time.time_ns() // 1_000_000)
    if "save" in step:
        session.withs[step["save"]] = (report.after, world)
    return K("ok") if step.get("quiet") else session.report(world, report)


_E, _I = Symbol("?e"), Symbol("?i")
_IDENTS = (K("find"), _E, _I, K("where"), (_E, K("db/ident"), _I))
_TYPES = (K("find"), _E, _I, K("where"), (_E, K("db/valueType"), _I))
_FILTERS = (K("as-of"), K("since"))


async def _q(session: Session, step: Step) -> Any:
    world = session.world_of(step)
    query = resolve(world, step["query"], _none)
    parts = query_parts(query)
    find = parts.get("find", [])
    options = {n: step[n] for n in ("offset", "limit") if n in step}
    has_database = any(isinstance(a, Tagged) and a.tag == "case/db" for a in step.get("args", (Tagged("case/db", {}),)))
    if is_relation(find) and has_database:
        rows: Any = await session.client.q(query, session.arguments(step, session.ref), limit=options.pop("limit", -1),
                                           **options)
    else:
        rows = run_query(query, session.arguments(step, session.database, session.present()))
    if step.get("count-only"):
        return len(rows)
    return _shape(world, step, parts, rows)


def _shape(world: World, step: Step, parts: Mapping[str, list[Any]], rows: Any) -> Any:
    find = parts.get("find", [])
    ids = _id_variables(world, parts, step)
    flags = [_holds_ids(x, ids) for x in find]
    if rows is not None and is_relation(find):
        found = tuple(canonical(world, r) if isinstance(r, dict) else
                      tuple(canonical(world, v, f) for v, f in zip(r, flags, strict=False)) for r in rows)
        inside = step.get("unordered-inside")
        return Tagged("rows", tuple(_bagged(r) for r in found) if inside else found)
    if rows is None:
        return None
    if find and isinstance(find[0], tuple) and not isinstance(find[0], EdnList):
        names = [x for x in find[0] if x is not Symbol("...")]
        flags = [_holds_ids(x, ids) for x in names]
        if Symbol("...") in find[0]:
            return Tagged("rows", tuple(canonical(world, v, flags[0]) for v in rows))
        return tuple(canonical(world, v, f) for v, f in zip(rows, flags, strict=False))
    return canonical(world, rows, flags[0])


def _bagged(row: Any) -> Any:
    return tuple(Tagged("rows", x) if isinstance(x, tuple) else x for x in row) if isinstance(row, tuple) else row


def _holds_ids(element: Any, ids: set[Symbol]) -> bool:
    if isinstance(element, EdnList) and element:
        return isinstance(element[0], Symbol) and element[0].text in _AGGREGATES_OF_IDS and element[-1] in ids
    return element in ids if isinstance(element, Symbol) else False


def _id_variables(world: World, parts: Mapping[str, list[Any]], step: Step) -> set[Symbol]:
    """The variables that data patterns over a database make entity ids, as the recorder decides it."""
    names = parts.get("in", [Symbol("$")])
    args = step.get("args", (Tagged("case/db", {}),))
    sources = {n for n, a in zip(names, args, strict=False) if isinstance(a, Tagged) and a.tag == "case/db"}
    found: set[Symbol] = set(step.get("id-vars", ()))

    def pattern(clause: Sequence[Any], into: set[Symbol]) -> None:
        terms = list(clause)
        source = terms.pop(0) if terms and _starts(terms[0], "$") else Symbol("$")
        if source not in sources:
            return
        for position, term in enumerate(terms[:4]):
            if _starts(term, "?") and (position != 2 or _is_ref(world, terms[1])):
                into.add(term)

    def clause(form: Any, into: set[Symbol]) -> None:
        if not isinstance(form, tuple) or not form:
            return
        if not isinstance(form, EdnList):
            if not isinstance(form[0], tuple):
                pattern(form, into)
            return
        terms = form[1:] if _starts(form[0], "$") else tuple(form)
        head = terms[0].text if isinstance(terms[0], Symbol) else ""
        if head in ("not", "or", "and"):
            for inner in terms[1:]:
                clause(inner, into)
        elif head in ("not-join", "or-join"):
            inside: set[Symbol] = set()
            for inner in terms[2:]:
                clause(inner, inside)
            into |= inside & set(_flat(terms[1]))

    for form in parts.get("where", []):
        clause(form, found)
    return found


def _flat(form: Any) -> list[Any]:
    return [y for x in form for y in _flat(x)] if isinstance(form, tuple) else [form]


def _starts(term: Any, prefix: str) -> bool:
    return isinstance(term, Symbol) and term.text.startswith(prefix)


def _is_ref(world: World, attribute: Any) -> bool:
    return isinstance(attribute, Keyword) and any(
        name is attribute and world.is_ref(eid) for eid, name in world.idents.items())


async def _pull(session: Session, step: Step) -> Any:
    given = session.given(step, "selector", "eid")
    found = await session.client.pull(session.ref(session.spec(step)), given["selector"], given["eid"])
    return canonical(session.world_of(step), found)


async def _pull_many(session: Session, step: Step) -> Any:
    given = session.given(step, "selector", "eids")
    db = session.database(session.spec(step))
    return canonical(session.world_of(step), library.pull_many(db, given["selector"], given["eids"]))


async def _datoms(session: Session, step: Step) -> Any:
    given = session.given(step, "components", "offset", "limit")
    options = {"limit": given.pop("limit", -1)} | given
    found = await session.client.datoms(session.ref(session.spec(step)), "datoms", index=step["index"], **options)
    return session.listed(session.world_of(step), found)


async def _seek(session: Session, step: Step) -> Any:
    world = session.world_of(step)
    wanted = {world.ident_id(a) for a in step["attrs"]} if "attrs" in step else None
    found = library.seek(session.database(session.spec(step)), step["index"].text,
                         session.given(step, "components").get("components", ()), wanted, step.get("limit", 20))
    return session.listed(world, [(d.e, d.a, d.v, d.tx, d.added) for d in found])


async def _index_range(session: Session, step: Step) -> Any:
    given = {"limit": -1} | session.given(step, "attrid", "start", "end", "offset", "limit")
    found = await session.client.datoms(session.ref(session.spec(step)), "index-range", **given)
    return session.listed(session.world_of(step), found)


async def _index_pull(session: Session, step: Step) -> Any:
    given = {"limit": -1} | session.given(step, "index", "selector", "start", "reverse", "offset", "limit")
    found = await session.client.index_pull(session.ref(session.spec(step)), **given)
    return tuple(canonical(session.world_of(step), x) for x in found)


async def _tx_range(session: Session, step: Step) -> Any:
    world = session.world
    given = {"limit": -1} | session.given(step, "start", "end", "offset", "limit")
    found = []
    for t, datoms in await session.client.tx_range(**given):
        symbol = world.t_symbol(t)
        if symbol is not None:
            found.append({K("t"): symbol, K("data"): _set(session.datom(world, d) for d in datoms)})
    return tuple(found)


async def _db_stats(session: Session, step: Step) -> Any:
    stats = await session.client.db_stats(session.ref(session.spec(step)))
    mine = {k: v for k, v in stats[K("attrs")].items()
            if (k.namespace or "") not in ("db", "fressian") and not (k.namespace or "").startswith("db.")}
    return {K("datoms-added"): stats[K("datoms")] - session.baseline, K("attrs"): mine}


async def _basis_t(session: Session, step: Step) -> Any:
    return session.world.t_symbol(session.database(session.spec(step)).basis_t) or K("bootstrap")


async def _entid(session: Session, step: Step) -> Any:
    found = session.database(session.spec(step)).entid(session.given(step, "ident")["ident"])
    return canonical(session.world, found, True)


async def _ident(session: Session, step: Step) -> Any:
    return session.database(session.spec(step)).ident_of(session.given(step, "eid")["eid"])


async def _attribute(session: Session, step: Step) -> Any:
    return library.attribute(session.database(session.spec(step)), session.given(step, "attrid")["attrid"])


_HANDLERS: Mapping[str, Callable[[Session, Step], Awaitable[Any]]] = {
    "transact": _transact, "with": _with, "q": _q, "qseq": _q, "pull": _pull, "pull-many": _pull_many,
    "datoms": _datoms, "seek-datoms": _seek, "index-range": _index_range, "index-pull": _index_pull,
    "tx-range": _tx_range, "db-stats": _db_stats, "basis-t": _basis_t, "entid": _entid, "ident": _ident,
    "attribute": _attribute,
}
