"""The directory of a durable index: which segments there are, and what each spans; and the root that names it.

Immutable. A directory is kept as one or more column files (pages); the root is one more, and says up to which t the
index is complete.
What is not decided here: what segments hold (``index.segments``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import attrs
import numpy as np

from peerserver.codec.columns import CorruptValue, pack, unpack
from peerserver.codec.stored import BINARY
from peerserver.model.schema import VALUE_TYPES

from .rows import Ints
from .segments import LIVE, PAST, VALUE

__all__ = ("KINDS", "NO_SEGMENTS", "AttributeEntry", "IndexRoot", "Segments", "read_page", "read_root", "write_pages",
           "write_root")

KINDS: Final = (LIVE, PAST, VALUE)
# Segments to a page.
_PAGE: Final = 4096


@attrs.frozen(eq=False)
class Segments:
    """The segments of one kind of one attribute, in order. Parallel: ``keys``, ``rows``, ``sizes`` (bytes), the least
    and greatest entity and transaction in each, and of ``value`` segments their first and last value (else 0)."""

    keys: Sequence[str]
    rows: Ints
    sizes: Ints
    min_e: Ints
    max_e: Ints
    min_tx: Ints
    max_tx: Ints
    first: Sequence[Any]
    last: Sequence[Any]

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def total(self) -> int:
        """How many rows all of them have."""
        return int(self.rows.sum())

    def of_entity(self, e: int) -> range:
        """Which of them may have facts of an entity."""
        return range(int(self.max_e.searchsorted(e)), int(self.min_e.searchsorted(e, "right")))

    def of_entities(self, es: Ints) -> list[int]:
        """Which of them may have facts of some entities, ascending."""
        lo, hi = self.max_e.searchsorted(es), self.min_e.searchsorted(es, "right")
        found: set[int] = set()
        for first, beyond in set(zip(lo.tolist(), hi.tolist())):
            found.update(range(first, beyond))
        return sorted(found)

    def of_value(self, value: Any) -> range:
        """Which of the ``value`` segments may have a value (a code, or as it is stored)."""
        lo, hi = 0, len(self.last)
        while lo < hi:
            middle = (lo + hi) // 2
            if self.last[middle] < value:
                lo = middle + 1
            else:
                hi = middle
        end = lo
        while end < len(self.first) and self.first[end] <= value:
            end += 1
        return range(lo, end)

    def of_txs(self, least: int, most: int) -> list[int]:
        """Which of them may have datoms of transactions from ``least`` to ``most``."""
        found: list[int] = np.flatnonzero((self.min_tx <= most) & (self.max_tx >= least)).tolist()
        return found


_NONE = np.empty(0, np.int64)
NO_SEGMENTS: Final = Segments((), _NONE, _NONE, _NONE, _NONE, _NONE, _NONE, (), ())


@attrs.frozen(eq=False)
class AttributeEntry:
    """One attribute in the index: its value type's name, its segments, how many datoms they are (retractions
    counted)."""

    type: str
    live: Segments = NO_SEGMENTS
    past: Segments = NO_SEGMENTS
    value: Segments = NO_SEGMENTS
    events: int = 0


@attrs.frozen(eq=False)
class IndexRoot:
    """An index: complete up to ``basis_t``, with the counters as they were then. ``pages``: keys of the directory;
    ``retired``: keys that the index before it had and this one has not."""

    database_id: str
    basis_t: int
    next_t: int
    next_schema_id: int
    pages: Sequence[str]
    retired: Sequence[str] = ()


def write_root(root: IndexRoot) -> bytes:
    """The bytes of a root."""
    meta = {"database": root.database_id, "basis-t": root.basis_t, "next-t": root.next_t,
            "next-schema-id": root.next_schema_id}
    return pack("index", meta, {}, {"pages": root.pages, "retired": root.retired})


def read_root(data: bytes) -> IndexRoot:
    """Reads a root; CorruptValue when it is damaged."""
    file = unpack(data)
    if file.kind != "index":
        raise CorruptValue(f"it holds a {file.kind}, not the root of an index")
    try:
        meta = file.meta
        return IndexRoot(meta["database"], meta["basis-t"], meta["next-t"], meta["next-schema-id"],
                         file.texts["pages"], file.texts["retired"])
    except KeyError as error:
        raise CorruptValue("the root of the index cannot be read") from error


def write_pages(entries: Mapping[int, AttributeEntry]) -> list[bytes]:
    """The directory as pages; an attribute's segments of one kind are never divided among pages."""
    pages: list[bytes] = []
    rows: list[tuple[int, int, str, int, Segments]] = []
    count = 0
    for aid, entry in sorted(entries.items()):
        for number, segments in enumerate((entry.live, entry.past, entry.value)):
            if len(segments) or number == 0:
                rows.append((aid, number, entry.type, entry.events, segments))
                count += len(segments)
        if count >= _PAGE:
            pages.append(_page(rows))
            rows, count = [], 0
    if rows or not pages:
        pages.append(_page(rows))
    return pages


def _page(rows: Sequence[tuple[int, int, str, int, Segments]]) -> bytes:
    parts = [segments for *_, segments in rows]
    ints = {name: np.concatenate([getattr(part, name) for part in parts]) if parts else _NONE
            for name in ("rows", "sizes", "min_e", "max_e", "min_tx", "max_tx")}
    ints["a"] = np.array([row[0] for row in rows], np.int64)
    ints["kind"] = np.array([row[1] for row in rows], np.int64)
    ints["events"] = np.array([row[3] for row in rows], np.int64)
    ints["count"] = np.array([len(part) for part in parts], np.int64)
    # First and last values are of three sorts; each stands in a column of its own sort.
    numbers: list[int] = []
    words: list[str] = []
    blobs: list[bytes] = []
    for _, kind, _, _, part in rows:
        for pair in zip(part.first, part.last) if KINDS[kind] is VALUE else ():
            for value in pair:
                (words if isinstance(value, str) else blobs if isinstance(value, bytes) else numbers).append(value)
    ints["bounds"] = np.array(numbers, np.int64)
    texts = {"type": [row[2] for row in rows], "keys": [key for part in parts for key in part.keys], "bounds": words}
    return pack("directory", {}, ints, texts, {"bounds": blobs})


def read_page(data: bytes) -> dict[int, AttributeEntry]:
    """The attributes of a page; CorruptValue when it is damaged."""
    file = unpack(data)
    if file.kind != "directory":
        raise CorruptValue(f"it holds a {file.kind}, not a directory")
    try:
        return _entries(file.ints, file.texts, file.blobs)
    except (KeyError, IndexError, StopIteration) as error:
        raise CorruptValue("the directory cannot be read") from error


def _entries(ints: Mapping[str, Ints], texts: Mapping[str, list[str]],
             blobs: Mapping[str, list[bytes]]) -> dict[int, AttributeEntry]:
    found: dict[int, AttributeEntry] = {}
    numbers, words, raw = iter(ints["bounds"].tolist()), iter(texts["bounds"]), iter(blobs["bounds"])
    start = 0
    for aid, kind, type, events, count in zip(ints["a"].tolist(), ints["kind"].tolist(), texts["type"],
                                              ints["events"].tolist(), ints["count"].tolist()):
        part = slice(start, start + count)
        start += count
        if KINDS[kind] is VALUE:
            source = _sort(type, numbers, words, raw)
            bounds = [next(source) for _ in range(2 * count)]
        else:
            bounds = [0] * (2 * count)
        segments = Segments(texts["keys"][part], ints["rows"][part], ints["sizes"][part], ints["min_e"][part],
                            ints["max_e"][part], ints["min_tx"][part], ints["max_tx"][part], bounds[::2], bounds[1::2])
        entry = found.get(aid, AttributeEntry(type, events=events))
        kinds = [entry.live, entry.past, entry.value]
        kinds[kind] = segments
        found[aid] = AttributeEntry(type, kinds[0], kinds[1], kinds[2], events)
    return found


def _sort(type: str, numbers: Iterator[Any], words: Iterator[Any], raw: Iterator[Any]) -> Iterator[Any]:
    if VALUE_TYPES[type].coded != "dictionary":
        return numbers
    return raw if type in BINARY else words
