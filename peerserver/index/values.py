"""Rows of one attribute in the order of their values: what AVET and ranges read.

Codes of numbers are in order themselves; for dictionary types ``index.words`` has the order. Either way
the frozen rows keep their order from read to read, and the tail's few are put between them.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from peerserver.model.order import compare_key
from peerserver.model.schema import ValueType

from .bounds import code_bound
from .rows import NO_INTS, Ints, Rows, concat
from .table import Table, merge_order, place_of_code
from .view import View, sorted_rows
from .words import Decoder, bounds_in, merge_into, word_order

__all__ = ("positions_by_value", "rows_by_value")

# So many rows outside the largest part are placed one by one; more are sorted with the rest.
_MAX_PLACED: Final = 4096
# A range of so many rows is wide: a view that is asked for a second such range keeps all its rows in order of value.
_WIDE: Final = 4096
_INT64_MIN: Final = -(2**63)
_INT64_BEYOND: Final = 2**63


def rows_by_value(decoder: Decoder, kind: ValueType, view: View, lo: Any = None, hi: Any = None,
                  lo_open: bool = False, hi_open: bool = False) -> Rows:
    """Rows by (value, e, tx descending) with ``lo <= value <= hi`` (``<`` where open); None is no bound.
    A bound of another family of values is compared as ``model.order`` orders the families."""
    if kind.coded == "dictionary":
        low = None if lo is None else (compare_key(lo), lo_open)
        high = None if hi is None else (compare_key(hi), not hi_open)
        return _words(decoder, kind, view, low, high)
    least = _INT64_MIN if lo is None else code_bound(kind, lo, lo_open)
    beyond = _INT64_BEYOND if hi is None else code_bound(kind, hi, not hi_open)
    if kind.coded == "float":
        return _floats(view, least, beyond)
    return _numbers(view, least, beyond)


def positions_by_value(decoder: Decoder, kind: ValueType, view: View, lo: Any = None, hi: Any = None,
                       hi_open: bool = False) -> Ints | None:
    """As :func:`rows_by_value` where the rows are those of the base table and nothing else: positions in
    ``view.rows()``, which costs nothing. None where it isn't so simple."""
    if not view.is_plain() or kind.coded == "float":
        return None
    table = view.facts.base
    if kind.coded == "self":
        return table.code_range(_INT64_MIN if lo is None else code_bound(kind, lo, False),
                                _INT64_BEYOND if hi is None else code_bound(kind, hi, not hi_open))
    perm = word_order(decoder, kind, table)
    start = 0 if lo is None else bounds_in(decoder, kind, table.v, perm, compare_key(lo), False)
    end = len(perm) if hi is None else bounds_in(decoder, kind, table.v, perm, compare_key(hi), not hi_open)
    return perm[start:max(start, end)]


def _no_rows(view: View) -> Rows:
    return Rows(NO_INTS, NO_INTS, NO_INTS, None, np.empty(0, np.bool_) if view.window.history else None)


def _numbers(view: View, least: int, beyond: int) -> Rows:
    ordered = view.by_value
    if ordered is not None:
        lo = place_of_code(ordered.v, least)
        return ordered.take(slice(lo, max(lo, place_of_code(ordered.v, beyond))))
    rows = _gathered(view, least, beyond)
    if len(rows) >= _WIDE:
        view.wide_ranges += 1
        if view.wide_ranges > 1:
            view.keep_by_value(_gathered(view, _INT64_MIN, _INT64_BEYOND))
    return rows


def _gathered(view: View, least: int, beyond: int) -> Rows:
    def access(table: Table) -> tuple[Ints, Ints]:
        index = table.code_range(least, beyond)
        return index, index

    parts = [rows for _, rows in view.parts(access)]
    if not parts:
        return _no_rows(view)
    if len(parts) == 1 and not view.window.history:
        return parts[0]
    flipped = [Rows(rows.v, rows.e, rows.tx, None, rows.added) for rows in parts]
    merged = sorted_rows(flipped, view.window.history)
    return Rows(merged.v, merged.e, merged.tx, None, merged.added)


def _floats(view: View, least: int, beyond: int) -> Rows:
    # -0.0 and 0.0 are one place in the order (then by e), but two codes.
    rows = _numbers(view, least, beyond)
    lo, hi = int(rows.v.searchsorted(-1)), int(rows.v.searchsorted(0, "right"))
    if lo < hi and rows.v[lo] != rows.v[hi - 1]:
        order = np.arange(len(rows))
        zeros = order[lo:hi]
        order[lo:hi] = zeros[np.lexsort((-rows.tx[zeros], rows.e[zeros]))]
        rows = rows.take(order)
    return rows


def _words(decoder: Decoder, kind: ValueType, view: View, low: tuple[tuple[Any, ...], bool] | None,
           high: tuple[tuple[Any, ...], bool] | None) -> Rows:
    def access(table: Table) -> tuple[Ints, Ints]:
        perm = word_order(decoder, kind, table)
        start = 0 if low is None else bounds_in(decoder, kind, table.v, perm, *low)
        end = len(perm) if high is None else bounds_in(decoder, kind, table.v, perm, *high)
        index = perm[start:max(start, end)]
        return index, index

    parts = [rows for _, rows in view.parts(access)]
    if not parts:
        return _no_rows(view)
    if len(parts) == 1:
        return parts[0]
    parts.sort(key=len)
    main, others = parts[-1], parts[:-1]
    if view.window.history:
        main = _newest_first(main)
    if sum(len(rows) for rows in others) <= _MAX_PLACED:
        return merge_into(decoder, kind, main, others)
    everything = concat(parts)
    order = merge_order(everything.e, everything.v)
    rows = everything.take(order)
    perm = word_order(decoder, kind, Table(rows.e, rows.v, rows.tx))
    return _newest_first(rows.take(perm))


def _newest_first(rows: Rows) -> Rows:
    """Rows where those of one (v, e) lie together, these by tx descending."""
    if len(rows) < 2:
        return rows
    fresh = np.ones(len(rows), np.bool_)
    fresh[1:] = (rows.e[1:] != rows.e[:-1]) | (rows.v[1:] != rows.v[:-1])
    return rows.take(np.lexsort((-rows.tx, np.cumsum(fresh))))
