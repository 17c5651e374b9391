"""Where the rows of pages come from: results of queries and ranges of datoms, as columns for ``codec``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from peerserver.codec.transit_pages import Column, DatomTable
from peerserver.database import Database, Datom
from peerserver.index.ranges import DatomRange
from peerserver.index.rows import Rows
from peerserver.model.schema import ValueType

from .continuations import Page

__all__ = ("DatomSource", "column_of", "datom_table")

# Value types whose decoded lists codec writes as a column of that kind.
_KINDS = {"long": "long", "ref": "long", "boolean": "boolean", "string": "string", "keyword": "keyword", "symbol": "symbol",
          "instant": "instant", "uuid": "uuid", "double": "double"}


class DatomSource:
    """A range of datoms of ``db``."""

    #: The range refers to the database's own columns; what it keeps of its own is some orders of rows.
    size = 64 * 1024

    def __init__(self, db: Database, found: DatomRange) -> None:
        self._db = db
        self._found = found

    def page(self, offset: int, n: int) -> Page:
        rows = self._found.rows(offset, n + 1)
        count = min(n, len(rows))
        return Page(_table_of_rows(self._db, rows.take(slice(0, count))), count, len(rows) > n)


def _table_of_rows(db: Database, rows: Rows) -> DatomTable:
    assert rows.a is not None
    attributes = db.schema.attributes
    used = np.unique(rows.a).tolist()
    if len(used) == 1:
        values = column_of(db, attributes[used[0]].type, rows.v)
    else:
        mixed: list[Any] = [None] * len(rows)
        for a in used:
            at = np.flatnonzero(rows.a == a)
            for i, value in zip(at.tolist(), db.decode(attributes[a].type, rows.v[at])):
                mixed[i] = value
        values = Column(mixed)
    return DatomTable(rows.e, rows.a, values, rows.tx, rows.added_or_true())


def column_of(db: Database, kind: ValueType, codes: Any) -> Column:
    """Codes of one value type as a column of values."""
    if kind.name in ("long", "ref", "instant"):
        return Column(codes, "instant" if kind.name == "instant" else "long")
    return Column(db.decode(kind, codes), _KINDS.get(kind.name, "mixed"))


def datom_table(datoms: Sequence[Datom]) -> DatomTable:
    """Datoms with Python values as columns."""
    return DatomTable(
        [d.e for d in datoms], [d.a for d in datoms], Column([d.v for d in datoms]), [d.tx for d in datoms],
        [d.added for d in datoms],
    )
