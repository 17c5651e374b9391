"""Raw index access: the datoms of an index that begin with given components, in Datomic's order.

A range is a row of blocks, made one after the other as far as they are needed; datoms are made for the
slice that is asked for. Rules recorded by the oracle (cases ``indexes/*``, ``time/*``): what names nothing
gives nothing; AVET of an attribute that isn't indexed is an error; in history the newest tx comes first
within e, a and v.
What is not decided here: offsets and limits of a request (``web``), how rows are found (``index.view``).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from peerserver.model import anomaly
from peerserver.model.entity import PART_SHIFT, tx_id
from peerserver.model.order import compare_key
from peerserver.model.schema import Attribute

from .bounds import same_family
from .identifiers import show
from .rows import NO_INTS, Datom, Ints, Rows, concat

if TYPE_CHECKING:
    from peerserver.database import Database

__all__ = ("DatomRange", "datoms", "index_range", "seek")

_NOTHING: Final = Rows(NO_INTS, NO_INTS, NO_INTS, NO_INTS)
# Entities are gathered across attributes in windows in which no attribute has more rows than this.
_WINDOW: Final = 2048
# More datoms than there are.
_ALL: Final = 2**62
# Datoms made at once for a reader that takes one after the other.
_PAGE: Final = 1000


class Block:
    """Rows with an ``a`` column or of one attribute. ``ordered``: already in Datomic's order, or in that of
    ``perm``; if not, they are sorted by e, and the values under one (e, a) are still to be put in order."""

    __slots__ = ("_fixed", "aid", "ordered", "perm", "rows")

    def __init__(self, rows: Rows, aid: int | None, ordered: bool, perm: Ints | None = None) -> None:
        self.rows = rows
        self.perm = perm
        self.aid = aid
        self.ordered = ordered
        self._fixed: tuple[int, int, Rows] | None = None

    def __len__(self) -> int:
        return len(self.rows) if self.perm is None else len(self.perm)

    def slice(self, db: Database, start: int, end: int) -> Rows:
        """The rows ``start … end`` in order, with an ``a`` column."""
        rows = self.rows
        if self.perm is not None:
            rows, start, end = rows.take(self.perm[start:end]), 0, end - start
        elif not self.ordered and start < end:
            fixed = self._fixed
            if fixed is None or not (fixed[0] <= start and end <= fixed[1]):
                lo = int(rows.e.searchsorted(rows.e[start]))
                hi = int(rows.e.searchsorted(rows.e[end - 1], "right"))
                fixed = self._fixed = (lo, hi, _in_value_order(db, rows.take(slice(lo, hi)), self.aid))
            lo, _, rows = fixed
            start, end = start - lo, end - lo
        part = rows.take(slice(start, end))
        return part if self.aid is None else part.with_a(self.aid)


class DatomRange:
    """Datoms in the order of an index; made as they are asked for."""

    def __init__(self, db: Database, blocks: Iterable[Block]) -> None:
        self._db = db
        self._made: list[Block] = []
        self._starts: list[int] = [0]
        self._more = iter(blocks)

    def _reach(self, count: int) -> None:
        # Makes blocks until there are ``count`` rows, or no more blocks.
        while self._starts[-1] < count:
            block = next(self._more, None)
            if block is None:
                return
            if len(block):
                self._made.append(block)
                self._starts.append(self._starts[-1] + len(block))

    def __len__(self) -> int:
        self._reach(_ALL)
        return self._starts[-1]

    def __iter__(self) -> Iterator[Datom]:
        offset = 0
        while page := self.slice(offset, _PAGE):
            yield from page
            offset += len(page)

    def rows(self, offset: int = 0, n: int = _ALL) -> Rows:
        """As :meth:`slice`, as columns with codes, an ``a`` column included; all of them by default."""
        end = offset + n
        self._reach(end)
        parts = []
        first = max(0, int(np.searchsorted(self._starts, offset, "right")) - 1)
        for i in range(first, len(self._made)):
            start = self._starts[i]
            if start >= end:
                break
            lo, hi = max(0, offset - start), min(self._starts[i + 1], end) - start
            if lo < hi:
                parts.append(self._made[i].slice(self._db, lo, hi))
        return concat(parts) if parts else _NOTHING

    def slice(self, offset: int, n: int) -> list[Datom]:
        """``n`` datoms from ``offset`` on, or fewer at the end."""
        return self._db.to_datoms(self.rows(offset, n))


def _in_value_order(db: Database, rows: Rows, aid: int | None) -> Rows:
    # Rows by (e, a, v code): where an (e, a) has several rows of a dictionary type, by value instead.
    twin = rows.e[1:] == rows.e[:-1]
    if rows.a is not None:
        twin &= rows.a[1:] == rows.a[:-1]
    if not twin.any():
        return rows
    several = np.zeros(len(rows), np.bool_)
    several[1:] |= twin
    several[:-1] |= twin
    group = np.cumsum(np.concatenate([[True], ~twin]))
    index = np.flatnonzero(several)
    picked = rows.take(index)
    keys = [compare_key(value) for value in db.values_of(picked, aid)]
    groups, txs = group[index].tolist(), picked.tx.tolist()
    order = np.arange(len(rows))
    order[index] = index[sorted(range(len(index)), key=lambda i: (groups[i], keys[i], -txs[i]))]
    return rows.take(order)


def datoms(db: Database, index: str, components: Sequence[Any]) -> DatomRange:
    """See :meth:`peerserver.database.Database.datoms`."""
    if index not in ("eavt", "aevt", "avet", "vaet"):
        raise anomaly.incorrect(f"No matching clause: {index}; an index is :eavt, :aevt, :avet or :vaet")
    given = list(components[:3])
    while given and given[-1] is None:
        given.pop()
    blocks = _select(db, index, given)
    if len(given) == 3 and len(components) > 3 and components[3] is not None:
        blocks = _of_tx(blocks, components[3])
    return DatomRange(db, blocks)


def _select(db: Database, index: str, given: list[Any]) -> Iterable[Block]:
    # Everything that can be refused or found empty is, before any rows are read. Nil before a component
    # matches nothing, but for the attribute in VAET (oracle: index-odd/components-2).
    e: int | None = None
    attribute: Attribute | None = None
    for letter, component in zip(index[:3], given):
        if component is None:
            if index == "vaet" and letter == "a":
                continue
            return ()
        if letter == "a":
            attribute = db.attribute(component)
            if attribute is None:
                return ()
        elif letter == "e":
            e = db.entid(component)
            if e is None:
                return ()
    if index == "avet" and attribute is not None and not attribute.has_avet:
        raise anomaly.incorrect(f"attribute: {attribute.ident} is not indexed", "attribute-not-indexed")
    if index == "vaet":
        return _vaet(db, given, attribute, e)
    if attribute is None:
        if e is not None:
            return (Block(_by_attribute(db.entity_rows(e)), None, False),)
        return _whole(db, index)
    if index == "avet":
        return _avet(db, attribute, given, e)
    return _of_attribute(db, attribute, given, e)


def _of_attribute(db: Database, attribute: Attribute, given: list[Any], e: int | None) -> Iterable[Block]:
    aid = attribute.id
    if e is None:
        return (Block(db.rows(aid), aid, not _has_words(attribute)),)
    rows = db.rows_of_entities(aid, np.array([e], np.int64))[1]
    if len(given) > 2:
        rows = _with_value(db, rows, attribute, given[2])
    return (Block(rows.take(np.lexsort((-rows.tx, rows.v))), aid, not _has_words(attribute)),)


def _avet(db: Database, attribute: Attribute, given: list[Any], e: int | None) -> Iterable[Block]:
    if len(given) < 2:
        return (_range_block(db, attribute),)
    value = given[1]
    if attribute.is_ref:
        value = db.entid_or_raise(value)
    rows = db.rows_in_range(attribute.id, value, value)
    return (Block(rows if e is None else rows.take(rows.e == e), attribute.id, True),)


def _vaet(db: Database, given: list[Any], attribute: Attribute | None, e: int | None) -> Iterable[Block]:
    if not given:
        refs = [a for a in sorted(db.attribute_ids()) if db.schema.attributes[a].is_ref]
        rows = concat([db.rows(a).with_a(a) for a in refs]) if refs else _NOTHING
    else:
        v = db.entid_or_raise(given[0])
        if attribute is not None and not attribute.is_ref:
            return ()
        if attribute is not None:
            rows = db.rows_of_values(attribute.id, np.array([v], np.int64))[1].with_a(attribute.id)
        else:
            rows = db.referring_rows(v)
        if e is not None:
            rows = rows.take(rows.e == e)
    assert rows.a is not None
    return (Block(rows.take(np.lexsort((-rows.tx, rows.e, rows.a, rows.v))), None, True),)


def _whole(db: Database, index: str) -> Iterator[Block]:
    attributes = db.schema.attributes
    aids = sorted(db.attribute_ids())
    if index == "aevt":
        for aid in aids:
            yield Block(db.rows(aid), aid, not _has_words(attributes[aid]))
    elif index == "avet":
        for aid in aids:
            if attributes[aid].has_avet:
                yield _range_block(db, attributes[aid])
    else:
        yield from _by_entity(db, aids)


def _by_entity(db: Database, aids: list[int]) -> Iterator[Block]:
    at = dict.fromkeys(aids, 0)
    while at:
        columns = {aid: db.rows(aid) for aid in at}
        at = {aid: start for aid, start in at.items() if start < len(columns[aid])}
        # The window ends before the first entity that some attribute has beyond its share; one entity at least.
        least = min((columns[aid].e.item(start) for aid, start in at.items()), default=0)
        ends = [columns[aid].e.item(start + _WINDOW) for aid, start in at.items()
                if start + _WINDOW < len(columns[aid])]
        end = max(min(ends), least + 1) if ends else None
        parts = []
        for aid, start in at.items():
            rows = columns[aid]
            stop = len(rows) if end is None else start + int(rows.e[start:].searchsorted(end))
            if start < stop:
                parts.append(rows.take(slice(start, stop)).with_a(aid))
            at[aid] = stop
        if parts:
            yield Block(_by_attribute(concat(parts)), None, False)


def _by_attribute(rows: Rows) -> Rows:
    assert rows.a is not None
    return rows.take(np.lexsort((-rows.tx, rows.v, rows.a, rows.e)))


def _of_tx(blocks: Iterable[Block], point: Any) -> Iterator[Block]:
    if not isinstance(point, int) or isinstance(point, bool):
        raise anomaly.incorrect(f"Not a transaction: {show(point)}; give a t or a transaction id")
    tx = point if point >> PART_SHIFT else tx_id(point)
    for block in blocks:
        rows = block.rows if block.perm is None else block.rows.take(block.perm)
        yield Block(rows.take(rows.tx == tx), block.aid, block.ordered)


def _has_words(attribute: Attribute) -> bool:
    return attribute.type.coded == "dictionary"


def _with_value(db: Database, rows: Rows, attribute: Attribute, value: Any) -> Rows:
    if attribute.is_ref:
        return rows.take(rows.v == db.entid_or_raise(value))
    if not same_family(attribute.type, value):
        return rows.take(slice(0, 0))
    key = compare_key(value)
    return rows.take(np.array([compare_key(v) == key for v in db.decode(attribute.type, rows.v)], np.bool_))


def seek(db: Database, index: str, components: Sequence[Any]) -> Iterator[Datom]:
    """See :meth:`peerserver.database.Database.seek_datoms`."""
    found = datoms(db, index, ())
    wanted: list[Any] = []
    for letter, component in zip(index[:3], components):
        if component is None:
            break
        if letter == "a":
            attribute = db.attribute(component)
            if attribute is None:
                raise anomaly.incorrect(f"Unable to resolve entity: {show(component)}", "not-an-entity")
            wanted.append(attribute.id)
        elif letter == "e" or index == "vaet":
            wanted.append(db.entid_or_raise(component))
        else:
            wanted.append(component)
    target = _place(index, wanted)

    def place(position: int) -> tuple[Any, ...]:
        datom = found.slice(position, 1)[0]
        parts = {"e": datom.e, "a": datom.a, "v": datom.v}
        return _place(index, [parts[letter] for letter in index[:len(wanted)]])

    start = bisect_left(range(len(found)), target, key=place)
    while page := found.slice(start, _PAGE):
        yield from page
        start += len(page)


def _place(index: str, values: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(compare_key(value) if letter == "v" else value for letter, value in zip(index, values))


def index_range(db: Database, attrid: Any, start: Any, end: Any) -> DatomRange:
    """See :meth:`peerserver.database.Database.index_range`."""
    attribute = db.attribute(attrid)
    if attribute is None:
        eid = db.entid_or_raise(attrid)
        raise anomaly.incorrect(f"attribute: {eid} is not indexed", "attribute-not-indexed")
    if not attribute.has_avet:
        raise anomaly.incorrect(f"attribute: {attribute.ident} is not indexed", "attribute-not-indexed")
    return DatomRange(db, (_range_block(db, attribute, start, end),))


def _range_block(db: Database, attribute: Attribute, start: Any = None, end: Any = None) -> Block:
    aid = attribute.id
    perm = db.positions_in_range(aid, start, end)
    if perm is not None:
        return Block(db.rows(aid), aid, True, perm)
    return Block(db.rows_in_range(aid, start, end, hi_open=True), aid, True)
