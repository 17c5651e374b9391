"""A database over a durable index, as it moves forward: the value, and the groups that are newer than the index.

The groups are kept so that the value can be laid on a newer index, when one is published, without reading the log
again. Pure: what takes long is done in two steps, so that the first can run in another thread.
What is not decided here: when to index, and where groups come from.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from peerserver.database import Database
from peerserver.index.durable import DurableIndex

from .groups import Group, one_group

__all__ = ("Novelty", "base_over", "laid_on")

# What one datom takes of memory in the memory index, about: columns twice, and its places in hash tables.
_DATOM_BYTES = 80
# So many datoms are applied at once.
_LOT = 1 << 16


def base_over(index: DurableIndex) -> Database:
    """The value that an index holds. Reads storage: not for the reactor's thread."""
    root = index.root
    return Database.over(root.database_id, index, index.dictionary, basis_t=root.basis_t, next_t=root.next_t,
                         next_schema_id=root.next_schema_id)


def laid_on(db: Database, groups: Sequence[Group]) -> Database:
    """A value after groups that follow it; what it has already is left out."""
    lot: list[Group] = []
    size = 0
    for group in groups:
        if group.last_t <= db.basis_t:
            continue
        lot.append(group)
        size += len(group.e)
        if size >= _LOT:
            db = one_group(lot).apply(db)
            lot, size = [], 0
    return one_group(lot).apply(db) if lot else db


@attrs.define(eq=False)
class Novelty:
    """``groups`` are those after the index (None: there is none yet), oldest first; ``bytes`` is what they take of
    memory, about."""

    index: DurableIndex | None
    groups: list[Group] = attrs.field(factory=list)
    bytes: int = 0
    index_key: str | None = None

    @classmethod
    def of(cls, index: DurableIndex | None, key: str | None, groups: Sequence[Group]) -> Novelty:
        """What is known of a database that was just loaded. ``key``: the index's."""
        novelty = cls(index, index_key=key)
        for group in groups:
            novelty.add(group, 0)
        return novelty

    @property
    def index_t(self) -> int:
        """Up to which t the index is complete."""
        return -1 if self.index is None else self.index.root.basis_t

    @property
    def datoms(self) -> int:
        """How many datoms the index lacks."""
        return sum(len(group.e) for group in self.groups)

    def add(self, group: Group, size: int) -> None:
        """A group became durable; ``size``: its encoded bytes."""
        self.groups.append(group)
        self.bytes += _DATOM_BYTES * len(group.e) + 2 * size

    def adopt(self, index: DurableIndex, key: str) -> None:
        """A newer index was published: what it holds is no news any more."""
        before = max(1, self.datoms)
        self.index = index
        self.index_key = key
        self.groups = [group for group in self.groups if group.last_t > index.root.basis_t]
        self.bytes = self.bytes * self.datoms // before
