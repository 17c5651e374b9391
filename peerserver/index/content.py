"""The datoms of a database value: the frozen store, and a tail on top (a fork has tails on tails).

Shared by all values of one basis, whatever their time filters. Point reads, which transactions live
on, are here and touch no more than a hash table and a binary search or two; views serve bulk reads.
What is not decided here: schema, identifiers, time points (``database``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

import numpy as np

from .attribute_store import EMPTY_STORE, AttributeStore
from .intervals import NO_INTERVALS, Intervals, from_events
from .rows import NO_INTS, Bools, Ints, Rows, concat
from .store import Store
from .tail import BY_VALUE, MANY, REF, Tail
from .view import NOW, Facts, View, Window, facts_of

__all__ = ("Content",)

# A tail of this many datoms is frozen; so many at once do not pass through a tail at all.
_FREEZE_AT: Final = 1 << 14
_BULK: Final = 1 << 12
# Forks of forks are laid into one tail beyond this depth.
_MAX_UNDER: Final = 3
# The entities that are looked up in pieces of an attribute, when it is not in memory.
_FEW: Final = 256
# Time views that are kept for the next reader, and rows that were merged for them (24 bytes each).
_MAX_VIEWS: Final = 64
_MAX_KEPT_ROWS: Final = 2_000_000


class Content:
    """Datoms: frozen ones, those of older tails (oldest first), and the first ``n`` of the newest tail."""

    __slots__ = ("_facts", "_views", "flags", "n", "store", "tail", "under", "__weakref__")

    def __init__(self, store: Store, under: tuple[tuple[Tail, int], ...], tail: Tail, n: int,
                 flags: Mapping[int, int]) -> None:
        self.store = store
        self.under = under
        self.tail = tail
        self.n = n
        self.flags = flags
        self._facts: dict[int, Facts] = {}
        self._views: dict[tuple[int, Window], View] = {}

    # -- the next content

    def append(self, es: Sequence[int] | Ints, attrs: Sequence[int] | Ints, vs: Sequence[int] | Ints,
               txs: Sequence[int] | Ints | int, added: Sequence[bool] | Bools | None) -> Content:
        """The content with more datoms. At the tip of a history it costs what the datoms cost."""
        count = len(es)
        if count >= _BULK:
            tx = np.full(count, txs, np.int64) if isinstance(txs, int) else np.asarray(txs, np.int64)
            op = np.ones(count, np.bool_) if added is None else np.asarray(added, np.bool_)
            return self._frozen((np.asarray(es, np.int64), np.asarray(attrs, np.int64), np.asarray(vs, np.int64),
                                 tx, op))
        es, attrs, vs = _ints(es), _ints(attrs), _ints(vs)
        if not isinstance(txs, int):
            txs = _ints(txs)
        tail, under = self.tail, self.under
        if self.n + count > _FREEZE_AT:
            return self._frozen(None).append(es, attrs, vs, txs, added)
        n = tail.append(self.n, es, attrs, vs, txs, added, self.flags)
        if n < 0:
            return self.fork().append(es, attrs, vs, txs, added)
        return Content(self.store, under, tail, n, self.flags)

    def fork(self) -> Content:
        """The same content with a new tail on top, so that nothing is added to shared ones."""
        under = (*self.under, (self.tail, self.n)) if self.n else self.under
        if len(under) > _MAX_UNDER:
            if sum(n for _, n in under) > _FREEZE_AT:
                return self._frozen(None)
            e, a, v, tx, added = (column.tolist() for column in _joined(under))
            one = Tail()
            under = ((one, one.append(0, e, a, v, tx, added, self.flags)),)
        return Content(self.store, under, Tail(), 0, self.flags)

    def reflagged(self, flags: Mapping[int, int]) -> Content:
        """The same content for a schema that asks for other indexes. Datoms that a new index would have
        to hold are frozen: the store can index anything."""
        more = [a for a, bits in self.flags.items() if flags.get(a, 0) & ~bits]
        if any(a in tail.aids for tail, _ in self._tails() for a in more):
            frozen = self._frozen(None)
            return Content(frozen.store, (), Tail(), 0, flags)
        return Content(self.store, self.under, self.tail, self.n, flags)

    def _frozen(self, more: tuple[Ints, Ints, Ints, Ints, Bools] | None) -> Content:
        parts = [_joined(self._tails())] if self._tails() else []
        if more is not None:
            parts.append(more)
        if not parts:
            return self
        e, a, v, tx, added = (np.concatenate(pair) for pair in zip(*parts))
        refs = {aid for aid, bits in self.flags.items() if bits & REF}
        return Content(self.store.freeze(e, a, v, tx, added, refs), (), Tail(), 0, self.flags)

    def tails_newest_first(self) -> Sequence[tuple[Tail, int]]:
        """The tails with how many of their datoms count, the newest first."""
        return self._tails()[::-1]

    def _tails(self) -> tuple[tuple[Tail, int], ...]:
        return (*self.under, (self.tail, self.n)) if self.n else self.under

    # -- bulk

    def view(self, aid: int, window: Window = NOW) -> View:
        """One attribute within a time window."""
        key = (aid, window)
        view = self._views.get(key)
        if view is None:
            facts = self._facts.get(aid)
            if facts is None:
                self.store.watch(self)
                facts = self._facts[aid] = facts_of(*self.store.tables(aid), self._tail_facts(aid))
            self.store.used(aid)
            view = View(facts, window)
            view.grew = partial(self.store.grew, aid)
            if window is not NOW:
                self._make_room()
            self._views[key] = view
        return view

    def view_of_entities(self, aid: int, es: Ints, window: Window = NOW) -> View:
        """As :meth:`view`, right for some entities at least; of few, less may be read for it."""
        if len(es) > _FEW or not self.store.is_away(aid):
            return self.view(aid, window)
        return self._piece(aid, self.store.near(aid, es), window)

    def view_of_values(self, aid: int, codes: Ints, window: Window = NOW) -> View:
        """As :meth:`view`, right for some values at least; of one value's holders now, less may be read for it."""
        if len(codes) != 1 or window is not NOW or not self.store.is_away(aid):
            return self.view(aid, window)
        return self._piece(aid, self.store.holding(aid, int(codes[0])), window)

    def _view_of_txs(self, aid: int, txs: Ints, window: Window, frozen: bool) -> View:
        if not self.store.is_away(aid):
            return self.view(aid, window)
        store = self.store.of_txs(aid, int(txs.min()), int(txs.max())) if frozen else EMPTY_STORE
        return View(facts_of(*store.compact(), self._tail_facts(aid)), window)

    def _piece(self, aid: int, store: AttributeStore, window: Window) -> View:
        if not self.store.is_away(aid):  # it was better read whole
            return self.view(aid, window)
        return View(facts_of(*store.compact(), self._tail_facts(aid)), window)

    def forget(self, aid: int) -> None:
        """Views of an attribute leave memory; they can be made again."""
        self._facts.pop(aid, None)
        for key in [key for key in list(self._views) if key[0] == aid]:
            self._views.pop(key, None)

    def count(self, aid: int, window: Window) -> int:
        """How many rows an attribute has, about: never less."""
        if not self.store.is_away(aid):
            return self.view(aid, window).count()
        tail = sum(tail.aids.__contains__(aid) * n for tail, n in self._tails())
        return (self.store.count(aid) if window.is_open else self.store.events(aid)) + tail

    def _make_room(self) -> None:
        past = [(key, view) for key, view in list(self._views.items()) if key[1] is not NOW]
        if len(past) >= _MAX_VIEWS or sum(view.kept() for _, view in past) > _MAX_KEPT_ROWS:
            for key, _ in past:
                self._views.pop(key, None)

    def rows_of_txs(self, txs: Ints, window: Window) -> tuple[Ints, Rows]:
        """The rows whose tx is one of ``txs`` (distinct), with an ``a`` column, and which of them it is. The
        store is looked through only for transactions that it has."""
        order = np.argsort(txs)
        probes = txs[order]

        def access(column: Ints) -> tuple[Ints, Ints]:
            lo, hi = int(probes[0]), int(probes[-1])
            index = np.flatnonzero((column >= lo) & (column <= hi))
            if len(probes) <= hi - lo:
                place = probes.searchsorted(column[index])
                index = index[probes[np.minimum(place, len(probes) - 1)] == column[index]]
            return order[probes.searchsorted(column[index])], index

        ats, parts = [], []
        if len(txs):
            frozen = int(probes[0]) <= self.store.max_tx
            aids = self.attribute_ids() if frozen else set[int]().union(*(tail.aids for tail, _ in self._tails()))
            for aid in sorted(aids):
                for at, rows in self._view_of_txs(aid, txs, window, frozen).of_txs(access, frozen):
                    ats.append(at)
                    parts.append(rows.with_a(aid))
        if not parts:
            return NO_INTS, Rows(NO_INTS, NO_INTS, NO_INTS, NO_INTS)
        return np.concatenate(ats), concat(parts)

    def tail_columns(self) -> tuple[Ints, Ints, Ints, Ints, Bools] | None:
        """The datoms that are not frozen, in the order of the log."""
        tails = self._tails()
        return _joined(tails) if tails else None

    def _tail_facts(self, aid: int) -> Intervals:
        parts = []
        for tail, n in self._tails():
            if aid in tail.aids:
                e, a, v, tx, added = tail.columns(n)
                index = np.flatnonzero(a == aid)
                if len(index):
                    parts.append((e[index], v[index], tx[index], added[index]))
        if not parts:
            return NO_INTERVALS
        if len(parts) == 1:
            return from_events(*parts[0])
        e, v, tx, added = (np.concatenate(columns) for columns in zip(*parts))
        return from_events(e, v, tx, added)

    def attribute_ids(self) -> set[int]:
        """The attributes that may have datoms."""
        return self.store.attribute_ids().union(*(tail.aids for tail, _ in self._tails()))

    def attributes_of_many(self, es: Ints) -> list[int]:
        """The attributes that any of some entities may have, ascending."""
        found = set(self.store.attributes_of_many(es))
        for tail, _ in self._tails():
            found |= tail.aids
        return sorted(found)

    def events(self) -> dict[int, int]:
        """How many datoms each attribute has, retractions counted."""
        counts = {aid: self.store.events(aid) for aid in self.store.attribute_ids()}
        columns = self.tail_columns()
        if columns is not None:
            found = np.bincount(columns[1])
            for aid in np.flatnonzero(found).tolist():
                counts[aid] = counts.get(aid, 0) + int(found[aid])
        return counts

    # -- points

    def codes(self, e: int, aid: int) -> Sequence[int]:
        """The value codes of (e, aid) now, in no particular order."""
        tail = self.tail
        seen = None
        if self.under or (e, aid) in tail.ea:
            seen = self._seen(e, aid)
        found: list[int] = []
        store = self.store.attributes.get(aid)
        if store is None:
            store = self.store.near_one(aid, e)
        for table, dead in store.state[0]:
            if table.min_e <= e <= table.max_e:
                starts = table.e_starts
                if starts is not None:
                    lo = starts[e - table.min_e]
                    hi = starts[e - table.min_e + 1]
                else:
                    lo, hi = table.of_entity(e)
                if hi - lo == 1:
                    if not dead or lo not in dead:
                        found.append(table.v.item(lo))
                elif hi > lo:
                    vs = table.v[lo:hi].tolist()
                    found += [v for i, v in enumerate(vs, lo) if i not in dead] if dead else vs
        if seen:
            return [v for v in found if v not in seen] + [v for v, live in seen.items() if live]
        return found

    def _seen(self, e: int, aid: int) -> dict[int, bool]:
        # What the tails say of the values of (e, aid): the newest word on each.
        seen: dict[int, bool] = {}
        tail = self.tail
        col_v, added = tail.v, tail.added
        for pos in tail.of_entity_attribute(e, aid, self.n):
            v = col_v[pos]
            if v not in seen:
                seen[v] = bool(added[pos])
        for older, n in reversed(self.under):
            for pos in older.of_entity_attribute(e, aid, n):
                seen.setdefault(older.v[pos], bool(older.added[pos]))
        return seen

    def datom_of(self, e: int, aid: int, code: int) -> int | None:
        """The tx of the datom if it holds now."""
        many = bool(self.flags.get(aid, 0) & MANY)
        tail = self.tail
        pos = tail.last_of(e, aid, code, self.n, many)
        if pos >= 0:
            return tail.tx[pos] if tail.added[pos] else None
        for older, n in reversed(self.under):
            pos = older.last_of(e, aid, code, n, many)
            if pos >= 0:
                return older.tx[pos] if older.added[pos] else None
        for table, dead in self.store.near_one(aid, e).state[0]:
            pos = table.position(e, code)
            if pos >= 0 and pos not in dead:
                return table.tx.item(pos)
        return None

    def holder(self, aid: int, code: int) -> int | None:
        """An entity that has the value now."""
        if not self.flags.get(aid, 0) & BY_VALUE:
            wanted = np.array([code], np.int64)
            rows = self.view_of_values(aid, wanted).select(lambda table: table.of_values(wanted))[1]
            return int(rows.e[0]) if len(rows) else None
        gone: set[int] | tuple[()] = ()
        tail = self.tail
        if self.under or (aid, code) in tail.av:
            gone = set()
            for newer, n in self.tails_newest_first():
                for pos in newer.of_value(aid, code, n):
                    e = newer.e[pos]
                    if newer.added[pos] and e not in gone:
                        return e
                    gone.add(e)
        store = self.store.attributes.get(aid)
        if store is None:
            store = self.store.holding(aid, code)
        for table, dead in store.state[0]:
            if table.min_v <= code <= table.max_v:
                lo, hi = table.value_range(code)
                if lo < hi:
                    perm = table.by_value()
                    for place in range(lo, hi):
                        pos = perm.item(place)
                        if pos not in dead:
                            e = table.e.item(pos)
                            if e not in gone:
                                return e
        return None

    def referrers(self, v: int) -> list[tuple[int, int]]:
        """The (e, aid) of all references to v now."""
        seen: dict[tuple[int, int], bool] = {}
        for tail, n in reversed(self._tails()):
            for pos in tail.of_ref(v, n):
                seen.setdefault((tail.e[pos], tail.a[pos]), bool(tail.added[pos]))
        found = []
        flags = self.flags
        for aid in self.store.referrers_of(v):
            if not flags.get(aid, 0) & REF:
                continue
            for table, dead in self.store.holding(aid, v).state[0]:
                if len(table) and table.min_v <= v <= table.max_v:
                    for pos in table.of_value(v).tolist():
                        if pos not in dead:
                            key = (table.e.item(pos), aid)
                            if key not in seen:
                                found.append(key)
        return found + [key for key, live in seen.items() if live]

    def referring_attributes(self, v: int) -> list[int]:
        """The reference attributes that may have v as a value, ascending."""
        found = set(self.store.referrers_of(v))
        for tail, _ in self._tails():
            if v in tail.ref:
                found |= tail.aids
        flags = self.flags
        return sorted(aid for aid in found if flags.get(aid, 0) & REF)

    def entity_attributes(self, e: int) -> list[int]:
        """The attributes that e may have."""
        found = dict.fromkeys(self.store.attributes_of(e))
        for tail, _ in self._tails():
            found.update(dict.fromkeys(tail.attrs_of.get(e, ())))
        return list(found)


def _ints(column: Sequence[int] | Ints) -> Sequence[int]:
    if isinstance(column, np.ndarray):
        listed: list[int] = column.tolist()
        return listed
    return column


def _joined(tails: Sequence[tuple[Tail, int]]) -> tuple[Ints, Ints, Ints, Ints, Bools]:
    columns = [tail.columns(n) for tail, n in tails]
    if len(columns) == 1:
        return columns[0]
    e, a, v, tx, added = (np.concatenate(same) for same in zip(*columns))
    return e, a, v, tx, added
