"""Where the base rows of a database come from, below what this process has seen transacted.

A new database has no base. A durable index (segments in storage) plugs in here: a store asks it once
for each attribute that is read or written, and keeps what it got.
What is not decided here: segment formats and caching (``codec``, ``storage``).
"""

from __future__ import annotations

from typing import Protocol

from .table import Table

__all__ = ("IndexSource",)


class IndexSource(Protocol):
    """Facts by attribute, complete up to one t. Codes are those of the database's dictionary."""

    def attribute_ids(self) -> list[int]:
        """The attributes that have facts."""
        ...

    def facts(self, aid: int) -> tuple[Table, Table]:
        """The live facts of an attribute and its past ones, both sorted by (e, v)."""
        ...
