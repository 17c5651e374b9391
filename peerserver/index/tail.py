"""The tail: the newest datoms in the order of their arrival, with hash indexes for point reads.

Columns are arrays that only grow; an index maps a key to the newest position that has it, and a
chain of "previous position" numbers leads to the older ones. A reader holds a count ``n`` and
ignores positions from ``n`` on, so a snapshot of the tail is a number and a writer disturbs nobody.
What is not decided here: when a tail is frozen into sorted runs (``index.store``).
"""

from __future__ import annotations

import threading
from array import array
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import numpy as np

from .rows import Bools, Ints

__all__ = ("BY_VALUE", "MANY", "REF", "Tail")

# What an attribute's datoms must be indexed by, besides (e, a).
BY_VALUE: Final = 1  # (a, v): unique or indexed
REF: Final = 2       # v: references
MANY: Final = 4      # (e, a, v): cardinality many

_FIRST_CAPACITY: Final = 64
# The count of a tail that takes no more datoms.
_CLOSED: Final = -1


class Tail:
    """Append-only datoms. ``n`` is how many there are; see the module for how readers share it."""

    __slots__ = ("a", "added", "aids", "attrs_of", "av", "capacity", "e", "ea", "eav", "lock", "n", "prev_av",
                 "prev_ea", "prev_eav", "prev_ref", "ref", "tx", "v")

    def __init__(self) -> None:
        self.n = 0
        self.capacity = _FIRST_CAPACITY
        zeros = bytes(8 * _FIRST_CAPACITY)
        self.e, self.a, self.v, self.tx = (array("q", zeros) for _ in range(4))
        self.added = bytearray(_FIRST_CAPACITY)
        self.ea: dict[tuple[int, int], int] = {}
        self.eav: dict[tuple[int, int, int], int] = {}
        self.av: dict[tuple[int, int], int] = {}
        self.ref: dict[int, int] = {}
        self.aids: set[int] = set()
        self.lock = threading.Lock()
        self.attrs_of: dict[int, list[int]] = {}
        self.prev_ea: list[int] = []
        self.prev_eav: dict[int, int] = {}
        self.prev_av: dict[int, int] = {}
        self.prev_ref: dict[int, int] = {}

    def _grow(self, needed: int) -> None:
        # New arrays, never a resize: a reader may hold a view of the old ones, whose rows below its
        # own n stay as they are.
        capacity = max(needed, self.capacity * 2)
        more = bytes(8 * (capacity - self.capacity))
        for name in ("e", "a", "v", "tx"):
            grown = array("q", getattr(self, name))
            grown.frombytes(more)
            setattr(self, name, grown)
        self.added = self.added + bytes(capacity - self.capacity)
        self.capacity = capacity

    def append(self, n: int, es: Sequence[int], attrs: Sequence[int], vs: Sequence[int], txs: Sequence[int] | int,
               added: Sequence[bool] | Bools | None, flags: Mapping[int, int]) -> int:
        """Append datoms given as parallel sequences of Python ints; ``txs`` may be one tx for all,
        ``added`` None when all are assertions. ``flags`` says for each attribute what to index.
        Returns the new count; -1, and nothing is done, if there are other than ``n`` datoms here."""
        with self.lock:
            if self.n != n:
                return -1
            if not es:
                return n
            try:
                return self._append(es, attrs, vs, txs, added, flags)
            except BaseException:
                # Heads of chains may lie beyond n now: readers skip those, but nothing may be written there.
                self.n = _CLOSED
                raise

    def _append(self, es: Sequence[int], attrs: Sequence[int], vs: Sequence[int], txs: Sequence[int] | int,
                added: Sequence[bool] | Bools | None, flags: Mapping[int, int]) -> int:
        n = self.n
        end = n + len(es)
        if end > self.capacity:
            self._grow(end)
        self.e[n:end] = array("q", es)
        self.a[n:end] = array("q", attrs)
        self.v[n:end] = array("q", vs)
        if isinstance(txs, int):
            self.tx[n:end] = array("q", (txs,)) * (end - n)
        else:
            self.tx[n:end] = array("q", txs)
        self.added[n:end] = b"\1" * (end - n) if added is None else bytes(added)
        ea, attrs_of, prev_ea = self.ea, self.attrs_of, self.prev_ea
        push_ea = prev_ea.append
        flag_of = flags.get
        pos = n
        for e, a, v in zip(es, attrs, vs):
            key = (e, a)
            before = ea.get(key, -1)
            push_ea(before)
            ea[key] = pos
            if before < 0:
                known = attrs_of.get(e)
                if known is None:
                    attrs_of[e] = [a]
                else:
                    known.append(a)
            flag = flag_of(a, 0)
            if flag:
                self._index(pos, e, a, v, flag)
            pos += 1
        self.aids.update(attrs)
        self.n = end
        return end

    def _index(self, pos: int, e: int, a: int, v: int, flag: int) -> None:
        # The previous position is written before the head: a reader that sees the new head finds its way on.
        if flag & BY_VALUE:
            pair = (a, v)
            before = self.av.get(pair, -1)
            if before >= 0:
                self.prev_av[pos] = before
            self.av[pair] = pos
        if flag & REF:
            before = self.ref.get(v, -1)
            if before >= 0:
                self.prev_ref[pos] = before
            self.ref[v] = pos
        if flag & MANY:
            triple = (e, a, v)
            before = self.eav.get(triple, -1)
            if before >= 0:
                self.prev_eav[pos] = before
            self.eav[triple] = pos

    # -- positions, newest first, all below n

    def of_entity_attribute(self, e: int, a: int, n: int) -> Iterable[int]:
        """Positions of datoms of ``(e, a)``, newest first."""
        pos = self.ea.get((e, a), -1)
        prev = self.prev_ea
        while pos >= 0:
            if pos < n:
                yield pos
            pos = prev[pos]

    def of_value(self, a: int, v: int, n: int) -> Iterable[int]:
        """Positions of datoms of ``(a, v)`` of an attribute indexed by value, newest first."""
        pos = self.av.get((a, v), -1)
        prev = self.prev_av
        while pos >= 0:
            if pos < n:
                yield pos
            pos = prev.get(pos, -1)

    def of_ref(self, v: int, n: int) -> Iterable[int]:
        """Positions of datoms of reference attributes whose value is ``v``, newest first."""
        pos = self.ref.get(v, -1)
        prev = self.prev_ref
        while pos >= 0:
            if pos < n:
                yield pos
            pos = prev.get(pos, -1)

    def last_of(self, e: int, a: int, v: int, n: int, many: bool) -> int:
        """The newest position of ``(e, a, v)``, or -1."""
        if many:
            pos = self.eav.get((e, a, v), -1)
            while pos >= n:
                pos = self.prev_eav.get(pos, -1)
            return pos
        col_v = self.v
        for pos in self.of_entity_attribute(e, a, n):
            if col_v[pos] == v:
                return pos
        return -1

    # -- columns

    def columns(self, n: int) -> tuple[Ints, Ints, Ints, Ints, Bools]:
        """Views of the first ``n`` datoms: e, a, v, tx, added."""
        e, a, v, tx = (np.frombuffer(col, np.int64, n) for col in (self.e, self.a, self.v, self.tx))
        return e, a, v, tx, np.frombuffer(self.added, np.bool_, n)
