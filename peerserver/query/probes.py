"""What a pattern's positions are known to hold, as codes: the first step of reading a pattern.

What is not decided here: what is read with them (``scan``), and what names mean (``entities``).
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

import attrs
import numpy as np

from peerserver.database import Database
from peerserver.index.alike import codes_like
from peerserver.index.rows import Bools, Ints
from peerserver.model.anomaly import incorrect
from peerserver.model.entity import NUMBER_MASK, PART_TX, entity_id
from peerserver.model.schema import Attribute

from .ast import BLANK, Const, Pattern, Term
from .context import Context
from .entities import constant_code, entity_codes, resolve_entity, value_codes
from .kinds import BOOL, DOUBLE, FLOAT, INSTANT, INT, Kind
from .relation import Column, Relation, convert, distinct_codes, expand
from .text import edn_text

__all__ = ("Probe", "Probing")

# So many uris are looked up one by one where storage may know other forms of them.
_FEW_URIS: Final = 64


@attrs.frozen(eq=False)
class Probe:
    """What is known of one position: one code for all rows (``one``), or a code for each row of the relation."""

    one: int | None
    many: Ints | None

    def codes(self) -> Ints:
        return self.many if self.many is not None else np.array([self.one], np.int64)


class Probing:
    """One pattern over one relation: ``probes`` by position (``"e"``, ``"v"``, ``"tx"``, ``"op"``), made one by one;
    rows of the relation that can't match are dropped on the way, and ``empty`` says that none can."""

    def __init__(self, ctx: Context, db: Database, rel: Relation, pattern: Pattern) -> None:
        self.ctx, self.db, self.rel, self.pattern = ctx, db, rel, pattern
        terms: list[Term] = list(pattern.terms[:5])
        terms += [BLANK] * (5 - len(terms))
        self.e, self.a, self.v, self.tx, self.op = terms
        self.probes: dict[str, Probe] = {}
        self.empty = False

    def is_bound(self, term: Term) -> bool:
        return term.__class__ is Const or term in self.rel.cols

    def keep(self, mask: Bools | None) -> None:
        """Drops rows of the relation that can't match; probes made so far follow."""
        if mask is None or bool(mask.all()):
            return
        index = np.flatnonzero(mask)
        self.rel = self.rel.take(index, keys=self.rel.keys)
        self.probes = {k: p if p.many is None else Probe(None, p.many[index]) for k, p in self.probes.items()}

    def add_probe(self, name: str, term: Term, codes: Any) -> None:
        """``codes``: from a Const's value to its code or None; or from a column to codes and mask."""
        one, many = codes
        if term.__class__ is Const:
            code = one(term.value)
            if code is None:
                self.empty = True
            else:
                self.probes[name] = Probe(code, None)
            return
        column = self.rel.cols[term]
        data, mask = many(column)
        if self.rel.n == 1:
            if mask is not None and not mask[0]:
                self.empty = True
            else:
                self.probes[name] = Probe(int(data[0]), None)
            return
        self.probes[name] = Probe(None, data)
        self.keep(mask)

    def entity_probe(self, name: str, term: Term) -> None:
        form = self.pattern.form
        self.add_probe(name, term, (lambda value: resolve_entity(self.db, value, form),
                                    lambda column: entity_codes(self.db, column, form)))

    def plain_probe(self, name: str, term: Term, kind: Kind) -> None:
        """A value of the kind itself."""
        self.add_probe(name, term, (kind.encode, lambda column: convert(column, kind)))

    def value_probe(self, attribute: Attribute, kind: Kind) -> None:
        if attribute.is_ref:
            self.entity_probe("v", self.v)
        elif attribute.type.name == "uri":
            self.uri_probe(attribute, kind)
        else:
            self.add_probe("v", self.v, (lambda value: constant_code(self.db, attribute, kind, value),
                                         lambda column: value_codes(self.db, attribute, column, kind)))

    def uri_probe(self, attribute: Attribute, kind: Kind) -> None:
        """Equal uris may be stored in several ways: a row looks for all of them (oracle: values-equal/uri-queries)."""
        db, term = self.db, self.v
        if term.__class__ is Const:
            lists = [codes_like(db, attribute, term.value)]
            place = np.zeros(self.rel.n, np.int64)
        else:
            column = self.rel.cols[term]
            known = distinct_codes(column.array())
            if column.kind is kind and not db.dictionary.merges(attribute.type) or (
                    db.dictionary.is_open and len(known) > _FEW_URIS):
                return self.add_probe("v", term, (kind.encode, lambda column: convert(column, kind)))
            lists = [codes_like(db, attribute, value) for value in column.kind.decode(known)]
            place = np.searchsorted(known, column.array())
        counts = np.array([len(codes) for codes in lists], np.int64)
        flat = np.array([code for codes in lists for code in codes], np.int64)
        at, found = expand((np.cumsum(counts) - counts)[place], counts[place])
        rel = self.rel
        if len(at) != rel.n or not bool((at == np.arange(rel.n)).all()):
            self.rel = rel.take(at, keys=() if bool((counts > 1).any()) else rel.keys)
            self.probes = {k: p if p.many is None else Probe(None, p.many[at]) for k, p in self.probes.items()}
        if not len(at):
            self.empty = True
        else:
            self.probes["v"] = Probe(int(flat[found[0]]), None) if len(at) == 1 else Probe(None, flat[found])

    def tx_probe(self) -> None:
        term = self.tx
        if term.__class__ is not Const and self.rel.cols[term].kind is INSTANT:
            raise incorrect(f"processing clause: {edn_text(self.pattern.form)}, message: an instant is no transaction; "
                            f"join it by :db/txInstant")
        def constant(value: Any) -> int | None:
            # A constant may be a t (oracle: patterns/tx-4-const); a bound variable is an entity id.
            if isinstance(value, (float, Decimal)):
                return None  # no number of a transaction (oracle: query-deep/pos-19)
            found = resolve_entity(self.db, value, self.pattern.form)
            return entity_id(PART_TX, found) if 0 <= found <= NUMBER_MASK else found
        def bound(column: Column) -> tuple[Ints, Bools | None]:
            return convert(column, INT) if column.kind in (DOUBLE, FLOAT) else entity_codes(
                self.db, column, self.pattern.form)
        self.add_probe("tx", term, (constant, bound))

    def op_probe(self) -> None:
        # Of a constant its truth counts (oracle: query-deep/pos-06).
        self.add_probe("op", self.op, (lambda value: int(value is not False), lambda column: convert(column, BOOL)))
