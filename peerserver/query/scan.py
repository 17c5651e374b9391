"""Data patterns on a database: from bound columns to rows of an index.

:func:`choose` is the one place where an index is chosen. What is not decided here: what stands in a pattern's positions
(``probes``), the order of patterns (``plan``).
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from peerserver.database import Database, Rows
from peerserver.index.rows import NO_INTS, Bools, Ints
from peerserver.model.schema import Attribute
from peerserver.model.values import Symbol

from .ast import BLANK, Const, Pattern, is_variable
from .clauses import insufficient
from .context import Context
from .entities import attribute_id
from .kinds import BOOL, INT, Kind
from .probes import Probe, Probing
from .ranges import Limits
from .relation import Column, Keys, Relation, convert, distinct_codes, is_member, join_index
from .text import edn_text

__all__ = ("Scan", "choose", "scan")

_MANY: Final = 10_000


class Scan(Probing):
    """A pattern read: probes, access, residual filters, new columns."""

    def __init__(self, ctx: Context, db: Database, rel: Relation, pattern: Pattern, needed: frozenset[Symbol],
                 limits: Limits | None) -> None:
        super().__init__(ctx, db, rel, pattern)
        self.needed, self.limits = needed, limits

    def run(self) -> Relation:
        if self.a.__class__ is Const:
            return self.of_attribute(attribute_id(self.db, self.a.value))
        if self.a in self.rel.cols:
            return self.of_attribute_column()
        return self.of_any_attribute()

    def nothing(self) -> Relation:
        """No rows, with the columns that later clauses expect."""
        cols = {name: Column(c.kind, NO_INTS) for name, c in self.rel.cols.items() if name in self.needed}
        for term in (self.e, self.a, self.v, self.tx, self.op):
            if is_variable(term) and term in self.needed and term not in cols:
                cols[term] = Column(INT, NO_INTS)
        return Relation(0, cols, (frozenset(),))

    def of_attribute_column(self) -> Relation:
        """A bound attribute variable: one scan for each attribute that it holds. Unless it is a constant of the query,
        nobody knows what entity and value stand for: they are ids and values, no names (oracle: query-deep/attrvar-*,
        query-rest/attrs-*)."""
        column = self.rel.cols[self.a]
        codes = column.array()
        known = distinct_codes(codes)
        parts = []
        whole = self.rel
        for code, value in zip(known.tolist(), column.kind.decode(known)):
            self.rel = whole if len(known) == 1 else whole.filter(codes == code)
            self.probes, self.empty = {}, False
            parts.append(self.of_attribute(attribute_id(self.db, value), self.a in self.ctx.constants))
        self.rel = whole
        if not parts:
            return self.nothing()
        if len(parts) == 1:
            return parts[0]
        from .relation import union
        return union(parts, list(parts[0].cols), self.ctx.pool)

    def of_attribute(self, aid: int, names: bool = True) -> Relation:
        """The pattern on one attribute; ``names``: whether entity and value may be names of entities."""
        attribute = self.db.schema.attributes.get(aid)
        if attribute is None:
            return self.nothing()
        db, kind = self.db, self.ctx.kind_of(self.db, attribute)
        if self.is_bound(self.e):
            if names or self.e.__class__ is Const or self.e in self.ctx.constants:
                self.entity_probe("e", self.e)
            else:
                self.plain_probe("e", self.e, INT)
        if self.is_bound(self.v) and not self.empty:
            if names or not (attribute.is_ref or attribute.type.name == "keyword"):
                self.value_probe(attribute, kind)
            else:
                self.plain_probe("v", self.v, kind)
        if self.is_bound(self.tx) and not self.empty:
            self.tx_probe()
        if self.is_bound(self.op) and not self.empty:
            self.op_probe()
        if self.empty or not self.rel.n:
            return self.nothing()
        access = choose(db, attribute, self.probes)
        at: Ints | None
        if access in ("e", "v"):
            probe = self.probes.pop(access)
            if probe.many is not None and self.only_exists():
                return self.semi_join(aid, access, probe.many)
            if self.rel.n > _MANY:
                # Far beyond the budget: refused before the rows are made. The average may be off, hence the quarter.
                expected = self.rel.n * db.estimate(aid, access == "e", access == "v")
                self.ctx.budget.admit(int(expected / 4), len(self.needed))
            read = db.rows_of_entities if access == "e" else db.rows_of_values
            at, rows = read(aid, probe.codes())
            if probe.many is None:
                at = None
        elif access == "tx":
            probe = self.probes.pop("tx")
            at, rows = self.join_tx(aid, probe)
        else:
            at = None
            rows = db.rows(aid) if self.limits is None else db.rows_in_range(aid, *self.limits)
        return self.finish(at, rows, kind, access, attribute)

    def join_tx(self, aid: int, probe: Probe) -> tuple[Ints | None, Rows]:
        rows = self.db.rows(aid)
        if probe.many is None:
            return None, rows.take(np.flatnonzero(rows.tx == probe.one))
        at, place = join_index(probe.many, rows.tx)
        return at, rows.take(place)

    def only_exists(self) -> bool:
        """Whether the rows themselves are of no interest: only that there are some."""
        if self.probes or self.db.is_history:
            return False
        seen = [t for t in (self.e, self.v, self.tx, self.op) if is_variable(t)]
        return len(set(seen)) == len(seen) and not any(t in self.needed and t not in self.rel.cols for t in seen)

    def semi_join(self, aid: int, access: str, probe: Ints) -> Relation:
        """The rows of the relation that have a partner."""
        rel = self.rel.project(self.needed)
        if self.db.count(aid) > 16 * len(probe):
            read = self.db.rows_of_entities if access == "e" else self.db.rows_of_values
            at, _ = read(aid, probe)
            mask = np.zeros(len(probe), np.bool_)
            mask[at] = True
            return rel.filter(mask)
        rows = self.db.rows(aid)
        return rel.filter(is_member(probe, rows.e if access == "e" else rows.v))

    def finish(self, at: Ints | None, rows: Rows, kind: Kind | None, access: str,
               attribute: Attribute | None) -> Relation:
        """Residual filters, then the columns."""
        rel, ctx = self.rel, self.ctx
        mask: Bools | None = None
        for name, probe in self.probes.items():
            column = {"e": rows.e, "v": rows.v, "tx": rows.tx}.get(name)
            if name == "op":
                column = rows.added_or_true().astype(np.int64)
            assert column is not None
            if probe.many is None:
                found = column == probe.one
            elif at is None:
                # Nothing joined the relation with these rows yet.
                at, place = join_index(probe.many, column)
                rows = rows.take(place)
                mask = None if mask is None else mask[place]
                continue
            else:
                found = column == probe.many[at]
            mask = found if mask is None else mask & found
        for found in self.repeats(rows, kind):
            mask = found if mask is None else mask & found
        if mask is not None and not bool(mask.all()):
            index = np.flatnonzero(mask)
            rows = rows.take(index)
            at = None if at is None else at[index]
        n = len(rows)
        cols: dict[Any, Column] = {}
        kept = rel.project(self.needed)
        if at is None and rel.n != 1:
            # A cross product: nothing joins the pattern with what is known.
            ctx.budget.admit(rel.n * n, len(kept.cols) + 2)
            at = np.repeat(np.arange(rel.n), n)
            rows = rows.take(np.tile(np.arange(n), rel.n))
            n = len(rows)
        ctx.budget.admit(n, len(kept.cols) + 2)
        if at is None:
            for name, held in kept.cols.items():
                cols[name] = Column(held.kind, np.full(n, held.array()[0]))
        elif n == rel.n and access == "e" and n and bool((at == np.arange(n)).all()):
            cols.update(kept.cols)
        else:
            for name, held in kept.cols.items():
                cols[name] = held.take(at)
        self.new_columns(cols, rows, kind)
        return Relation(n, cols, self.keys(attribute))

    def repeats(self, rows: Rows, kind: Kind | None) -> list[Bools]:
        """Masks for a variable that stands twice in the pattern and is bound here."""
        places = [(self.e, INT, rows.e), (self.v, kind, rows.v), (self.tx, INT, rows.tx)]
        if is_variable(self.a) and rows.a is not None:
            places.append((self.a, INT, rows.a))
        found: list[Bools] = []
        seen: dict[Any, tuple[Any, Ints]] = {}
        for term, its_kind, column in places:
            if not is_variable(term) or term in self.rel.cols:
                continue
            if term in seen:
                first_kind, first = seen[term]
                same = its_kind is first_kind
                found.append(first == column if same else np.zeros(len(column), np.bool_))
            else:
                seen[term] = (its_kind, column)
        return found

    def new_columns(self, cols: dict[Symbol, Column], rows: Rows, kind: Kind | None) -> None:
        for term, its_kind, column in ((self.tx, INT, rows.tx), (self.e, INT, rows.e), (self.a, INT, rows.a)):
            if is_variable(term) and term in self.needed and term not in self.rel.cols and column is not None:
                cols[term] = Column(its_kind, column)
        if is_variable(self.v) and self.v in self.needed and self.v not in self.rel.cols and self.v not in cols:
            cols[self.v] = Column(kind, rows.v) if kind is not None else self.mixed(rows)
        if is_variable(self.op) and self.op in self.needed and self.op not in self.rel.cols:
            cols[self.op] = Column(BOOL, rows.added_or_true().astype(np.int64))

    def mixed(self, rows: Rows) -> Column:
        """The values of rows of several attributes: of one kind if they share it, else any values."""
        assert rows.a is not None
        attributes = self.db.schema.attributes
        known = distinct_codes(rows.a).tolist()
        kinds = {a: self.ctx.kind_of(self.db, attributes[a]) for a in known}
        if len(set(map(id, kinds.values()))) == 1:
            return Column(kinds[known[0]], rows.v)
        codes = np.empty(len(rows), np.int64)
        for a, kind in kinds.items():
            place = np.flatnonzero(rows.a == a)
            codes[place] = convert(Column(kind, rows.v[place]), self.ctx.pool)[0]
        return Column(self.ctx.pool, codes)

    def keys(self, attribute: Attribute | None) -> Keys:
        """Sets of variables that no two of the new rows agree in."""
        free = [t for t in (self.e, self.v) if is_variable(t) and t not in self.rel.cols]
        e_known, v_known = self.is_bound(self.e), self.is_bound(self.v)
        if attribute is None or self.db.is_history:
            positions = [self.e, self.a, self.v, *([self.tx, self.op] if self.db.is_history else [])]
            if any(t is BLANK for t in positions):
                return ()
            more: list[frozenset[Any]] = [frozenset(t for t in positions if is_variable(t) and t not in self.rel.cols)]
        elif (e_known and (v_known or not attribute.many)) or (v_known and attribute.unique is not None):
            more = [frozenset()]
        elif e_known:
            more = [frozenset((self.v,))] if free else []
        elif v_known:
            more = [frozenset((self.e,))] if free else []
        else:
            more = []
            if is_variable(self.e) and not attribute.many:
                more.append(frozenset((self.e,)))
            if is_variable(self.v) and attribute.unique is not None:
                more.append(frozenset((self.v,)))
            if is_variable(self.e) and is_variable(self.v):
                more.append(frozenset((self.e, self.v)))
        return tuple(key | extra for key in self.rel.keys for extra in more)[:4]

    # -- any attribute

    def of_any_attribute(self) -> Relation:
        db = self.db
        if self.is_bound(self.e):
            self.entity_probe("e", self.e)
        if self.is_bound(self.tx) and not self.empty:
            self.tx_probe()
        if self.is_bound(self.op) and not self.empty:
            self.op_probe()
        if self.empty:
            return self.nothing()
        v_bound = self.is_bound(self.v)
        if v_bound and "e" not in self.probes:
            # A value without its attribute is taken for an entity id (oracle: patterns/full-scan-v).
            self.add_probe("v", self.v, (INT.encode, lambda column: convert(column, INT)))
            if self.empty or not self.rel.n:
                return self.nothing()
        if not self.rel.n:
            return self.nothing()
        at: Ints | None
        if "e" in self.probes:
            access, probe = "e", self.probes.pop("e")
            at, rows = db.entities_rows(probe.codes())
        elif "v" in self.probes:
            access, probe = "v", self.probes.pop("v")
            at, rows = self.referring(probe.codes())
        else:
            raise insufficient(f"Insufficient binding of db clause: {edn_text(self.pattern.form)} would cause full scan")
        if probe.many is None:
            at = None
        if v_bound and access == "e":
            return self.by_value(at, rows)
        return self.finish(at, rows, None, access, None)

    def referring(self, codes: Ints) -> tuple[Ints, Rows]:
        """The references to entities, with the index of the entity."""
        ats, parts = [], []
        known = distinct_codes(codes)
        for i, v in enumerate(known.tolist()):
            rows = self.db.referring_rows(v)
            ats.append(np.full(len(rows), i))
            parts.append(rows)
        from peerserver.index.rows import concat
        rows = concat(parts)
        at = np.concatenate(ats) if ats else NO_INTS
        if len(known) == len(codes) == 1:
            return at, rows
        which, place = join_index(codes, known[at])
        return which, rows.take(place)

    def by_value(self, at: Ints | None, rows: Rows) -> Relation:
        """Entity and value bound, the attribute not: the values are compared."""
        found = self.mixed(rows)
        if isinstance(self.v, Const):
            code = found.kind.encode(self.v.value)
            index = np.flatnonzero(found.array() == code) if code is not None else NO_INTS
            return self.finish(None if at is None else at[index], rows.take(index), None, "e", None)
        wanted = self.rel.cols[self.v]
        probe, ok = convert(wanted, found.kind)
        mask = found.array() == (probe[at] if at is not None else probe[0])
        if ok is not None:
            mask &= ok[at] if at is not None else ok[0]
        index = np.flatnonzero(mask)
        return self.finish(None if at is None else at[index], rows.take(index), None, "e", None)


def choose(db: Database, attribute: Attribute, probes: dict[str, Probe]) -> str:
    """Which index to read a pattern of one attribute with: ``"e"`` (EAVT/AEVT by entity), ``"v"`` (AVET or VAET),
    ``"tx"`` (by transaction) or ``""`` (the whole attribute)."""
    if "e" in probes:
        if "v" in probes and attribute.many and probes["e"].many is None and (
                db.estimate(attribute.id, False, True) < db.estimate(attribute.id, True, False)):
            return "v"
        if "v" in probes and probes["v"].many is not None and probes["e"].many is None:
            return "v"
        return "e"
    if "v" in probes:
        return "v"
    return "tx" if "tx" in probes else ""


def scan(ctx: Context, db: Database, rel: Relation, pattern: Pattern, needed: frozenset[Symbol],
         limits: Limits | None = None) -> Relation:
    """The relation joined with a pattern, reduced to the ``needed`` columns. ``limits`` bound the value where
    neither it nor the entity is bound before. Raises Anomaly for names that name nothing, and
    ``insufficient-binding`` for a scan of everything."""
    return Scan(ctx, db, rel, pattern, needed, limits).run()
