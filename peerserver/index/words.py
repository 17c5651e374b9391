"""Datomic's order of dictionary values, for columns whose codes say nothing of it.

Sorting a million Python strings in one call would hold the interpreter for half a second. Strings and
uuids are therefore sorted as arrays of 64-bit prefixes, which numpy does without holding it; only the
making of the prefixes is Python, and that gives way to other threads.
What is not decided here: the order of one pair of values (``model.order``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Protocol

import numpy as np

from peerserver.model.order import compare_key
from peerserver.model.schema import ValueType

from .rows import Ints, Rows
from .table import Table, pair_order

__all__ = ("Decoder", "bounds_in", "merge_into", "word_order")

# Bytes of a string that are laid into the matrix at once, and strings that are at once.
_WIDTH: Final = 64
_LOT: Final = 1 << 14
# So many new rows are put into an order one by one, however few there are already.
_FEW: Final = 64


class Decoder(Protocol):
    """Where the values of codes are: a database value."""

    def decode(self, type: ValueType, codes: Ints) -> list[Any]: ...
    def decode_one(self, type: ValueType, code: int) -> Any: ...


def word_order(decoder: Decoder, kind: ValueType, table: Table) -> Ints:
    """The permutation of the table into (value, position) order; kept with the table."""
    perm = table.words
    if perm is None and table.words_before is not None:
        perm = table.words = _completed(decoder, kind, table, table.words_before)
    if perm is None:
        by_code = table.by_value()
        codes = table.v[by_code]
        first = np.ones(len(codes), np.bool_)
        np.not_equal(codes[1:], codes[:-1], out=first[1:])
        ranks = _ranks(kind, decoder.decode(kind, codes[first]))
        row_ranks = ranks[np.cumsum(first) - 1]
        perm = table.words = by_code[pair_order(row_ranks, by_code)]
    return perm


def _completed(decoder: Decoder, kind: ValueType, table: Table, before: Ints) -> Ints | None:
    # The rows that came since are few, or were: each is looked up in the order of the others.
    new = np.ones(len(table), np.bool_)
    new[before] = False
    missing = np.flatnonzero(new)
    if len(missing) > max(len(before) // 50, _FEW):
        return None
    codes = table.v
    keys = [compare_key(value) for value in decoder.decode(kind, codes[missing])]
    rows = sorted(zip(keys, missing.tolist()))
    places = []
    for row in rows:
        lo, hi = 0, len(before)
        while lo < hi:
            middle = (lo + hi) >> 1
            position = before.item(middle)
            if (compare_key(decoder.decode_one(kind, codes.item(position))), position) < row:
                lo = middle + 1
            else:
                hi = middle
        places.append(lo)
    return np.insert(before, places, [position for _, position in rows])


def _ranks(kind: ValueType, values: list[Any]) -> Ints:
    """Dense ranks of values in Datomic's order: equal places share a rank."""
    if kind.name == "uuid":
        halves = np.frombuffer(b"".join([value.bytes for value in values]), ">i8").astype(np.int64)
        return _ranks_of_digits(halves[0::2], halves[1::2])
    if kind.name == "string":
        return _string_ranks(values)
    keys = [compare_key(value) for value in values]
    order = sorted(range(len(keys)), key=keys.__getitem__)
    ranks = np.zeros(len(keys), np.int64)
    rank, before = -1, None
    for i in order:
        if keys[i] != before:
            rank, before = rank + 1, keys[i]
        ranks[i] = rank
    return ranks


def _ranks_of_digits(high: Ints, low: Ints) -> Ints:
    order = np.lexsort((low, high))
    h, w = high[order], low[order]
    step = np.zeros(len(order), np.int64)
    step[1:] = (h[1:] != h[:-1]) | (w[1:] != w[:-1])
    ranks = np.empty(len(order), np.int64)
    ranks[order] = np.cumsum(step)
    return ranks


def _string_ranks(values: list[str]) -> Ints:
    # Eight bytes at a time, most significant first; after each round only ties go on. UTF-8 sorts by code
    # point, which is UTF-16's order too as long as nothing lies above the surrogates.
    plain = all(value.isascii() or max(value) < "\ud800" for value in values)
    texts = [value.encode() if plain else value.encode("utf-16-be", "surrogatepass") for value in values]
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    group = np.zeros(len(texts), np.int64)  # the place of the first of those that are equal so far
    rest = np.arange(len(texts))
    offset = 0
    while len(rest):
        width = min(_WIDTH, -(-max(1, int(lengths[rest].max()) - offset) // 8) * 8)
        digits = _matrix(texts, rest, offset, width)
        row = np.arange(len(rest))
        for column in range(0, width, 8):
            # Zero bytes of a text against bytes beyond its end: the length tells them apart.
            size = np.clip(lengths[rest] - offset - column, 0, 9)
            tied = _round(group, rest, digits[row, column // 8], size)
            rest, row = rest[tied], row[tied]
        offset += width
    return group


def _matrix(texts: list[bytes], rest: Ints, offset: int, width: int) -> Ints:
    # Big-endian words as signed numbers in the same order; in lots, each short enough not to stall others.
    rows = rest.tolist()
    matrix = np.empty((len(rows), width // 8), np.int64)
    for lo in range(0, len(rows), _LOT):
        lot = rows[lo:lo + _LOT]
        part = np.array([texts[i][offset:offset + width] for i in lot] if offset else [texts[i] for i in lot],
                        f"S{width}")
        words = part.view(">u8").astype(np.uint64) ^ np.uint64(1 << 63)
        matrix[lo:lo + len(lot)] = words.view(np.int64).reshape(len(lot), width // 8)
    return matrix


def _round(group: Ints, rest: Ints, digit: Ints, size: Ints) -> Ints:
    """Refines ``group`` for the texts ``rest`` by one digit; returns which of them are still tied."""
    mine = group[rest]
    order = np.lexsort((size, digit, mine))
    mine, digit, size = mine[order], digit[order], size[order]
    new_group = np.ones(len(order), np.bool_)
    np.not_equal(mine[1:], mine[:-1], out=new_group[1:])
    fresh = new_group.copy()
    fresh[1:] |= (digit[1:] != digit[:-1]) | (size[1:] != size[:-1])
    starts = np.flatnonzero(fresh)
    run = np.cumsum(fresh) - 1
    group_start = np.flatnonzero(new_group)[np.cumsum(new_group) - 1]
    group[rest[order]] = mine + starts[run] - group_start
    tied: Ints = order[(np.bincount(run)[run] > 1) & (size > 8)]
    return tied


def bounds_in(decoder: Decoder, kind: ValueType, codes: Ints, perm: Ints, key: tuple[Any, ...], after: bool) -> int:
    """In rows sorted by ``perm`` into value order: the first place whose value is ``>=`` the one with the
    compare key (``after``: ``>``)."""
    lo, hi = 0, len(perm)
    while lo < hi:
        middle = (lo + hi) >> 1
        found = compare_key(decoder.decode_one(kind, codes.item(perm.item(middle))))
        if found < key or (after and found == key):
            lo = middle + 1
        else:
            hi = middle
    return lo


def merge_into(decoder: Decoder, kind: ValueType, main: Rows, others: Sequence[Rows]) -> Rows:
    """``main`` is in order by (value, e, tx descending); the rows of ``others`` are put in their places."""
    rows = [
        (compare_key(value), e, -tx, v, added)
        for part in others
        for value, e, tx, v, added in zip(decoder.decode(kind, part.v), part.e.tolist(), part.tx.tolist(),
                                          part.v.tolist(), part.added_or_true().tolist())
    ]
    rows.sort(key=lambda row: row[:3])
    places = [_place(decoder, kind, main, row) for row in rows]
    added = None
    if main.added is not None or any(part.added is not None for part in others):
        added = np.insert(main.added_or_true(), places, [row[4] for row in rows])
    return Rows(
        np.insert(main.e, places, [row[1] for row in rows]), np.insert(main.v, places, [row[3] for row in rows]),
        np.insert(main.tx, places, [-row[2] for row in rows]), None, added)


def _place(decoder: Decoder, kind: ValueType, main: Rows, row: tuple[Any, ...]) -> int:
    lo, hi = 0, len(main)
    wanted = row[:3]
    while lo < hi:
        middle = (lo + hi) >> 1
        value = compare_key(decoder.decode_one(kind, main.v.item(middle)))
        if (value, main.e.item(middle), -main.tx.item(middle)) < wanted:
            lo = middle + 1
        else:
            hi = middle
    return lo
