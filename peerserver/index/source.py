"""Where the base facts of a database come from, below what this process has seen transacted.

A new database has no base. A durable index (segments in storage) plugs in here: a store asks it for the few facts
that a point read needs, or for an attribute whole, and keeps what it got within the bounds of a cache.
What is not decided here: segment formats (``index.segments``), and when to read an attribute whole (``index.durable``).
"""

from __future__ import annotations

from typing import Protocol

from .rows import Ints
from .segment_cache import ObjectCache
from .table import Table

__all__ = ("IndexSource",)


class IndexSource(Protocol):
    """Facts by attribute, complete up to one t. Codes are those of the database's dictionary; tables are sorted by
    (e, v)."""

    #: what bounds the memory of whole attributes
    cache: ObjectCache

    def attribute_ids(self) -> list[int]:
        """The attributes that have facts."""
        ...

    def facts(self, aid: int) -> tuple[Table, Table]:
        """The live facts of an attribute and its past ones."""
        ...

    def near(self, aid: int, es: Ints) -> tuple[Table, Table] | None:
        """Live and past facts of an attribute, among them all those of some entities; None: read it whole."""
        ...

    def holding(self, aid: int, code: int) -> tuple[Table, Table] | None:
        """All live facts with a value (the second table has nothing); None: read the attribute whole."""
        ...

    def of_txs(self, aid: int, least: int, most: int) -> tuple[Table, Table]:
        """Facts of an attribute, among them all that were asserted or retracted in a range of transactions."""
        ...

    def may_have(self, aid: int, e: int) -> bool:
        """Whether there may be facts of an entity; cheap."""
        ...

    def count(self, aid: int) -> int:
        """How many live facts there are; cheap."""
        ...

    def events(self, aid: int) -> int:
        """How many datoms the facts are, retractions counted; cheap."""
        ...

    def size(self, aid: int) -> int:
        """Bytes of memory that the attribute takes when it is read whole, about."""
        ...
