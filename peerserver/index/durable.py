"""A durable index as a source of facts: reads the few segments that a question needs, or an attribute whole.

Pure: it is given a function that fetches values by key, and blocks until it has them. Whatever it has read it keeps
in an object cache that all databases of the process share.
What is not decided here: when an attribute is better read whole (``index.store`` asks, this module knows the costs).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import numpy as np

from peerserver.codec.columns import CorruptValue
from peerserver.codec.stored import to_stored
from peerserver.model.anomaly import fault
from peerserver.model.schema import VALUE_TYPES

from .dictionary import Dictionary
from .directory import AttributeEntry, IndexRoot, Segments
from .rows import NO_INTS, Ints
from .segment_cache import ObjectCache
from .segments import Holders, joined, read_facts, read_holders
from .table import EMPTY_TABLE, Table

__all__ = ("DurableIndex", "Fetch")

#: From keys to the bytes under them, in order. Blocks; raises an Anomaly when storage cannot answer.
Fetch = Callable[[Sequence[str]], Sequence[bytes]]

# An attribute of so few segments is read whole at once; a larger one when this part of it is asked for at once, or when
# so many times all its segments were read one by one.
_WHOLE: Final = 2
_PART: Final = 4
_MANY: Final = 32
# The memory that a row of a whole attribute takes, with the orders that reads make of it.
_ROW_BYTES: Final = 48


class DurableIndex:
    """An :class:`~peerserver.index.source.IndexSource` over segments."""

    def __init__(self, root: IndexRoot, entries: Mapping[int, AttributeEntry], fetch: Fetch, dictionary: Dictionary,
                 cache: ObjectCache) -> None:
        self.root = root
        self.entries = entries
        self.dictionary = dictionary
        self.cache = cache
        self._fetch = fetch
        self._reads: dict[int, int] = {}
        self._lock = threading.Lock()

    # -- what there is

    def attribute_ids(self) -> list[int]:
        return list(self.entries)

    def count(self, aid: int) -> int:
        """How many facts hold."""
        return self.entries[aid].live.total

    def events(self, aid: int) -> int:
        """How many datoms the facts of an attribute are, retractions counted."""
        return self.entries[aid].events

    def may_have(self, aid: int, e: int) -> bool:
        """Whether there may be facts of an entity; told without reading."""
        entry = self.entries[aid]
        return bool(entry.live.of_entity(e)) or bool(entry.past.of_entity(e))

    # -- facts

    def facts(self, aid: int) -> tuple[Table, Table]:
        """The live facts of an attribute and its past ones."""
        entry = self.entries[aid]
        with self._lock:
            self._reads[aid] = 0
        return self._whole(entry.live), self._whole(entry.past)

    def size(self, aid: int) -> int:
        """Bytes of memory that an attribute takes when it is read whole, about."""
        entry = self.entries[aid]
        return _ROW_BYTES * (entry.live.total + entry.past.total)

    def near(self, aid: int, es: Ints) -> tuple[Table, Table] | None:
        """Facts of an attribute, among them all those of some entities, out of the segments that have them; None
        when it is better read whole."""
        entry = self.entries[aid]
        live, past = self._needed(entry.live, es), self._needed(entry.past, es)
        if not self._allow(aid, len(live) + len(past), len(entry.live) + len(entry.past)):
            return None
        return self._some(aid, entry.live, live), self._some(aid, entry.past, past)

    def holding(self, aid: int, code: int) -> tuple[Table, Table] | None:
        """The live facts with a value; the second table is empty. None when the attribute is better read whole, or is
        not kept by value."""
        entry = self.entries[aid]
        if not len(entry.value):
            return None if entry.live.total else (EMPTY_TABLE, EMPTY_TABLE)
        type = VALUE_TYPES[entry.type]
        value: Any = code
        if type.coded == "dictionary":
            value = to_stored(type.name, [self.dictionary.value_of(type, code)])[0]
        wanted = entry.value.of_value(value)
        if not self._allow(aid, len(wanted), len(entry.value)):
            return None
        es = [self._holders(entry.value.keys[i]).of(value) for i in wanted]
        found = np.concatenate(es) if es else NO_INTS
        if not len(found):
            return EMPTY_TABLE, EMPTY_TABLE
        near = self.near(aid, found)
        if near is None:
            return None
        live = near[0]
        at = live.positions(found, np.full(len(found), code, np.int64))
        at = np.sort(at[at >= 0])
        return Table(live.e[at], live.v[at], live.tx[at]), EMPTY_TABLE

    def of_txs(self, aid: int, least: int, most: int) -> tuple[Table, Table]:
        """The facts of the segments that may have datoms of transactions from ``least`` to ``most``."""
        entry = self.entries[aid]
        return (self._some(aid, entry.live, entry.live.of_txs(least, most)),
                self._some(aid, entry.past, entry.past.of_txs(least, most)))

    # -- for the indexing job

    def read(self, keys: Sequence[str]) -> Table:
        """The facts of some neighbouring segments."""
        return joined(self._tables(keys, keep=False))

    def read_holders(self, key: str) -> Holders:
        """A ``value`` segment."""
        return self._holders(key)

    # -- reading

    def _needed(self, segments: Segments, es: Ints) -> Sequence[int]:
        if not len(segments):
            return ()
        return segments.of_entity(int(es[0])) if len(es) == 1 else segments.of_entities(es)

    def _allow(self, aid: int, needed: int, all_: int) -> bool:
        if needed == 0:
            return True
        if all_ <= _WHOLE or needed > max(_WHOLE, all_ // _PART):
            return False
        # Many single reads say that the attribute had better be in memory, if it can stay there with others.
        with self._lock:
            reads = self._reads[aid] = self._reads.get(aid, 0) + needed
        return reads <= _MANY * all_ or self.size(aid) > self.cache.max_bytes // _PART

    def _some(self, aid: int, segments: Segments, which: Sequence[int]) -> Table:
        if not len(which):
            return EMPTY_TABLE
        if len(which) == len(segments):
            return self._whole(segments)
        return joined(self._tables([segments.keys[i] for i in which], keep=True))

    def _whole(self, segments: Segments) -> Table:
        return joined(self._tables(list(segments.keys), keep=False))

    def _tables(self, keys: Sequence[str], keep: bool) -> list[Table]:
        found: list[Table | None] = [self.cache.get(key) for key in keys]
        missing = [key for key, table in zip(keys, found) if table is None]
        read = iter(zip(missing, self._fetch(missing))) if missing else iter(())
        tables = []
        for table in found:
            if table is None:
                key, data = next(read)
                table = _decoded(key, partial(read_facts, data, self.dictionary))
                if keep:
                    self.cache.put(key, table, 24 * len(table) + 8 * len(table) * (table.end is not None) + 400)
            tables.append(table)
        return tables

    def _holders(self, key: str) -> Holders:
        found: Holders | None = self.cache.get(key)
        if found is None:
            data = self._fetch([key])[0]
            found = _decoded(key, partial(read_holders, data))
            words = 0 if found.stored is None else sum(map(len, found.stored)) + 60 * len(found.stored)
            self.cache.put(key, found, 16 * len(found.e) + words + 400)
        return found


def _decoded(key: str, read: Callable[[], Any]) -> Any:
    try:
        return read()
    except CorruptValue as error:
        raise fault(f"The segment {key} in storage is damaged: {error}; restore it from a backup",
                    "corrupt-segment") from error
