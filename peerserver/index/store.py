"""The frozen part of a database value: one :class:`AttributeStore` per attribute, and freezing the tail.

Immutable in content: :meth:`Store.freeze` makes the next store and shares all attributes it did not touch. Attributes
of a source (a durable index) are read when they are asked for: a piece for a point read, else whole; and since what
was frozen on top of them is kept apart as well, they may be forgotten and read again.
What is not decided here: when to freeze (``database``).
"""

from __future__ import annotations

from collections.abc import Callable, Container
from itertools import pairwise
from typing import TYPE_CHECKING

import attrs
import numpy as np

from .attribute_store import EMPTY_STORE, AttributeStore, Layer
from .intervals import UNKNOWN, Intervals, from_events, laid_together
from .resident import Resident
from .rows import Bools, Ints
from .shapes import Shapes
from .source import IndexSource
from .table import Table

if TYPE_CHECKING:
    from .content import Content

__all__ = ("Store",)

# So many pieces of news of one attribute are laid together.
_MAX_PIECES: int = 8


@attrs.frozen(eq=False)
class _Piece:
    # What a freeze added to an attribute of the source.
    facts: Intervals
    events: int
    max_tx: int


class Store:
    """The frozen facts of every attribute."""

    __slots__ = ("_news", "_resident", "_source", "_sourced", "_unshaped", "attributes", "max_tx", "referred", "shapes",
                 "__weakref__")

    def __init__(self, source: IndexSource | None = None, max_tx: int = -1) -> None:
        #: what is in memory whole; :meth:`attribute` knows of the rest
        self.attributes: dict[int, AttributeStore] = {}
        self._source = source
        self._sourced: frozenset[int] = frozenset(source.attribute_ids() if source is not None else ())
        #: attributes of the source whose entities are not in the shapes, because they were never read
        self._unshaped: set[int] = set(self._sourced)
        self._news: dict[int, tuple[_Piece, ...]] = {}
        self._resident: Resident | None = None
        if source is not None:
            self._resident = Resident(source.cache)
            self._resident.watch(self)
        #: what entities may have, and what they may be referred to by
        self.shapes = Shapes()
        self.referred = Shapes()
        #: the newest transaction with frozen datoms
        self.max_tx = max_tx

    # -- attributes

    def attribute(self, aid: int) -> AttributeStore:
        """The facts of one attribute, read whole; an empty store if it has none."""
        found = self.attributes.get(aid)
        if found is not None:
            return found
        return self._read(aid) if aid in self._sourced else EMPTY_STORE

    def is_away(self, aid: int) -> bool:
        """Whether reading the attribute whole means reading storage."""
        return aid in self._sourced and aid not in self.attributes

    def near(self, aid: int, es: Ints) -> AttributeStore:
        """Facts of an attribute, complete and right for some entities only."""
        tables = self._source.near(aid, es) if self._source is not None and self.is_away(aid) else None
        if tables is None:
            return self.attribute(aid)
        return self._with_news(aid, tables, lambda facts: facts.of_entities(es))

    def near_one(self, aid: int, e: int) -> AttributeStore:
        """As :meth:`near`, for one entity."""
        found = self.attributes.get(aid)
        if found is not None:
            return found
        return self.near(aid, np.array([e], np.int64)) if aid in self._sourced else EMPTY_STORE

    def holding(self, aid: int, code: int) -> AttributeStore:
        """Live facts of an attribute, complete and right for one value only."""
        tables = self._source.holding(aid, code) if self._source is not None and self.is_away(aid) else None
        if tables is None:
            return self.attribute(aid)
        return self._with_news(aid, tables, lambda facts: facts.of_value(code))

    def of_txs(self, aid: int, least: int, most: int) -> AttributeStore:
        """Facts of an attribute, complete for those asserted or retracted in a range of transactions."""
        if self._source is None or not self.is_away(aid):
            return self.attribute(aid)
        return self._with_news(aid, self._source.of_txs(aid, least, most), lambda facts: facts)

    def used(self, aid: int) -> None:
        """An attribute was read from whole: it is not the one to forget next."""
        if self._resident is not None and aid in self._sourced:
            self._resident.used(aid)

    def grew(self, aid: int, size: int) -> None:
        """So many bytes more are kept of an attribute, until it is forgotten."""
        if self._resident is not None and self._source is not None and aid in self._sourced:
            self._resident.loaded(aid, self._source.size(aid) + size)

    def watch(self, content: Content) -> None:
        """A content keeps views of attributes; it is told what to forget."""
        if self._resident is not None:
            self._resident.watch(content)

    def forget(self, aid: int) -> None:
        """An attribute of the source leaves memory; it can be read again."""
        self.attributes.pop(aid, None)

    def _read(self, aid: int) -> AttributeStore:
        assert self._source is not None and self._resident is not None
        tables = self._source.facts(aid)
        store = self._with_news(aid, tables, lambda facts: facts)
        if aid in self._unshaped:
            for table in tables:
                self.shapes.add(aid, table.e)
            self._unshaped.discard(aid)
        self.attributes[aid] = store
        self._resident.loaded(aid, self._source.size(aid))
        return store

    def _with_news(self, aid: int, tables: tuple[Table, Table], some: Callable[[Intervals], Intervals]) -> AttributeStore:
        live, past = tables
        txs = [int(column.max()) for column in (live.tx, past.end) if column is not None and len(column)]
        events = len(live) + 2 * len(past) - int(np.count_nonzero(past.tx == UNKNOWN))
        store = AttributeStore((Layer(live, {}),), (past,) if len(past) else (), events, max(txs, default=-1))
        for piece in self._news.get(aid, ()):
            facts = some(piece.facts)
            if facts:
                store = store.adding(facts, piece.events, piece.max_tx)
        return store

    # -- what is known without reading

    def attribute_ids(self) -> set[int]:
        """The attributes that have facts, past ones included."""
        return {*self._sourced, *self.attributes}

    def count(self, aid: int) -> int:
        """How many facts hold, as if none of the source's had been retracted; nothing is read."""
        if self._source is None or not self.is_away(aid):
            return len(self.attribute(aid))
        return self._source.count(aid) + sum(len(piece.facts.live) for piece in self._news.get(aid, ()))

    def events(self, aid: int) -> int:
        """How many datoms the facts of an attribute are, retractions counted; nothing is read."""
        if self._source is None or not self.is_away(aid):
            return self.attribute(aid).events
        return self._source.events(aid) + sum(piece.events for piece in self._news.get(aid, ()))

    def attributes_of(self, e: int) -> tuple[int, ...]:
        """The attributes that an entity may have."""
        found = self.shapes.of(e)
        if found is None:
            return tuple(self.attribute_ids())
        if not self._unshaped or self._source is None:
            return found
        may_have = self._source.may_have
        return (*found, *(aid for aid in self._unshaped if aid not in found and may_have(aid, e)))

    def attributes_of_many(self, es: Ints) -> list[int]:
        """The attributes that any of some entities may have, ascending."""
        found = None if self._unshaped else self.shapes.of_many(es)
        return sorted(self.attribute_ids()) if found is None else found

    def referrers_of(self, e: int) -> tuple[int, ...]:
        """The reference attributes that may have e as a value."""
        # What a source holds is not known by value until it is looked for.
        found = None if self._source is not None else self.referred.of(e)
        return tuple(self.attribute_ids()) if found is None else found

    # -- the next store

    def freeze(self, e: Ints, a: Ints, v: Ints, tx: Ints, added: Bools, refs: Container[int]) -> Store:
        """The store with these datoms, given in the order of the log, on top. ``refs``: which attributes are
        references."""
        store = self._copy()
        store.max_tx = max(self.max_tx, int(tx[-1])) if len(tx) else self.max_tx
        order = np.argsort(a.astype(np.int32), kind="stable")
        a = a[order]
        bounds = [0, *(np.flatnonzero(a[1:] != a[:-1]) + 1).tolist(), len(a)]
        for lo, hi in pairwise(bounds):
            if lo == hi:
                continue
            index = order[lo:hi]
            aid = int(a[lo])
            es, vs, txs = e[index], v[index], tx[index]
            piece = _Piece(from_events(es, vs, txs, added[index]), hi - lo, int(txs.max()))
            store.shapes.add(aid, es)
            if aid in refs:
                store.referred.add(aid, vs)
            store._add(aid, piece)
        return store

    def _copy(self) -> Store:
        store = Store()
        store.attributes = dict(self.attributes)
        store._source, store._sourced, store._resident = self._source, self._sourced, self._resident
        store._unshaped = self._unshaped
        store._news = dict(self._news)
        store.shapes, store.referred = self.shapes, self.referred
        if self._resident is not None:
            self._resident.watch(store)
        return store

    def _add(self, aid: int, piece: _Piece) -> None:
        if aid not in self._sourced:
            self.attributes[aid] = self.attribute(aid).adding(piece.facts, piece.events, piece.max_tx)
            return
        found = self.attributes.get(aid)
        if found is not None:
            self.attributes[aid] = found.adding(piece.facts, piece.events, piece.max_tx)
        news = (*self._news.get(aid, ()), piece)
        if len(news) > _MAX_PIECES:
            facts = laid_together([one.facts for one in news])
            news = (_Piece(facts, sum(one.events for one in news), max(one.max_tx for one in news)),)
        self._news[aid] = news

    def tables(self, aid: int) -> tuple[Table, Table]:
        """The attribute's live facts as one table and its past ones as another."""
        return self.attribute(aid).compact()
