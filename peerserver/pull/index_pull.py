"""Walks AVET or AEVT from a starting point and pulls the entities at the third place (cases ``indexes/ipull-*``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, final

import attrs
import numpy as np

from peerserver.database import Database
from peerserver.index.rows import Ints, Rows
from peerserver.model.anomaly import incorrect
from peerserver.model.order import compare_key
from peerserver.model.schema import Attribute

from .execute import pull_many
from .pattern import Pattern
from .plan import NO_XFORMS
from .specs import resolve
from .xforms import Xform

__all__ = ("PullRange", "index_pull")


@final
@attrs.frozen(eq=False)
class PullRange:
    """Entities in the order of the walk; each is pulled when its slice is asked for."""

    _db: Database
    _pattern: Pattern
    _entities: Ints
    _xforms: Mapping[str, Xform]

    def __len__(self) -> int:
        return len(self._entities)

    def slice(self, offset: int, n: int) -> list[Any]:
        """The pulls of ``n`` entities from ``offset`` on; None where a pattern finds nothing."""
        return pull_many(self._db, self._pattern, self._entities[offset : offset + n].tolist(), self._xforms)


def index_pull(db: Database, index: str, pattern: Pattern, start: Sequence[Any] | None, reverse: bool = False,
               xforms: Mapping[str, Xform] = NO_XFORMS) -> PullRange:
    """The walk from ``start`` ``[a v e]`` (``avet``) or ``[a e v]`` (``aevt``) to the end of the attribute, or back to its
    beginning. Anomaly incorrect for what can't be walked."""
    if not start:
        raise incorrect("selector, index, and start attribute must be specified", "nil-input")
    if db.is_history:
        raise incorrect("Can't pull from history; pull from the database itself, or as of a time")
    attribute = db.attribute(db.entid_or_raise(start[0]))
    if attribute is None:
        raise incorrect(f"{start[0]} is not an attribute; :start begins with one", "not-an-attribute")
    if index == "avet":
        entities = _avet(db, attribute, start, reverse)
    elif index == "aevt":
        entities = _aevt(db, attribute, start, reverse)
    else:
        raise incorrect(f"index-pull walks :avet or :aevt, not :{index}", "invalid-pull")
    return PullRange(db, pattern, entities, xforms)


def _avet(db: Database, attribute: Attribute, start: Sequence[Any], reverse: bool) -> Ints:
    if len(start) == 1 and attribute.many:
        raise incorrect(f"{attribute.ident} is not card-one, as required for :avet when start has only A specified; "
                        "give a value too", "invalid-pull")
    if not attribute.has_avet:
        raise incorrect(f"attribute: {attribute.ident} is not indexed; give it :db/index true", "attribute-not-indexed")
    if len(start) == 1 or start[1] is None:
        return _directed(db.rows_in_range(attribute.id).e, reverse)
    value = start[1]
    if attribute.is_ref:
        value = db.entid_or_raise(value)
    rows = _from_value(db, attribute, value, reverse)
    if len(start) > 2:
        e, code = db.entid_or_raise(start[2]), db.encode(attribute.type, value)
        beyond = rows.e > e if reverse else rows.e < e
        rows = rows.take(~(beyond & (rows.v == (-1 if code is None else code))))
    return _directed(rows.e, reverse)


def _from_value(db: Database, attribute: Attribute, value: Any, reverse: bool) -> Rows:
    """The rows from a value on, in the order of values; a value of another type sorts before or after all."""
    everything = db.rows_in_range(attribute.id)
    if not len(everything):
        return everything
    probe = db.decode_one(attribute.type, int(everything.v[0]))
    if compare_key(probe)[0] != compare_key(value)[0]:
        before_all = compare_key(value) < compare_key(probe)
        return everything if before_all != reverse else everything.take(slice(0, 0))
    bound = {"hi": value} if reverse else {"lo": value}
    return db.rows_in_range(attribute.id, **bound)


def _aevt(db: Database, attribute: Attribute, start: Sequence[Any], reverse: bool) -> Ints:
    if not attribute.is_ref and attribute.many:
        raise incorrect(f"{attribute.ident} is not a ref, as required for :aevt", "invalid-pull")
    if not attribute.many:
        raise incorrect(f"{attribute.ident} is not card-many, as required for :aevt", "invalid-pull")
    rows = db.rows(attribute.id)
    e = resolve(db, start[1]) if len(start) > 1 else None
    if e is not None:  # what names nothing is no starting point (oracle: index-walks/ipull-aevt-missing)
        keep = rows.e <= e if reverse else rows.e >= e
        if len(start) > 2:
            v = db.entid_or_raise(start[2])
            keep &= ~((rows.e == e) & (rows.v > v if reverse else rows.v < v))
        rows = rows.take(keep)
    return _directed(rows.v, reverse)


def _directed(entities: Ints, reverse: bool) -> Ints:
    return np.ascontiguousarray(entities[::-1]) if reverse else entities
