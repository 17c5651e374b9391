"""Where the rows of pages come from: results of queries and ranges of datoms, as columns for ``codec``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from peerserver.codec.transit_pages import Column, DatomTable, Table
from peerserver.database import Database, Datom
from peerserver.index.ranges import DatomRange
from peerserver.index.rows import Rows
from peerserver.model.schema import ValueType
from peerserver.pull.index_pull import PullRange
from peerserver.query import Result

from .continuations import Page

__all__ = ("DatomSource", "PullSource", "ResultSource", "column_of", "datom_table")

# Value types whose decoded lists codec writes as a column of that kind.
_KINDS = {"long": "long", "ref": "long", "boolean": "boolean", "string": "string", "keyword": "keyword",
          "symbol": "symbol", "instant": "instant", "uuid": "uuid", "double": "double"}

_RESULT_KINDS = {"int": "long", "bool": "boolean", "instant": "instant", "double": "double", "string": "string",
                 "keyword": "keyword", "symbol": "symbol", "uuid": "uuid"}


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


class ResultSource:
    """The rows of a query's result; as maps where the query has ``:keys``, ``:strs`` or ``:syms``."""

    def __init__(self, result: Result) -> None:
        self._result = result

    @property
    def size(self) -> int:
        """About how many bytes it keeps alive."""
        return 4096 + 16 * self._result.width * self._result.count

    def page(self, offset: int, n: int) -> Page:
        result = self._result
        start = min(offset, result.count)
        end = min(start + n, result.count)
        more = end < result.count
        if result.query.keys is not None:
            return Page(tuple(result.as_maps(result.page(start, end - start))), end - start, more)
        # Codes that are on the wire what they are here are not turned into Python objects one by one.
        raw = result.raw_columns()
        kinds = ["mixed" if column is None else _RESULT_KINDS.get(column.kind.name, "mixed") for column in raw]
        if all(kind in ("long", "instant") for kind in kinds):
            columns = [Column(found.array()[start:end], kind) for found, kind in zip(raw, kinds) if found is not None]
        else:
            columns = [Column(values, kind) for values, kind in zip(result.columns(start, end), kinds)]
        return Page(Table(columns, end - start), end - start, more)


class PullSource:
    """Entities in the order of an index, pulled page by page."""

    def __init__(self, found: PullRange) -> None:
        self._found = found

    @property
    def size(self) -> int:
        """About how many bytes it keeps alive."""
        return 4096 + 8 * len(self._found)

    def page(self, offset: int, n: int) -> Page:
        rows = self._found.slice(offset, n)
        return Page(tuple(rows), len(rows), offset + len(rows) < len(self._found))


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
