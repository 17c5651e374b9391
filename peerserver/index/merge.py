"""The pure half of the indexing job: a durable index and the news since, merged into the next index.

Only segments that the news touches are read and written again; all others go on as they are. What comes out is a
number of values to store under keys, the root last: until somebody points to the root, they are garbage and nothing
else.
What is not decided here: where news comes from and who points to the root (``transactor.indexing``).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias, TypeVar

import attrs
import numpy as np

from peerserver.model.schema import Schema, ValueType

from .attribute_store import AttributeStore, Layer, merged_past
from .dictionary import Dictionary
from .directory import NO_SEGMENTS, AttributeEntry, IndexRoot, Segments, write_pages, write_root
from .durable import DurableIndex
from .intervals import Intervals, from_events
from .rows import NO_INTS, Bools, Ints
from .segments import LIVE, PAST, Cut, Holders, cut_facts, cut_holders, holders_of
from .table import EMPTY_TABLE, Table, merge_order

__all__ = ("News", "merge")

T = TypeVar("T")
#: Gives values with their keys as they are made, and in the end tells of them.
_Writing: TypeAlias = "Generator[tuple[str, bytes], None, T]"

_FIRST: Final = -(2**63)
_LAST: Final = 2**63 - 1


@attrs.frozen(eq=False)
class News:
    """The datoms since the index, in the order of the log, as parallel columns (``v``: codes), and how the counters
    stand after them. ``schema`` is the one after them."""

    e: Ints
    a: Ints
    v: Ints
    tx: Ints
    added: Bools
    basis_t: int
    next_t: int
    next_schema_id: int
    schema: Schema


def merge(database_id: str, old: DurableIndex | None, news: News, dictionary: Dictionary,
          new_key: Callable[[str], str]) -> Iterator[tuple[str, bytes]]:
    """The values of the next index, each with its key; the last is the root.

    ``new_key(kind)`` gives a key that was never used. ``old`` shares ``dictionary``."""
    merging = _Merging(old, news, dictionary, new_key)
    order = np.argsort(news.a, kind="stable")
    sorted_a = news.a[order]
    entries: dict[int, AttributeEntry] = {}
    for aid in merging.attribute_ids():
        index = order[int(sorted_a.searchsorted(aid)):int(sorted_a.searchsorted(aid, "right"))]
        entries[aid] = yield from merging.attribute(aid, index)
    pages = []
    for page in write_pages(entries):
        pages.append(new_key("directory"))
        yield pages[-1], page
    retired = merging.retired if old is None else [*merging.retired, *old.root.pages]
    root = IndexRoot(database_id, news.basis_t, news.next_t, news.next_schema_id, pages, retired)
    yield new_key("root"), write_root(root)


class _Merging:
    def __init__(self, old: DurableIndex | None, news: News, dictionary: Dictionary,
                 new_key: Callable[[str], str]) -> None:
        self._old = old
        self._entries: Mapping[int, AttributeEntry] = {} if old is None else old.entries
        self._news = news
        self._dictionary = dictionary
        self._new_key = new_key
        self.retired: list[str] = []

    def attribute_ids(self) -> list[int]:
        return sorted({*self._entries, *np.unique(self._news.a).tolist()})

    def attribute(self, aid: int, index: Ints) -> _Writing[AttributeEntry]:
        """The segments of one attribute; returns its entry. ``index``: its rows in the news."""
        attribute = self._news.schema.attributes[aid]
        entry = self._entries.get(aid, AttributeEntry(attribute.type.name))
        by_value = attribute.has_avet or attribute.is_ref
        if not len(index):
            if by_value == bool(len(entry.value)) or not entry.live.total:
                return entry
            # The attribute began or ceased to be kept by value.
            nothing = from_events(NO_INTS, NO_INTS, NO_INTS, NO_INTS.astype(np.bool_))
            value = yield from (self._values_anew(aid, attribute.type, entry.live, nothing) if by_value
                                else self._no_values(entry))
            return attrs.evolve(entry, value=value)
        news = self._news
        facts = from_events(news.e[index], news.v[index], news.tx[index], news.added[index])
        live, died = yield from self._live(aid, attribute.type, entry.live, facts)
        past = entry.past
        closed = merged_past((died, facts.past))
        if len(closed):
            past = yield from self._past(aid, attribute.type, entry.past, closed)
        if not by_value:
            value = yield from self._no_values(entry)
        elif len(entry.value) or not entry.live.total:
            value = yield from self._values(aid, attribute.type, entry.value, facts)
        else:
            value = yield from self._values_anew(aid, attribute.type, entry.live, facts)
        return AttributeEntry(attribute.type.name, live, past, value, entry.events + len(index))

    # -- live and past facts

    def _live(self, aid: int, type: ValueType, segments: Segments,
              facts: Intervals) -> _Writing[tuple[Segments, Table]]:
        died: list[Table] = []
        written = _Written()
        touched = np.unique(np.concatenate([facts.live.e, facts.gone_e]))
        for first, beyond, low, high in _runs(segments, touched):
            written.keep(segments, first)
            base = self._tables(segments, first, beyond)
            store = AttributeStore((Layer(base, {}),), (), 0, 0).adding(_between(facts, low, high), 0, 0)
            live, past = store.compact()
            died.append(past)
            for cut in cut_facts(LIVE, aid, type, live, self._dictionary):
                yield written.put(self._new_key(LIVE), cut), cut.data
            self._retire(segments, first, beyond)
            written.skip(beyond)
        written.keep(segments, len(segments))
        return written.segments(), merged_past(tuple(died))

    def _past(self, aid: int, type: ValueType, segments: Segments, more: Table) -> _Writing[Segments]:
        written = _Written()
        for first, beyond, low, high in _runs(segments, np.unique(more.e)):
            written.keep(segments, first)
            part = slice(int(more.e.searchsorted(low)), int(more.e.searchsorted(high)) if high < _LAST else len(more))
            assert more.end is not None
            added = Table(more.e[part], more.v[part], more.tx[part], more.end[part])
            table = _together(self._tables(segments, first, beyond), added)
            for cut in cut_facts(PAST, aid, type, table, self._dictionary):
                yield written.put(self._new_key(PAST), cut), cut.data
            self._retire(segments, first, beyond)
            written.skip(beyond)
        written.keep(segments, len(segments))
        return written.segments()

    def _tables(self, segments: Segments, first: int, beyond: int) -> Table:
        if first == beyond:
            return EMPTY_TABLE
        assert self._old is not None
        return self._old.read(segments.keys[first:beyond])

    def _retire(self, segments: Segments, first: int, beyond: int) -> None:
        self.retired += segments.keys[first:beyond]

    # -- by value

    def _no_values(self, entry: AttributeEntry) -> _Writing[Segments]:
        self._retire(entry.value, 0, len(entry.value))
        yield from ()
        return NO_SEGMENTS

    def _values_anew(self, aid: int, type: ValueType, live: Segments, facts: Intervals) -> _Writing[Segments]:
        # Out of the old segments: the new ones may still be on their way to storage.
        store = AttributeStore((Layer(self._tables(live, 0, len(live)), {}),), (), 0, 0)
        table = store.adding(facts, 0, 0).compact()[0]
        written = _Written()
        for cut in cut_holders(aid, type, holders_of(type, table.e, table.v, self._dictionary)):
            yield written.put(self._new_key("value"), cut), cut.data
        return written.segments()

    def _values(self, aid: int, type: ValueType, segments: Segments, facts: Intervals) -> _Writing[Segments]:
        more = holders_of(type, facts.live.e, facts.live.v, self._dictionary)
        gone = holders_of(type, facts.gone_e, facts.gone_v, self._dictionary)
        written = _Written()
        for first, beyond, low, high in _value_runs(segments, [_touched(more), _touched(gone)]):
            written.keep(segments, first)
            assert self._old is not None or first == beyond
            base = [] if self._old is None else [self._old.read_holders(key) for key in segments.keys[first:beyond]]
            merged = _merged_holders([*base, _holders_between(more, low, high)], _holders_between(gone, low, high))
            for cut in cut_holders(aid, type, merged):
                yield written.put(self._new_key("value"), cut), cut.data
            self._retire(segments, first, beyond)
            written.skip(beyond)
        written.keep(segments, len(segments))
        return written.segments()


class _Written:
    """The next list of segments: old ones that are kept, and new ones, in order."""

    def __init__(self) -> None:
        self._next = 0
        self._keys: list[str] = []
        self._rows: list[tuple[int, int, int, int, int, int]] = []
        self._first: list[Any] = []
        self._last: list[Any] = []

    def keep(self, old: Segments, beyond: int) -> None:
        """Old segments up to ``beyond`` go on as they are."""
        for i in range(self._next, beyond):
            self._keys.append(old.keys[i])
            self._rows.append((int(old.rows[i]), int(old.sizes[i]), int(old.min_e[i]), int(old.max_e[i]),
                               int(old.min_tx[i]), int(old.max_tx[i])))
            self._first.append(old.first[i])
            self._last.append(old.last[i])
        self._next = max(self._next, beyond)

    def skip(self, beyond: int) -> None:
        """Old segments up to ``beyond`` were replaced."""
        self._next = beyond

    def put(self, key: str, cut: Cut) -> str:
        """A new segment; returns its key."""
        self._keys.append(key)
        self._rows.append((cut.rows, len(cut.data), cut.min_e, cut.max_e, cut.min_tx, cut.max_tx))
        self._first.append(cut.first)
        self._last.append(cut.last)
        return key

    def segments(self) -> Segments:
        rows, sizes, min_e, max_e, min_tx, max_tx = np.array(self._rows, np.int64).reshape(len(self._rows), 6).T.copy()
        return Segments(self._keys, rows, sizes, min_e, max_e, min_tx, max_tx, self._first, self._last)


def _runs(segments: Segments, touched: Ints) -> Iterator[tuple[int, int, int, int]]:
    """Runs of neighbouring segments that have, or should have, facts of touched entities (ascending): the first, the
    one after the last, and the entities (from, before) that belong there."""
    n = len(segments)
    if n == 0:
        yield 0, 0, _FIRST, _LAST
        return
    hit = np.zeros(n, np.bool_)
    hit[np.clip(segments.min_e.searchsorted(touched, "right") - 1, 0, n - 1)] = True
    # One entity's facts may go on over several segments.
    lo = np.minimum(segments.max_e.searchsorted(touched), n - 1)
    for start, stop in set(zip(lo.tolist(), segments.min_e.searchsorted(touched, "right").tolist())):
        hit[start:stop] = True
    # Neighbours that share an entity are one run.
    for i in range(n - 1):
        if segments.max_e[i] == segments.min_e[i + 1] and hit[i] != hit[i + 1]:
            hit[i] = hit[i + 1] = True
    for i in range(n - 2, -1, -1):
        if segments.max_e[i] == segments.min_e[i + 1] and hit[i + 1]:
            hit[i] = True
    for first, beyond in _stretches(hit):
        yield (first, beyond, _FIRST if first == 0 else int(segments.min_e[first]),
               _LAST if beyond == n else int(segments.min_e[beyond]))


def _stretches(hit: Bools) -> Iterator[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], hit, [False]]).astype(np.int8)))
    yield from zip(edges[::2].tolist(), edges[1::2].tolist())


def _between(facts: Intervals, low: int, high: int) -> Intervals:
    # Facts of the entities from low to before high.
    live = slice(int(facts.live.e.searchsorted(low)), int(facts.live.e.searchsorted(high)) if high < _LAST else None)
    gone = slice(int(facts.gone_e.searchsorted(low)), int(facts.gone_e.searchsorted(high)) if high < _LAST else None)
    table = facts.live
    return Intervals(Table(table.e[live], table.v[live], table.tx[live]), EMPTY_TABLE, facts.gone_e[gone],
                     facts.gone_v[gone], facts.gone_tx[gone])


def _together(first: Table, second: Table) -> Table:
    if not len(first):
        return second
    assert first.end is not None and second.end is not None
    e, v = np.concatenate([first.e, second.e]), np.concatenate([first.v, second.v])
    order = merge_order(e, v)
    return Table(e[order], v[order], np.concatenate([first.tx, second.tx])[order],
                 np.concatenate([first.end, second.end])[order])


# -- holders: (value, entity) pairs whose values are codes, or texts with positions


def _touched(holders: Holders) -> Sequence[Any]:
    return np.unique(holders.v).tolist() if holders.stored is None else holders.stored


def _value_runs(segments: Segments, touched: Sequence[Sequence[Any]]) -> Iterator[tuple[int, int, Any, Any]]:
    """As :func:`_runs`, by value. A bound of None: none."""
    n = len(segments)
    if n == 0:
        yield 0, 0, None, None
        return
    hit = np.zeros(n, np.bool_)
    first, last = list(segments.first), list(segments.last)
    for values in touched:
        for value in values:
            home = min(max(bisect_right(first, value) - 1, 0), n - 1)
            hit[home] = True
            hit[min(bisect_left(last, value), n - 1):bisect_right(first, value)] = True
    for i in range(n - 1):
        if last[i] == first[i + 1] and hit[i]:
            hit[i + 1] = True
    for i in range(n - 2, -1, -1):
        if last[i] == first[i + 1] and hit[i + 1]:
            hit[i] = True
    for start, beyond in _stretches(hit):
        yield start, beyond, None if start == 0 else first[start], None if beyond == n else first[beyond]


def _holders_between(holders: Holders, low: Any, high: Any) -> Holders:
    stored = holders.stored
    if stored is not None:
        low = 0 if low is None else bisect_left(stored, low)
        high = len(stored) if high is None else bisect_left(stored, high)
    start = 0 if low is None else int(holders.v.searchsorted(low))
    end = len(holders.v) if high is None else int(holders.v.searchsorted(high))
    return Holders(holders.e[start:end], holders.v[start:end], stored)


def _merged_holders(parts: Sequence[Holders], gone: Holders) -> Holders:
    """All pairs of ``parts`` but those of ``gone``, by (value, e)."""
    parts = [part for part in parts if len(part.e)]
    if not parts:
        return Holders(NO_INTS, NO_INTS, None if gone.stored is None else [])
    stored: list[Any] | None = None
    lost = gone.v
    if parts[0].stored is not None:
        every: set[Any] = set()
        for part in parts:
            assert part.stored is not None
            every.update(part.stored[i] for i in np.unique(part.v).tolist())
        stored = sorted(every)
        place = {value: i for i, value in enumerate(stored)}
        vs = [_replaced(part, place) for part in parts]
        lost = _replaced(gone, place)
    else:
        vs = [part.v for part in parts]
    v, e = np.concatenate(vs), np.concatenate([part.e for part in parts])
    order = merge_order(v, e)
    v, e = v[order], e[order]
    if len(lost):
        v, e = _less(v, e, lost, gone.e)
    return _dense(e, v, stored)


def _replaced(part: Holders, place: Mapping[Any, int]) -> Ints:
    assert part.stored is not None
    table = np.array([place.get(value, -1) for value in part.stored] or [0], np.int64)
    return table[part.v]


def _less(v: Ints, e: Ints, gone_v: Ints, gone_e: Ints) -> tuple[Ints, Ints]:
    found = Table(v, e, e).positions(gone_v, gone_e)  # sorted by (v, e), as facts are by (e, v)
    keep = np.ones(len(v), np.bool_)
    keep[found[found >= 0]] = False
    return v[keep], e[keep]


def _dense(e: Ints, v: Ints, stored: list[Any] | None) -> Holders:
    # Values that nobody has any more leave the dictionary.
    if stored is None or not len(v):
        return Holders(e, v, stored if stored is None else (stored if len(v) else []))
    used, v = np.unique(v, return_inverse=True)
    return Holders(e, v, [stored[i] for i in used.tolist()])
