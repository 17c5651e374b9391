"""One attribute of a pattern under a schema: from value codes to what stands in the result.

Every spec reads in two ways that give the same: for one entity from point reads (:meth:`Spec.fill`), and for many
from columns (:meth:`Spec.fill_many`). What is not decided here: wildcards and recursion (``plan``, ``expand``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

from peerserver.database import Database
from peerserver.index.identifiers import long_of
from peerserver.index.rows import Ints
from peerserver.model.anomaly import incorrect
from peerserver.model.order import compare_key
from peerserver.model.schema import Attribute
from peerserver.model.values import BigInt, Keyword, Symbol

__all__ = ("Absent", "Groups", "Out", "Spec", "SubPlan", "resolve")

Out = dict[Any, Any]
#: (index of the entity, its value codes in Datomic's order)
Groups = list[tuple[int, list[int]]]

# Below this many children, point reads are faster than columns.
_FEW: Final = 24


class SubPlan:
    """What a nested pattern has to offer."""

    __slots__ = ()

    def one(self, db: Database, e: int) -> Out | None:
        """The result for one entity; None if there is nothing."""
        raise NotImplementedError

    def many(self, db: Database, es: Sequence[int]) -> list[Out | None]:
        """The results for entities, in order."""
        raise NotImplementedError

    def missing(self) -> Out | None:
        """The result for what names no entity."""
        raise NotImplementedError


def resolve(db: Database, x: Any) -> int | None:
    """The entity that ``x`` names for a pull: what can't name one names none (oracle: ``pull/eid-nil`` …)."""
    if type(x) is int or isinstance(x, BigInt):
        return long_of(x)
    if isinstance(x, tuple):
        if len(x) == 2:
            if x[1] is None:
                return None
            if type(x[0]) is int and x[0] not in db.schema.attributes:
                raise incorrect(f"{x[0]} is not an attribute.", "not-an-attribute")
        return db.entid(x)
    if isinstance(x, (Keyword, Symbol, str)):
        return db.entid(x)
    return None


class Absent:
    """A spec of an attribute that the schema doesn't have, or can't be read backwards: a default or an xform remain."""

    __slots__ = ("default", "key", "xform")

    def __init__(self, key: Any, default: Any, xform: Callable[[Any], Any] | None) -> None:
        self.key, self.default, self.xform = key, default, xform

    def absent(self) -> Any:
        """The value where there is none."""
        return self.default if self.xform is None else self.xform(None)

    def fill(self, db: Database, e: int, out: Out) -> None:
        """Puts the value of one entity into its result."""
        value = self.absent()
        if value is not None:
            out[self.key] = value

    def fill_many(self, db: Database, es: Ints, outs: Sequence[Out]) -> None:
        """Puts the values of entities into their results."""
        value = self.absent()
        if value is not None:
            for out in outs:
                out[self.key] = value

    def fill_missing(self, out: Out) -> None:
        """Puts what stands for no value into a result."""
        value = self.absent()
        if value is not None:
            out[self.key] = value


def _whole(limit: float | None) -> int | None:
    # Of 1.5, two (oracle: pull-options/limit-double); of none or less, none.
    return None if limit is None else max(0, -int(-limit // 1)) if abs(limit) < 1 << 60 else (1 << 60) * (limit > 0)


class Spec(Absent):
    """A spec of a known attribute. ``sub``: the plan that references are pulled with; ``id_key``: the key of ids
    (":db/id" as keyword or text) under which other references stand; ``keep_nil``: a value that comes to nothing
    stands as nil (oracle: beside a wildcard)."""

    __slots__ = ("aid", "attribute", "id_key", "keep_nil", "limit", "many", "plain", "reverse", "sub", "words")

    def __init__(self, key: Any, attribute: Attribute, *, reverse: bool = False, limit: float | None = None,
                 default: Any = None, xform: Callable[[Any], Any] | None = None, sub: SubPlan | None = None,
                 id_key: Any = None, keep_nil: bool = False) -> None:
        super().__init__(key, default, xform)
        self.attribute, self.aid, self.reverse, self.limit = attribute, attribute.id, reverse, _whole(limit)
        self.sub, self.id_key, self.keep_nil = sub, id_key, keep_nil
        # A component has one owner, so what it belongs to is one (oracle: pull/reverse-component-*); of several, the
        # one with the least id (oracle: pull-owners/*).
        self.many = (not attribute.component) if reverse else attribute.many
        self.words = not reverse and attribute.type.coded == "dictionary"
        self.plain = not (self.many or reverse or attribute.is_ref or sub or xform)

    # -- one entity

    def fill(self, db: Database, e: int, out: Out) -> None:
        codes = self.codes_of(db, e) if self.reverse else db.codes(e, self.aid)
        if codes:
            if self.plain:
                out[self.key] = db.decode_one(self.attribute.type, codes[0])
                return
            value = self.built(db, codes)
            if value is None:
                value = self.absent()
            elif self.xform is not None:
                value = self.xform(value)
            if value is not None or self.keep_nil:
                out[self.key] = value
        elif self.xform is not None or self.default is not None:
            self.fill_missing(out)

    def codes_of(self, db: Database, e: int) -> list[int]:
        """The codes of one entity's values; for a reverse, the entities that refer to it."""
        if self.reverse:
            found: list[int] = db.rows_of_values(self.aid, np.array([e], np.int64))[1].e.tolist()
            return found
        return list(db.codes(e, self.aid))

    def built(self, db: Database, codes: Sequence[int]) -> Any:
        """What stands for some codes, in any order; None if that is nothing."""
        if self.many:
            if len(codes) > 1 and not self.words:
                codes = sorted(codes)
            return self._listed(db, codes)
        return self._single(db, min(codes) if self.reverse else codes[0])

    def _single(self, db: Database, code: int) -> Any:
        if not (self.reverse or self.attribute.is_ref):
            value = db.decode_one(self.attribute.type, code)
            return value if self.sub is None else self._pulled(db, value)
        return {self.id_key: code} if self.sub is None else self.sub.one(db, code)

    def _listed(self, db: Database, codes: Sequence[int]) -> Any:
        limit = self.limit
        if not (self.reverse or self.attribute.is_ref):
            decode, kind = db.decode_one, self.attribute.type
            values = [decode(kind, code) for code in codes]
            if self.words and len(values) > 1:
                values.sort(key=compare_key)
            if limit is not None:
                values = values[:limit]
            if self.sub is not None:
                values = [x for x in (self._pulled(db, value) for value in values) if x is not None]
            return tuple(values) or None
        if limit is not None:
            codes = codes[:limit]
        sub = self.sub
        if sub is None:
            id_key = self.id_key
            return tuple([{id_key: code} for code in codes]) or None
        found = sub.many(db, codes) if len(codes) >= _FEW else [sub.one(db, code) for code in codes]
        return tuple([x for x in found if x]) or None

    def _pulled(self, db: Database, value: Any) -> Out | None:
        # A nested pattern on what is no reference: the value is taken as the name of an entity (pull/nested-nonref).
        assert self.sub is not None
        e = resolve(db, value)
        return self.sub.missing() if e is None else self.sub.one(db, e)

    # -- many entities

    def fill_many(self, db: Database, es: Ints, outs: Sequence[Out]) -> None:
        if self.reverse:
            at, rows = db.rows_of_values(self.aid, es)
            self.fill_from(db, at, rows.e, outs)
        else:
            at, rows = db.rows_of_entities(self.aid, es)
            self.fill_from(db, at, rows.v, outs)
        if self.xform is not None or self.default is not None:
            self._fill_absent(at, outs)

    def _fill_absent(self, at: Ints, outs: Sequence[Out]) -> None:
        there = np.zeros(len(outs), np.bool_)
        there[at] = True
        for i in np.flatnonzero(~there).tolist():
            self.fill_missing(outs[i])

    def fill_from(self, db: Database, at: Ints, codes: Ints, outs: Sequence[Out]) -> None:
        """As :meth:`fill_many` from rows that were found: code ``codes[i]`` belongs to entity ``at[i]``."""
        if not len(at):
            return
        key = self.key
        if self.plain:
            for i, value in zip(at.tolist(), db.decode(self.attribute.type, codes)):
                outs[i][key] = value
            return
        if not self.many and (self.reverse or self.attribute.is_ref):
            if self.reverse:
                order = np.lexsort((codes, at))
                order = order[np.diff(at[order], prepend=-1) != 0]
                at, codes = at[order], codes[order]
            owners, values = at.tolist(), self._referred(db, codes)
        elif self.many:
            owners, values = self._grouped(db, at, codes)
        else:
            decoded = db.decode(self.attribute.type, codes)
            owners = at.tolist()
            values = decoded if self.sub is None else [self._pulled(db, value) for value in decoded]
        xform, default, keep_nil = self.xform, self.default, self.keep_nil
        for i, value in zip(owners, values):
            if value is None:
                value = default if xform is None else xform(None)
            elif xform is not None:
                value = xform(value)
            if value is not None or keep_nil:
                outs[i][key] = value

    def _referred(self, db: Database, codes: Ints) -> list[Any]:
        # One result for each code; equal codes share one.
        sub = self.sub
        if sub is None:
            id_key = self.id_key
            return [{id_key: code} for code in codes.tolist()]
        distinct, back = np.unique(codes, return_inverse=True)
        found = sub.many(db, distinct.tolist())
        return [found[j] or None for j in back.tolist()]

    def _grouped(self, db: Database, at: Ints, codes: Ints) -> tuple[list[int], list[Any]]:
        owners, lo, hi, codes = self._bounds(at, codes)
        limit = self.limit
        if self.reverse or self.attribute.is_ref:
            if limit is not None and any(j - i > limit for i, j in zip(lo, hi)):
                owners, lo, hi, codes = self._limited(owners, lo, hi, codes, limit)
            made = self._referred(db, codes)
            if self.sub is None:
                return owners, [tuple(made[i:j]) or None for i, j in zip(lo, hi)]
            return owners, [tuple([x for x in made[i:j] if x is not None]) or None for i, j in zip(lo, hi)]
        decoded = db.decode(self.attribute.type, codes)
        values: list[Any] = []
        for i, j in zip(lo, hi):
            group = decoded[i:j]
            if self.words and j - i > 1:
                group.sort(key=compare_key)
            if limit is not None:
                group = group[:limit]
            if self.sub is not None:
                group = [x for x in (self._pulled(db, value) for value in group) if x]
            values.append(tuple(group) or None)
        return owners, values

    @staticmethod
    def _bounds(at: Ints, codes: Ints) -> tuple[list[int], list[int], list[int], Ints]:
        order = np.lexsort((codes, at))
        at, codes = at[order], codes[order]
        starts = np.concatenate([[0], np.flatnonzero(at[1:] != at[:-1]) + 1])
        lo = starts.tolist()
        return at[starts].tolist(), lo, [*lo[1:], len(at)], codes

    @staticmethod
    def _limited(owners: list[int], lo: list[int], hi: list[int], codes: Ints,
                 limit: int) -> tuple[list[int], list[int], list[int], Ints]:
        parts = [codes[i:min(j, i + limit)] for i, j in zip(lo, hi)]
        ends = np.cumsum([len(part) for part in parts]).tolist()
        return owners, [0, *ends[:-1]], ends, np.concatenate(parts)

    # -- children, for recursion

    def children(self, db: Database, es: Sequence[int]) -> list[list[int]]:
        """The entities that each of ``es`` refers to through this attribute, in order, at most ``limit``."""
        if len(es) < _FEW and not db.is_history:
            found = [sorted(self.codes_of(db, e)) for e in es]
        else:
            found = [[] for _ in es]
            wanted = np.asarray(es, np.int64)
            at, rows = db.rows_of_values(self.aid, wanted) if self.reverse else db.rows_of_entities(self.aid, wanted)
            if len(at):
                owners, lo, hi, codes = self._bounds(at, rows.e if self.reverse else rows.v)
                listed = codes.tolist()
                for i, start, end in zip(owners, lo, hi):
                    found[i] = listed[start:end]
        limit = self.limit
        return found if limit is None else [some[:limit] for some in found]

    def finished(self, value: Any) -> Any:
        """A value that was built elsewhere (None: nothing), with default and xform."""
        if self.xform is not None:
            return self.xform(value)
        return self.default if value is None else value
