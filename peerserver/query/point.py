"""Patterns on a handful of rows: point reads with Python ints, since a NumPy call costs more than the work.

:func:`scan_points` says None where it has no quick way, and ``scan`` does it. What is not decided here: anything that
``scan`` doesn't decide the same.
"""

from __future__ import annotations

from peerserver.database import Database
from peerserver.model.values import Symbol

from .ast import Const, Pattern, Term, is_variable
from .context import Context
from .entities import attribute_id, pattern_constant, resolve_entity
from .kinds import INT, Kind
from .relation import Column, Relation

__all__ = ("scan_points",)


def scan_points(ctx: Context, db: Database, rel: Relation, pattern: Pattern, needed: frozenset[Symbol]
                ) -> Relation | None:
    """As ``scan``, for a pattern ``[e :attr v?]`` with the entity bound, or the value of a unique attribute."""
    terms = pattern.terms
    count = len(terms)
    if db.is_filtered or count < 2 or count > 3 or terms[1].__class__ is not Const:
        return None
    attribute = db.schema.attributes.get(attribute_id(db, terms[1].value))
    if attribute is None:
        return None
    cols = rel.cols
    e_term = terms[0]
    v_term = terms[2] if count == 3 else None
    if e_term in cols and cols[e_term].kind is INT:
        if v_term is None or not is_variable(v_term) or v_term in cols or v_term is e_term:
            return None
        return _by_entity(db, rel, attribute.id, ctx.kind_of(db, attribute), e_term, v_term, needed)
    if attribute.unique is not None and v_term is not None and is_variable(e_term) and e_term not in cols:
        if v_term.__class__ is Const:
            value = v_term.value if attribute.is_ref else pattern_constant(attribute, v_term.value)
            if rel.n != 1:
                return None
        elif v_term in cols and rel.n == 1:
            column = cols[v_term]
            value = column.kind.decode_one(column.codes()[0])
            if not attribute.is_ref:
                value = pattern_constant(attribute, value)
        else:
            return None
        code = resolve_entity(db, value, pattern.form) if attribute.is_ref else db.encode(attribute.type, value)
        holder = None if code is None else db.holder(attribute.id, code)
        if holder is None and attribute.type.name == "uri":
            return None
        if holder is None:
            return None
        kept = {name: c for name, c in cols.items() if name in needed}
        if e_term in needed:
            kept[e_term] = Column(INT, [holder])
        return Relation(1, kept, (frozenset(),))
    return None


def _by_entity(db: Database, rel: Relation, aid: int, kind: Kind, e_term: Term, v_term: Symbol,
               needed: frozenset[Symbol]) -> Relation:
    found: list[int] = []
    owners: list[int] = []
    codes = db.codes
    single = True
    for i, e in enumerate(rel.cols[e_term].codes()):
        vs = codes(e, aid)
        if len(vs) == 1:
            found.append(vs[0])
            owners.append(i)
        else:
            single = False
            found.extend(vs)
            owners.extend([i] * len(vs))
    if single:
        cols = {name: c for name, c in rel.cols.items() if name in needed}
        keys = rel.keys
    else:
        cols = {}
        for name, c in rel.cols.items():
            if name in needed:
                data = c.codes()
                cols[name] = Column(c.kind, [data[i] for i in owners])
        keys = tuple(key | {v_term} for key in rel.keys)
    if v_term in needed:
        cols[v_term] = Column(kind, found)
    return Relation(len(found), cols, keys)
