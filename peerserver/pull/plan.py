"""A pattern under a schema: specs that are filled in, the wildcard, and the edges that recursion follows.

Plans are made once for a pattern and a schema. What is not decided here: how recursion goes on (``expand``).
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs
import numpy as np

from peerserver.database import Database
from peerserver.index.rows import Ints
from peerserver.model.schema import Attribute, Schema
from peerserver.model.values import Keyword

from .pattern import DEFAULT_LIMIT, NO_DEFAULT, Pattern, Recursion
from .pattern import Spec as AttrSpec
from .specs import Absent, Out, Spec, SubPlan
from .xforms import Xform, find_xform

__all__ = ("NO_XFORMS", "Edge", "Node", "Plan", "compiled")

_DB_ID: Final = Keyword("db/id")
# Below this many entities, point reads are faster than columns.
_FEW: Final = 16
_CACHE_SIZE: Final = 512
NO_XFORMS: Final[Mapping[str, Xform]] = {}


@attrs.frozen(eq=False)
class Edge:
    """A reference that is followed with the same plan. ``depth`` 0: without end."""

    spec: Spec
    depth: int


#: An entity's own part of a result, and the children under each edge that has any: (index of the edge, children).
Node = tuple[Out, list[tuple[int, list[int]]]]


class Plan(SubPlan):
    """What a pattern asks under a schema. ``edges``: recursive references; of a whole-component plan, its components."""

    __slots__ = ("_of_attribute", "all_components", "edges", "explicit", "id_key", "schema", "specs", "wild")

    def __init__(self, schema: Schema, *, id_key: Any, wild: bool, all_components: bool = False) -> None:
        self.schema = schema
        self.id_key = id_key
        self.wild = wild
        self.all_components = all_components
        self.specs: list[Absent] = []
        self.edges: list[Edge] = []
        self.explicit: frozenset[Keyword] = frozenset()
        self._of_attribute: dict[int, Spec | Edge | None] = {}

    # -- results

    def one(self, db: Database, e: int) -> Out | None:
        if self.edges or self.wild or db.is_history:
            return self.many(db, (e,))[0]
        out: Out = {} if self.id_key is None else {self.id_key: e}
        for spec in self.specs:
            spec.fill(db, e, out)
        return out or None

    def named(self, db: Database, e: int) -> Out | None:
        """As :meth:`one`, for an entity that was asked for by an ident or a lookup ref."""
        if self.edges:
            from .expand import expand
            return expand(self, db, (e,), by_name=True)[0]
        return self.one(db, e)

    def many(self, db: Database, es: Sequence[int]) -> list[Out | None]:
        if self.edges or self.all_components:
            from .expand import expand
            return expand(self, db, es)
        key = self.id_key
        outs: list[Out] = [{} for _ in es] if key is None else [{key: e} for e in es]
        self._fill(db, es, outs, ())
        return [out or None for out in outs] if key is None else outs  # type: ignore[return-value]

    def missing(self) -> Out | None:
        out: Out = {} if self.id_key is None else {self.id_key: None}
        for spec in self.specs:
            spec.fill_missing(out)
        for edge in self.edges:
            edge.spec.fill_missing(out)
        return out or None

    # -- reading, without following edges

    def read(self, db: Database, es: Sequence[int]) -> list[Node]:
        """Each entity's own part and its children. Results of equal entities are not shared."""
        key = self.id_key
        outs: list[Out] = [{} for _ in es] if key is None else [{key: e} for e in es]
        kids: list[list[tuple[int, list[int]]]] = [[] for _ in es]
        self._fill(db, es, outs, kids)
        if not self.all_components:
            for n, edge in enumerate(self.edges):
                for out, some, children in zip(outs, kids, edge.spec.children(db, es)):
                    if children:
                        some.append((n, children))
                    else:
                        value = edge.spec.absent()
                        if value is not None:
                            out[edge.spec.key] = value
        return list(zip(outs, kids))

    def _fill(self, db: Database, es: Sequence[int], outs: Sequence[Out],
              kids: Sequence[list[tuple[int, list[int]]]]) -> None:
        if len(es) < _FEW and not db.is_history:
            for i, e in enumerate(es):
                self._read_one(db, e, outs[i], kids[i] if kids else [])
            return
        column = np.asarray(es, np.int64)
        if self.wild:
            self._wild_many(db, column, outs, kids)
        for spec in self.specs:
            spec.fill_many(db, column, outs)

    def _read_one(self, db: Database, e: int, out: Out, kids: list[tuple[int, list[int]]]) -> None:
        if self.wild:
            found: dict[int, list[int]] = {}
            for aid, code in db.entity_codes(e):
                found.setdefault(aid, []).append(code)
            for aid in sorted(found):
                spec = self._implied(aid)
                if isinstance(spec, Edge):
                    kids.append((self.edges.index(spec), sorted(found[aid])[:DEFAULT_LIMIT]))
                elif spec is not None:
                    value = spec.built(db, found[aid])
                    if value is not None:
                        out[spec.key] = value
        for explicit in self.specs:
            explicit.fill(db, e, out)

    def _wild_many(self, db: Database, es: Ints, outs: Sequence[Out],
                   kids: Sequence[list[tuple[int, list[int]]]]) -> None:
        at, rows = db.entities_rows(es)
        if not len(at):
            return
        assert rows.a is not None
        order = np.argsort(rows.a, kind="stable")
        a = rows.a[order]
        starts = [0, *(np.flatnonzero(a[1:] != a[:-1]) + 1).tolist()]
        for lo, hi in zip(starts, [*starts[1:], len(a)]):
            spec = self._implied(int(a[lo]))
            index = order[lo:hi]
            if isinstance(spec, Edge):
                n = self.edges.index(spec)
                owners, starts_of, ends, codes = spec.spec._bounds(at[index], rows.v[index])
                listed = codes.tolist()
                for i, start, end in zip(owners, starts_of, ends):
                    kids[i].append((n, listed[start:min(end, start + DEFAULT_LIMIT)]))
            elif spec is not None:
                spec.fill_from(db, at[index], rows.v[index], outs)

    def _implied(self, aid: int) -> Spec | Edge | None:
        # What the wildcard makes of an attribute; None if the pattern names it itself.
        try:
            return self._of_attribute[aid]
        except KeyError:
            attribute = self.schema.attributes.get(aid)
            found: Spec | Edge | None = None
            if attribute is not None and attribute.ident not in self.explicit:
                found = self._of_wildcard(attribute)
            if isinstance(found, Edge):
                self.edges.append(found)
            return self._of_attribute.setdefault(aid, found)

    def _of_wildcard(self, attribute: Attribute) -> Spec | Edge:
        key: Any = attribute.ident if self.id_key is _DB_ID else f":{attribute.ident.text}"
        component = attribute.is_ref and attribute.component
        if component and self.all_components:
            return Edge(Spec(key, attribute, limit=DEFAULT_LIMIT, id_key=self.id_key), 0)
        sub = _components(self.schema, self.id_key) if component else None
        return Spec(key, attribute, limit=DEFAULT_LIMIT, sub=sub, id_key=self.id_key)


# -- making plans


_plans: dict[tuple[Pattern, Schema, int], tuple[Plan, Mapping[str, Xform]]] = {}
_lock = threading.Lock()


def compiled(pattern: Pattern, schema: Schema, xforms: Mapping[str, Xform] = NO_XFORMS) -> Plan:
    """The plan of a pattern under a schema; the same for the same objects."""
    key = (pattern, schema, id(xforms))
    kept = _plans.get(key)
    if kept is None:
        # The list of functions is held with the plan, so that its id names no other.
        kept = _planned(schema, pattern, xforms), xforms
        with _lock:
            if len(_plans) >= _CACHE_SIZE:
                _plans.clear()
            _plans[key] = kept
    return kept[0]


def _components(schema: Schema, id_key: Any) -> Plan:
    return Plan(schema, id_key=id_key, wild=True, all_components=True)


def _planned(schema: Schema, pattern: Pattern, xforms: Mapping[str, Xform]) -> Plan:
    id_key: Any = None
    if pattern.wildcard is not None:
        id_key = ":db/id" if pattern.wildcard == "text" else _DB_ID
    elif pattern.db_id:
        id_key = _DB_ID
    plan = Plan(schema, id_key=id_key, wild=pattern.wildcard is not None)
    # Of two attributes under one key the first counts: it is filled last.
    for spec in reversed(pattern.specs):
        found = _resolved(schema, spec.name)
        default = None if spec.default is NO_DEFAULT else spec.default
        xform = None if spec.xform is None else find_xform(spec.xform, xforms)
        if found is None:
            plan.specs.append(Absent(spec.key, default, xform))
        else:
            _add(plan, spec, found, default, xform, xforms)
    if plan.wild:
        # By name, not by attribute (oracle: pull-forms/rename), and by the kind of key.
        plan.explicit = frozenset(spec.name for spec in pattern.specs if spec.as_text == (pattern.wildcard == "text"))
    return plan


def _add(plan: Plan, spec: AttrSpec, found: tuple[Attribute, bool], default: Any, xform: Xform | None,
         xforms: Mapping[str, Xform]) -> None:
    attribute, reverse = found
    schema = plan.schema
    id_key: Any = ":db/id" if spec.as_text else _DB_ID
    sub: SubPlan | None = None
    if isinstance(spec.sub, Pattern):
        sub = _planned(schema, spec.sub, xforms)
    elif isinstance(spec.sub, Recursion):
        if attribute.is_ref:
            made = Spec(spec.key, attribute, reverse=reverse, limit=spec.limit, default=default, xform=xform)
            plan.edges.append(Edge(made, spec.sub.levels or 0))
            return
        sub = Plan(schema, id_key=None, wild=False)
    elif attribute.is_ref and attribute.component and not reverse:
        sub = _components(schema, id_key)
    plan.specs.append(Spec(spec.key, attribute, reverse=reverse, limit=spec.limit, default=default, xform=xform,
                           sub=sub, id_key=id_key, keep_nil=plan.wild and not reverse))


def _resolved(schema: Schema, name: Keyword) -> tuple[Attribute, bool] | None:
    """The attribute that a name means, and whether backwards. A name that the schema has wins over a reverse."""
    attribute = schema.attribute(name)
    if attribute is not None:
        return attribute, False
    if not name.name.startswith("_") or len(name.name) < 2:
        return None
    forward = name.name[1:]
    attribute = schema.attribute(Keyword(f"{name.namespace}/{forward}" if name.namespace else forward))
    if attribute is None or not attribute.is_ref:
        return None
    return attribute, True
