"""Result pages written column by column: :class:`Table` (rows of a query) and :class:`DatomTable`.

Both stand for plain values (a vector of vectors, a vector of tagged datoms) anywhere inside a response, and give
the same bytes. What a column holds decides how it is written: kinds whose values never touch the cache are
turned into wire scalars at once; keywords, symbols and mixed values go through the cache in row order.

What is not decided here: which rows are on a page (``web``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import attrs
import numpy as np

from ..model.values import Instant, Tagged
from .transit_rules import ESCAPED, JSON_INT_MAX
from .transit_writer import JsonWriter, TreeWriter

__all__ = ("Column", "DatomTable", "Table")


@attrs.frozen(eq=False)
class Column:
    """One column. ``values``: a list of model values, or an int64 array for kinds ``long`` and ``instant`` (ms).

    ``kind`` says what all of them are: ``long`` ``boolean`` ``string`` ``keyword`` ``symbol`` ``instant`` ``uuid``
    ``double``, or ``mixed`` (anything; None too), which is always right. A list of kind ``long`` holds ints
    within 64 bits, one of kind ``instant`` holds Instants.
    """

    values: Sequence[Any] | np.ndarray[Any, Any]
    kind: str = "mixed"

    def plain(self) -> list[Any]:
        """The values as model values."""
        if not isinstance(self.values, np.ndarray):
            return list(self.values)
        numbers: list[Any] = self.values.tolist()
        if self.kind != "instant":
            return numbers
        return [Instant(number) for number in numbers]


@attrs.frozen(eq=False)
class Table:
    """A vector of row vectors, given as columns of equal length. ``n_rows`` counts where there are no columns."""

    columns: Sequence[Column]
    n_rows: int

    def plain(self) -> tuple[Any, ...]:
        """The same as plain values."""
        if not self.columns:
            return ((),) * self.n_rows
        return tuple(zip(*(column.plain() for column in self.columns)))

    def transit_tree(self, writer: TreeWriter) -> list[Any]:
        """What ``writer.array(self.plain())`` gives."""
        return _rows(self.columns, self.n_rows, writer) if self.columns else [[] for _ in range(self.n_rows)]


@attrs.frozen(eq=False)
class DatomTable:
    """A vector of datoms, each ``#datom [e a v tx added]``: int64 arrays or lists, and the column of values."""

    e: Sequence[int] | np.ndarray[Any, Any]
    a: Sequence[int] | np.ndarray[Any, Any]
    v: Column
    tx: Sequence[int] | np.ndarray[Any, Any]
    added: Sequence[bool] | np.ndarray[Any, Any]

    def plain(self) -> tuple[Any, ...]:
        """The same as plain values."""
        return tuple(Tagged("datom", row) for row in zip(*(column.plain() for column in self._columns())))

    def transit_tree(self, writer: TreeWriter) -> list[Any]:
        """What ``writer.array(self.plain())`` gives."""
        rows = _rows([Column(["datom"] * len(self.e), "tag"), *self._columns()], len(self.e), writer)
        return [[row[0], row[1:]] for row in rows]

    def _columns(self) -> list[Column]:
        e, a, tx = (Column(numbers, "long") for numbers in (self.e, self.a, self.tx))
        return [e, a, self.v, tx, Column(self.added, "boolean")]


def _rows(columns: Sequence[Column], count: int, writer: TreeWriter) -> list[Any]:
    """Rows of wire values (tuples, which both packers write as arrays)."""
    wires: list[Sequence[Any]] = []
    cached: list[int] = []
    for position, column in enumerate(columns):
        if len(column.values) != count:
            raise ValueError(f"column {position} has {len(column.values)} values, not {count}")
        convert = _UNCACHED.get(column.kind)
        if convert is None:
            cached.append(position)
        wires.append(convert(column.plain(), writer) if convert is not None else ())
    writer.depth += 2
    for position, wire in zip(cached, _through_cache([columns[position] for position in cached], writer)):
        wires[position] = wire
    writer.depth -= 2
    return list(zip(*wires))


def _through_cache(columns: list[Column], writer: TreeWriter) -> list[list[Any]]:
    """Wire values of the columns whose values may be cached, taken in row order."""
    if len(columns) == 1:
        values, kind = columns[0].plain(), columns[0].kind
        if kind == "keyword":
            code, keyword = writer.code, writer.keyword
            return [[found if (found := code(value)) is not None else keyword(value) for value in values]]
        write = _cached_writer(kind, writer)
        return [[write(value) for value in values]]
    writes = [_cached_writer(column.kind, writer) for column in columns]
    made: list[list[Any]] = [[] for _ in columns]
    pushes = [wire.append for wire in made]
    for row in zip(*(column.plain() for column in columns)):
        for push, write, value in zip(pushes, writes, row):
            push(write(value))
    return made


def _cached_writer(kind: str, writer: TreeWriter) -> Callable[[Any], Any]:
    if kind == "keyword":
        return writer.keyword
    if kind == "symbol":
        return writer.symbol
    if kind == "tag":
        return writer.tag
    return writer.value


def _longs(values: list[Any], writer: TreeWriter) -> list[Any]:
    if isinstance(writer, JsonWriter) and values and not -JSON_INT_MAX <= min(values) <= max(values) <= JSON_INT_MAX:
        return [writer.integer(value) for value in values]
    return values


def _strings(values: list[Any], writer: TreeWriter) -> list[Any]:
    escaped = ESCAPED
    return ["~" + value if value[:1] in escaped else value for value in values]


def _each(name: str) -> Callable[[list[Any], TreeWriter], list[Any]]:
    def convert(values: list[Any], writer: TreeWriter) -> list[Any]:
        return list(map(getattr(writer, name), values))

    return convert


_UNCACHED: Final[dict[str, Callable[[list[Any], TreeWriter], list[Any]]]] = {
    "long": _longs,
    "boolean": lambda values, writer: values,
    "string": _strings,
    "instant": _each("instant"),
    "uuid": _each("uuid"),
    "double": _each("double"),
}
