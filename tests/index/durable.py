"""A database laid down as segments in a dictionary, and opened from there as another process would."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import Any

import numpy as np

from peerserver.database import Database
from peerserver.index.dictionary import Dictionary
from peerserver.index.directory import read_page, read_root
from peerserver.index.durable import DurableIndex
from peerserver.index.merge import News, merge
from peerserver.index.segment_cache import ObjectCache

__all__ = ("Kept", "news_of")

_numbers = count()


class Kept:
    """Values by key; ``asked`` says which were fetched."""

    def __init__(self, cache_bytes: int = 1 << 30) -> None:
        self.values: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.root = ""
        self._cache_bytes = cache_bytes

    def fetch(self, keys: Sequence[str]) -> list[bytes]:
        self.asked += keys
        return [self.values[key] for key in keys]

    def index(self, dictionary: Dictionary | None = None) -> DurableIndex:
        """The newest index, in codes of its own."""
        root = read_root(self.values[self.root])
        entries = {}
        for page in root.pages:
            entries.update(read_page(self.values[page]))
        return DurableIndex(root, entries, self.fetch, dictionary or Dictionary(is_open=True),
                            ObjectCache(self._cache_bytes))

    def lay(self, db: Database, after_t: int = -1) -> None:
        """Merges the datoms of ``db`` later than ``after_t`` into the index."""
        old = self.index(db.dictionary) if self.root else None
        for key, data in merge(db.id, old, news_of(db, after_t), db.dictionary, lambda kind: f"{kind}-{next(_numbers)}"):
            self.values[key] = data
            self.root = key

    def database(self) -> Database:
        """The database, opened with nothing in memory."""
        index = self.index()
        root = index.root
        return Database.over(root.database_id, index, index.dictionary, basis_t=root.basis_t, next_t=root.next_t,
                             next_schema_id=root.next_schema_id)


def news_of(db: Database, after_t: int) -> News:
    """The datoms of a database later than a t, as the log has them."""
    rows = db.history().since(after_t).all_rows() if after_t >= 0 else db.history().all_rows()
    order = np.argsort(rows.tx, kind="stable")
    rows = rows.take(order)
    columns: Any = rows
    return News(columns.e, columns.a, columns.v, columns.tx, rows.added_or_true(), db.basis_t, db.next_t,
                db.next_schema_id, db.schema)
