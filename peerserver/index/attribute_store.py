"""One attribute's frozen facts: a few sorted layers of live ones, marks for those that died, the past.

Like a log-structured merge tree: a freeze of the tail adds a small layer, and layers of like size are
merged. A retraction marks a fact of an older layer as dead; merging moves it to the past. Bulk reads
want one layer and make it (:meth:`AttributeStore.compact`): that changes the form, never the content,
so all values that share the store profit, and nobody sees a difference.
What is not decided here: the tail's datoms, which lie above these (``index.view``).
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from .intervals import UNKNOWN, Intervals
from .rows import NO_INTS, Ints
from .table import EMPTY_TABLE, Table, merge_order

__all__ = ("EMPTY_STORE", "AttributeStore", "Layer", "merged_past")

# A layer is merged into the next when it has at least a quarter of its rows.
_FANOUT: Final = 4
_MAX_PAST: Final = 6
# Smaller tables are sorted anew faster than their orders are merged.
_MIN_CARRIED: Final = 1 << 12


class Layer(NamedTuple):
    """Live facts, and which of them died since: position -> tx of the retraction."""

    table: Table
    dead: dict[int, int]


class AttributeStore:
    """Layers, newest first, and tables of past facts. ``state`` is swapped as one."""

    __slots__ = ("events", "max_tx", "state")

    def __init__(self, layers: tuple[Layer, ...], past: tuple[Table, ...], events: int, max_tx: int) -> None:
        self.state = (layers, past)
        #: how many datoms these facts are, retractions counted
        self.events = events
        self.max_tx = max_tx

    @property
    def layers(self) -> tuple[Layer, ...]:
        return self.state[0]

    @property
    def past(self) -> Table:
        """All past facts as one table; of a store with dead marks only after :meth:`compact`."""
        layers, past = self.state
        if len(past) == 1:
            return past[0]
        merged = merged_past(past)
        if past and self.state[0] is layers:
            self.state = (layers, (merged,))
        return merged

    def __len__(self) -> int:
        return sum(len(layer.table) - len(layer.dead) for layer in self.layers)

    def compact(self) -> tuple[Table, Table]:
        """All live facts in one table, and all past ones."""
        layers, past = self.state
        if len(layers) == 1 and not layers[0].dead and len(past) <= 1:
            return layers[0].table, past[0] if past else EMPTY_TABLE
        if layers:
            merged, died = _merge(layers)
            table = merged
            past = (*past, died) if len(died) else past
        else:
            table = EMPTY_TABLE
        one = merged_past(past)
        self.state = ((Layer(table, {}),), (one,) if len(one) else ())
        return table, one

    def adding(self, facts: Intervals, events: int, max_tx: int) -> AttributeStore:
        """The store with newer facts on top."""
        layers, past = self.state
        if len(facts.gone_e):
            layers, unknown = _bury(layers, facts)
            if unknown is not None:
                past = (*past, unknown)
        if len(facts.past):
            past = (*past, facts.past)
        if len(facts.live):
            layers = (Layer(facts.live, {}), *layers)
        while len(layers) > 1 and len(layers[0].table) * _FANOUT >= len(layers[1].table):
            table, died = _merge(layers[:2])
            if len(died):
                past = (*past, died)
            layers = (Layer(table, {}), *layers[2:])
        if len(past) > _MAX_PAST:
            past = (merged_past(past),)
        return AttributeStore(layers, past, self.events + events, max(self.max_tx, max_tx))


EMPTY_STORE: Final = AttributeStore((), (), 0, -1)


def _bury(layers: tuple[Layer, ...], facts: Intervals) -> tuple[tuple[Layer, ...], Table | None]:
    # Marks the facts that were retracted as dead, newest layer first: that is the one that holds the fact.
    e, v, tx = facts.gone_e, facts.gone_v, facts.gone_tx
    result = []
    for layer in layers:
        if len(e):
            found = layer.table.positions(e, v)
            dead = dict(layer.dead)
            missed = []
            for i, position in enumerate(found.tolist()):
                if position < 0 or position in dead:
                    missed.append(i)
                else:
                    dead[position] = int(tx[i])
            if len(missed) < len(e):
                layer = Layer(layer.table, dead)
                rest = np.array(missed, np.int64)
                e, v, tx = e[rest], v[rest], tx[rest]
        result.append(layer)
    # Only the bootstrap datoms have retractions that retract nothing.
    unknown = Table(e, v, np.full(len(e), UNKNOWN, np.int64), tx) if len(e) else None
    return tuple(result), unknown


def _merge(layers: tuple[Layer, ...]) -> tuple[Table, Table]:
    """The live facts of layers as one table, and their dead as past facts."""
    if len(layers) == 1 and not layers[0].dead:
        return layers[0].table, EMPTY_TABLE
    es, vs, txs, died = [], [], [], []
    kept: list[Ints | None] = []
    for layer in layers:
        table = layer.table
        if layer.dead:
            dead = np.array(sorted(layer.dead), np.int64)
            ends = np.array([layer.dead[p] for p in dead.tolist()], np.int64)
            died.append(Table(table.e[dead], table.v[dead], table.tx[dead], ends))
            keep = np.ones(len(table), np.bool_)
            keep[dead] = False
            index = np.flatnonzero(keep)
            kept.append(index)
            es.append(table.e[index])
            vs.append(table.v[index])
            txs.append(table.tx[index])
        else:
            kept.append(None)
            es.append(table.e)
            vs.append(table.v)
            txs.append(table.tx)
    past = merged_past(tuple(died))
    if len(es) == 1:
        merged = Table(es[0], vs[0], txs[0])
        order: Ints | None = None
    else:
        e, v, tx = np.concatenate(es), np.concatenate(vs), np.concatenate(txs)
        if bool((es[0][:1] > es[-1][-1:]).all()) and len(layers) == 2:
            # Newer entities have greater ids: most often the newer layer just follows the older one.
            n = len(es[0])
            order = np.concatenate([np.arange(n, len(e)), np.arange(n)])
        else:
            order = merge_order(e, v)
        merged = Table(e[order], v[order], tx[order])
    if len(merged) >= _MIN_CARRIED:
        _carry_orders(layers, kept, order, merged)
    return merged, past


def _carry_orders(layers: tuple[Layer, ...], kept: list[Ints | None], order: Ints | None, merged: Table) -> None:
    # Where the largest layer has its rows in order by value, merging the orders is linear; sorting anew isn't.
    largest = max(layers, key=lambda layer: len(layer.table)).table
    words = largest.words if largest.words is not None else largest.words_before
    if not largest.has_by_value() and words is None:
        return
    n = len(merged)
    place = np.empty(n, np.int64)  # from position in the concatenation to position in merged
    place[order if order is not None else np.arange(n)] = np.arange(n)
    perms, base = [], 0
    for layer, index in zip(layers, kept):
        moved = _moved(len(layer.table), index, place, base)
        if largest.has_by_value():
            perms.append(_kept(moved, layer.table.by_value()))
        if layer.table is largest and words is not None:
            merged.words_before = _kept(moved, words)
        base += len(layer.table) if index is None else len(index)
    if perms:
        perm = np.concatenate(perms)
        merged.adopt_by_value(perm[merge_order(merged.v[perm], perm)])


def _moved(size: int, index: Ints | None, place: Ints, base: int) -> Ints:
    # Where each row of a layer stands in the merged table; -1 for the dead.
    if index is None:
        return place[base:base + size]
    moved = np.full(size, -1, np.int64)
    moved[index] = place[base:base + len(index)]
    return moved


def _kept(moved: Ints, perm: Ints) -> Ints:
    result = moved[perm]
    alive = result >= 0
    return result if alive.all() else result[alive]


def merged_past(tables: tuple[Table, ...]) -> Table:
    """Tables of past facts as one."""
    tables = tuple(table for table in tables if len(table))
    if not tables:
        return EMPTY_TABLE
    if len(tables) == 1:
        return tables[0]
    e = np.concatenate([table.e for table in tables])
    v = np.concatenate([table.v for table in tables])
    tx = np.concatenate([table.tx for table in tables])
    end = np.concatenate([table.end if table.end is not None else NO_INTS for table in tables])
    order = merge_order(e, v)
    return Table(e[order], v[order], tx[order], end[order])
