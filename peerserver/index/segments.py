"""Segments: pieces of one attribute's facts as column files, and back as tables.

Three kinds, each sorted: ``live`` and ``past`` facts by (entity, value), and ``value``: who has which value now, by
(value as it is stored, entity). Values of dictionary types stand in a sorted dictionary of the segment's own, so a
segment means the same in every process. ``docs/storage-format.md`` has the format.
What is not decided here: which segments there are (``index.directory``), and where they are kept.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from typing import Any, Final

import attrs
import numpy as np

from peerserver.codec.columns import CorruptValue, pack, unpack
from peerserver.codec.stored import BINARY, from_stored, to_stored
from peerserver.model.schema import VALUE_TYPES, ValueType

from .dictionary import Dictionary
from .rows import NO_INTS, Ints
from .table import EMPTY_TABLE, Table, pair_order

__all__ = ("LIVE", "MAX_BYTES", "PAST", "VALUE", "Cut", "Holders", "cut_facts", "cut_holders", "holders_of", "joined", "read_facts",
           "read_holders")

LIVE: Final = "live"
PAST: Final = "past"
VALUE: Final = "value"

#: the most bytes of a segment, so that every service can hold it (a DynamoDB item ends at 400 KB)
MAX_BYTES: Final = 350_000
# Rows per segment: what a cold point read has to decode.
_ROWS: Final = 1 << 14


@attrs.frozen(eq=False)
class Cut:
    """A segment that was made, with what the directory says of it. ``first`` and ``last``: the least and greatest
    value of a ``value`` segment, as codes or as stored."""

    data: bytes
    rows: int
    min_e: int
    max_e: int
    min_tx: int
    max_tx: int
    first: Any = 0
    last: Any = 0


@attrs.frozen(eq=False)
class Holders:
    """A ``value`` segment that was read: entities ``e`` by ``v``, which are codes, or positions in ``stored``."""

    e: Ints
    v: Ints
    stored: list[Any] | None

    def of(self, value: Any) -> Ints:
        """The entities that have a value, given as a code or as stored."""
        if self.stored is not None:
            place = bisect_left(self.stored, value)
            if place == len(self.stored) or self.stored[place] != value:
                return NO_INTS
            value = place
        return self.e[int(self.v.searchsorted(value)):int(self.v.searchsorted(value, "right"))]


def cut_facts(kind: str, aid: int, type: ValueType, table: Table, dictionary: Dictionary) -> Iterator[Cut]:
    """Segments of a table of facts, live or past (which have ``end``)."""
    for lo in range(0, len(table), _ROWS):
        yield from _facts(kind, aid, type, table, lo, min(lo + _ROWS, len(table)), dictionary)


def _facts(kind: str, aid: int, type: ValueType, table: Table, lo: int, hi: int, dictionary: Dictionary) -> Iterator[Cut]:
    e, v, tx = table.e[lo:hi], table.v[lo:hi], table.tx[lo:hi]
    end = None if table.end is None else table.end[lo:hi]
    texts: dict[str, list[str]] = {}
    blobs: dict[str, list[bytes]] = {}
    local = v
    if type.coded == "dictionary":
        stored, local = _localized(type, v, dictionary)
        (blobs if type.name in BINARY else texts)["values"] = stored
        order = pair_order(e, local)
        e, local, tx = e[order], local[order], tx[order]
        end = None if end is None else end[order]
    ints = {"e": e, "v": local, "tx": tx}
    if end is not None:
        ints["end"] = end
    data = pack(kind, {"a": aid, "type": type.name}, ints, texts, blobs)
    if len(data) > MAX_BYTES and hi - lo > 1:
        middle = (lo + hi) // 2
        yield from _facts(kind, aid, type, table, lo, middle, dictionary)
        yield from _facts(kind, aid, type, table, middle, hi, dictionary)
        return
    top = int(tx.max()) if end is None else int(end.max())
    yield Cut(data, hi - lo, int(e[0]), int(e[-1]), int(tx.min()), top)


def cut_holders(aid: int, type: ValueType, holders: Holders) -> Iterator[Cut]:
    """``value`` segments of who has which value, sorted by (v, e)."""
    for lo in range(0, len(holders.e), _ROWS):
        yield from _holders(aid, type, holders, lo, min(lo + _ROWS, len(holders.e)))


def _holders(aid: int, type: ValueType, holders: Holders, lo: int, hi: int) -> Iterator[Cut]:
    e, v = holders.e[lo:hi], holders.v[lo:hi]
    first: Any = int(v[0])
    last: Any = int(v[-1])
    texts: dict[str, list[str]] = {}
    blobs: dict[str, list[bytes]] = {}
    if holders.stored is not None:
        values = holders.stored[first:last + 1]
        v = v - first
        first, last = values[0], values[-1]
        (blobs if type.name in BINARY else texts)["values"] = values
    data = pack(VALUE, {"a": aid, "type": type.name}, {"e": e, "v": v}, texts, blobs)
    if len(data) > MAX_BYTES and hi - lo > 1:
        middle = (lo + hi) // 2
        yield from _holders(aid, type, holders, lo, middle)
        yield from _holders(aid, type, holders, middle, hi)
        return
    yield Cut(data, hi - lo, int(e.min()), int(e.max()), 0, 0, first, last)


def read_facts(data: bytes, dictionary: Dictionary) -> Table:
    """The facts of a ``live`` or ``past`` segment, sorted by (e, v code). CorruptValue when it is damaged."""
    file = unpack(data)
    if file.kind not in (LIVE, PAST):
        raise CorruptValue(f"it holds a {file.kind}, not facts")
    try:
        type = VALUE_TYPES[file.meta["type"]]
        e, v, tx, end = file.ints["e"], file.ints["v"], file.ints["tx"], file.ints.get("end")
        if type.coded != "dictionary":
            return Table(e, v, tx, end)
        stored: Any = file.blobs["values"] if type.name in BINARY else file.texts["values"]
        v = dictionary.intern_all(type, from_stored(type.name, stored))[v]
    except (KeyError, IndexError, ValueError, ArithmeticError) as error:
        raise CorruptValue("its facts cannot be read") from error
    # Codes are this process's own: the values of one entity may be in another order than in the segment.
    if bool(((e[1:] == e[:-1]) & (v[1:] < v[:-1])).any()):
        order = pair_order(e, v)
        e, v, tx = e[order], v[order], tx[order]
        end = None if end is None else end[order]
    return Table(e, v, tx, end)


def read_holders(data: bytes) -> Holders:
    """The content of a ``value`` segment. CorruptValue when it is damaged."""
    file = unpack(data)
    if file.kind != VALUE:
        raise CorruptValue(f"it holds a {file.kind}, not values")
    try:
        stored: Any = file.texts.get("values", file.blobs.get("values"))
        return Holders(file.ints["e"], file.ints["v"], stored)
    except KeyError as error:
        raise CorruptValue("its values cannot be read") from error


def joined(tables: list[Table]) -> Table:
    """Tables of one attribute whose entities follow one another, as one."""
    tables = [table for table in tables if len(table)]
    if not tables:
        return EMPTY_TABLE
    if len(tables) == 1:
        return tables[0]
    e, v, tx = (np.concatenate(columns) for columns in zip(*((t.e, t.v, t.tx) for t in tables)))
    ends = [table.end for table in tables if table.end is not None]
    end = np.concatenate(ends) if ends else None
    # Where an entity's facts go on in the next segment, its values were in the order of the segments' dictionaries.
    if bool(((e[1:] == e[:-1]) & (v[1:] < v[:-1])).any()):
        order = pair_order(e, v)
        e, v, tx = e[order], v[order], tx[order]
        end = None if end is None else end[order]
    return Table(e, v, tx, end)


def _localized(type: ValueType, v: Ints, dictionary: Dictionary) -> tuple[list[Any], Ints]:
    # The values of codes as they are stored, sorted, and the codes as positions in them.
    codes, place = np.unique(v, return_inverse=True)
    stored = to_stored(type.name, dictionary.values_of(type, codes))
    order = sorted(range(len(stored)), key=stored.__getitem__)
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    return [stored[i] for i in order], rank[place]


def holders_of(type: ValueType, e: Ints, v: Ints, dictionary: Dictionary) -> Holders:
    """Facts by (value as stored, e)."""
    stored = None
    if type.coded == "dictionary":
        stored, v = _localized(type, v, dictionary)
    order = pair_order(v, e)
    return Holders(e[order], v[order], stored)
