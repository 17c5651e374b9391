"""Raw index access: the datoms of an index that begin with given components, in Datomic's order.

Rules recorded by the oracle (cases ``indexes/*``, ``time/*``): what names nothing gives nothing; AVET of
an attribute that isn't indexed is an error; in history the newest tx comes first within e, a and v.
What is not decided here: offsets and limits of a request (``web``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from peerserver.model import anomaly
from peerserver.model.entity import PART_SHIFT, tx_id
from peerserver.model.order import compare_key
from peerserver.model.schema import Attribute

from .bounds import same_family
from .rows import NO_INTS, Datom, Rows, concat

if TYPE_CHECKING:
    from peerserver.database import Database

__all__ = ("DatomRange", "datoms", "index_range")

_NOTHING = Rows(NO_INTS, NO_INTS, NO_INTS, NO_INTS)


class DatomRange:
    """Datoms in the order of an index; made as they are asked for."""

    def __init__(self, db: Database, index: str, rows: Rows) -> None:
        self._items = _sorted(db, index, rows)

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Datom]:
        return iter(self._items)

    def slice(self, offset: int, n: int) -> list[Datom]:
        """``n`` datoms from ``offset`` on, or fewer at the end."""
        return self._items[offset:offset + n]


def _sorted(db: Database, index: str, rows: Rows) -> list[Datom]:
    items = db.to_datoms(rows)
    keyed = [(compare_key(d.v), d) for d in items]
    if index == "eavt":
        keyed.sort(key=lambda p: (p[1].e, p[1].a, p[0], -p[1].tx, p[1].added))
    elif index == "aevt":
        keyed.sort(key=lambda p: (p[1].a, p[1].e, p[0], -p[1].tx, p[1].added))
    elif index == "avet":
        keyed.sort(key=lambda p: (p[1].a, p[0], p[1].e, -p[1].tx, p[1].added))
    else:
        keyed.sort(key=lambda p: (p[0], p[1].a, p[1].e, -p[1].tx, p[1].added))
    return [d for _, d in keyed]


def datoms(db: Database, index: str, components: Sequence[Any]) -> DatomRange:
    """See :meth:`peerserver.database.Database.datoms`."""
    if index not in ("eavt", "aevt", "avet", "vaet"):
        raise anomaly.incorrect(f"No matching clause: {index}; an index is :eavt, :aevt, :avet or :vaet")
    given: list[Any] = []
    for component in components:
        if component is None:
            break
        given.append(component)
    return DatomRange(db, index, _select(db, index, given))


def _select(db: Database, index: str, given: list[Any]) -> Rows:
    e: int | None = None
    attribute: Attribute | None = None
    for letter, component in zip(index[:3], given):
        if letter == "a":
            attribute = db.attribute(component)
            if attribute is None:
                return _NOTHING
        elif letter == "e" or index == "vaet":
            eid = db.entid(component)
            if eid is None:
                return _NOTHING
            e = eid if letter == "e" else e
    if index == "avet" and attribute is not None and not attribute.has_avet:
        raise anomaly.incorrect(f"attribute: {attribute.ident} is not indexed", "attribute-not-indexed")
    rows = _rows(db, index, e, attribute)
    position = index.index("v")
    if len(given) > position:
        rows = _with_value(db, rows, attribute, given[position])
    if index in ("avet", "vaet") and e is not None:
        rows = rows.take(rows.e == e)
    if len(given) > 3:
        tx = given[3] if not isinstance(given[3], int) or given[3] >> PART_SHIFT else tx_id(given[3])
        rows = rows.take(rows.tx == tx) if isinstance(tx, int) else _NOTHING
    return rows


def _rows(db: Database, index: str, e: int | None, attribute: Attribute | None) -> Rows:
    if attribute is not None:
        if index == "vaet" and not attribute.is_ref:
            return _NOTHING
        if e is None or index in ("avet", "vaet"):
            return db.rows(attribute.id).with_a(attribute.id)
        return db.rows_of_entities(attribute.id, np.array([e], np.int64))[1].with_a(attribute.id)
    if e is not None and index == "eavt":
        return db.entity_rows(e)
    wanted = [
        a for a in sorted(db.attribute_ids())
        if (index != "avet" or db.schema.attributes[a].has_avet)
        and (index != "vaet" or db.schema.attributes[a].is_ref)
    ]
    return concat([db.rows(a).with_a(a) for a in wanted]) if wanted else _NOTHING


def _with_value(db: Database, rows: Rows, attribute: Attribute | None, value: Any) -> Rows:
    if attribute is None or attribute.is_ref:
        eid = db.entid(value)
        return _NOTHING if eid is None else rows.take(rows.v == eid)
    if not same_family(attribute.type, value):
        return _NOTHING
    key = compare_key(value)
    values = db.decode(attribute.type, rows.v)
    return rows.take(np.array([compare_key(v) == key for v in values], np.bool_))


def index_range(db: Database, attrid: Any, start: Any, end: Any) -> DatomRange:
    """See :meth:`peerserver.database.Database.index_range`."""
    attribute = db.attribute(attrid)
    if attribute is None:
        raise anomaly.incorrect(f"Unable to resolve entity: {attrid}", "not-an-entity")
    if not attribute.has_avet:
        raise anomaly.incorrect(f"attribute: {attribute.ident} is not indexed", "attribute-not-indexed")
    rows = db.rows_in_range(attribute.id, start, end, hi_open=True)
    return DatomRange(db, "avet", rows.with_a(attribute.id))
