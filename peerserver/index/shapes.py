"""Which attributes an entity may have, or be referred to by: one small number per entity that names a set.

Entities come in few shapes, so the sets are shared; without this, reading an entity whole, or finding what
refers to it, would have to look into every attribute. A hint only: sets grow and never shrink, and older
values of the database share them, so a reader may find nothing under an attribute, but never misses one.
"""

from __future__ import annotations

import threading
from typing import Any, Final

import numpy as np

from peerserver.model.entity import NUMBER_MASK

from .rows import Ints

__all__ = ("Shapes",)

# More shapes than this are not worth their memory: entities beyond it are looked for everywhere.
_MAX_SHAPES: Final = 1 << 15


class Shapes:
    """Sets of attribute ids by entity number (the partition does not count: numbers are shared)."""

    __slots__ = ("_lock", "_next", "_number_of", "_sets", "_shape")

    def __init__(self) -> None:
        self._shape: np.ndarray[Any, np.dtype[np.uint16]] = np.zeros(1024, np.uint16)
        self._sets: list[tuple[int, ...] | None] = [()]
        self._number_of: dict[frozenset[int], int] = {frozenset(): 0}
        self._next: dict[tuple[int, int], int] = {}
        self._lock = threading.Lock()

    def of(self, e: int) -> tuple[int, ...] | None:
        """The attributes that ``e`` may have in frozen rows; None: any."""
        number = e & NUMBER_MASK
        shape = self._shape
        return self._sets[shape.item(number)] if number < len(shape) else ()

    def of_many(self, es: Ints) -> list[int] | None:
        """The attributes that any of ``es`` may have, ascending; None: any."""
        shape = self._shape
        numbers = es & NUMBER_MASK
        found: set[int] = set()
        for one in np.flatnonzero(np.bincount(shape[numbers[numbers < len(shape)]])).tolist():
            attributes = self._sets[one]
            if attributes is None:
                return None
            found.update(attributes)
        return sorted(found)

    def add(self, aid: int, es: Ints) -> None:
        """Entities ``es`` have the attribute."""
        with self._lock:
            numbers = es & NUMBER_MASK
            top = int(numbers.max()) + 1 if len(numbers) else 0
            if top > len(self._shape):
                grown = np.zeros(max(top, len(self._shape) * 2), np.uint16)
                grown[:len(self._shape)] = self._shape
                self._shape = grown
            before = self._shape[numbers]
            present = np.flatnonzero(np.bincount(before))
            table = np.zeros(int(present[-1]) + 1 if len(present) else 1, np.uint16)
            for shape in present.tolist():
                table[shape] = self._step(shape, aid)
            self._shape[numbers] = table[before]

    def _step(self, shape: int, aid: int) -> int:
        found = self._next.get((shape, aid))
        if found is not None:
            return found
        attributes = self._sets[shape]
        if attributes is None or aid in attributes:
            found = shape
        else:
            grown = frozenset((*attributes, aid))
            known = self._number_of.get(grown)
            if known is None:
                known = len(self._sets)
                full = known >= _MAX_SHAPES
                if full and self._sets[-1] is None:
                    known -= 1
                else:
                    self._sets.append(None if full else tuple(sorted(grown)))
                    if not full:
                        self._number_of[grown] = known
            found = known
        self._next[(shape, aid)] = found
        return found
