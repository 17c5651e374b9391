"""The frozen part of a database value: one :class:`AttributeStore` per attribute, and freezing the tail.

Immutable in content: :meth:`Store.freeze` makes the next store and shares all attributes it did not touch.
What is not decided here: when to freeze (``database``).
"""

from __future__ import annotations

from collections.abc import Container
from itertools import pairwise

import numpy as np

from .attribute_store import EMPTY_STORE, AttributeStore, Layer
from .intervals import UNKNOWN, from_events
from .rows import Bools, Ints
from .shapes import Shapes
from .source import IndexSource
from .table import Table

__all__ = ("Store",)


class Store:
    """The frozen facts of every attribute."""

    __slots__ = ("_source", "_unread", "attributes", "max_tx", "referred", "shapes")

    def __init__(self, source: IndexSource | None = None, max_tx: int = -1) -> None:
        #: what has been read; :meth:`attribute` knows of the rest
        self.attributes: dict[int, AttributeStore] = {}
        self._source = source
        self._unread: set[int] = set(source.attribute_ids()) if source is not None else set()
        #: what entities may have, and what they may be referred to by
        self.shapes = Shapes()
        self.referred = Shapes()
        #: the newest transaction with frozen datoms
        self.max_tx = max_tx

    def attribute(self, aid: int) -> AttributeStore:
        """The facts of one attribute; an empty store if it has none."""
        found = self.attributes.get(aid)
        if found is None:
            if aid in self._unread:
                return self._read(aid)
            return EMPTY_STORE
        return found

    def _read(self, aid: int) -> AttributeStore:
        assert self._source is not None
        live, past = self._source.facts(aid)
        txs = [int(column.max()) for column in (live.tx, past.end) if column is not None and len(column)]
        events = len(live) + 2 * len(past) - int(np.count_nonzero(past.tx == UNKNOWN))
        store = AttributeStore((Layer(live, {}),), (past,) if len(past) else (), events, max(txs, default=-1))
        self.shapes.add(aid, live.e)
        self.shapes.add(aid, past.e)
        self.attributes[aid] = store
        self._unread.discard(aid)
        return store

    def attribute_ids(self) -> set[int]:
        """The attributes that have facts, past ones included."""
        return self._unread.union(self.attributes)

    def attributes_of(self, e: int) -> tuple[int, ...]:
        """The attributes that an entity may have."""
        found = None if self._unread else self.shapes.of(e)
        return tuple(self.attribute_ids()) if found is None else found

    def attributes_of_many(self, es: Ints) -> list[int]:
        """The attributes that any of some entities may have, ascending."""
        found = None if self._unread else self.shapes.of_many(es)
        return sorted(self.attribute_ids()) if found is None else found

    def referrers_of(self, e: int) -> tuple[int, ...]:
        """The reference attributes that may have e as a value."""
        # What a source holds is not known by value until it is looked for.
        found = None if self._source is not None else self.referred.of(e)
        return tuple(self.attribute_ids()) if found is None else found

    def freeze(self, e: Ints, a: Ints, v: Ints, tx: Ints, added: Bools, refs: Container[int]) -> Store:
        """The store with these datoms, given in the order of the log, on top. ``refs``: which attributes are
        references."""
        store = Store()
        store.attributes = dict(self.attributes)
        store._source = self._source
        store._unread = set(self._unread)
        store.shapes, store.referred = self.shapes, self.referred
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
            facts = from_events(es, vs, txs, added[index])
            store.shapes.add(aid, es)
            if aid in refs:
                store.referred.add(aid, vs)
            store.attributes[aid] = store.attribute(aid).adding(facts, hi - lo, int(txs.max()))
        return store

    def tables(self, aid: int) -> tuple[Table, Table]:
        """The attribute's live facts as one table and its past ones as another."""
        return self.attribute(aid).compact()
