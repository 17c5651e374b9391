"""Aggregates of columns in groups: one pass over NumPy arrays, no Python value made.

The columns, kinds and results are those of ``aggregates``. Sums of longs are exact: in doubles while they
are sure to be below 2^53, else in wrapping 64 bits with the overflow told by the double beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ..model.anomaly import incorrect

__all__ = ("GROUPED",)

_Array: TypeAlias = npt.NDArray[Any]
_Found: TypeAlias = "tuple[_Array, Any] | None"

_EXACT = 2.0**53
_NEAR_LIMIT = 2.0**62  # beyond this Python's integers decide over overflow


def _counts(groups: _Array, n: int) -> _Array:
    return np.bincount(groups, minlength=n)


def _count(column: _Array, kind: str, groups: _Array, n: int) -> _Found:
    return _counts(groups, n).astype(np.int64), "long"


def _sorted(column: _Array, groups: _Array) -> tuple[_Array, _Array]:
    """Groups and column, ordered by group and then by number."""
    if not groups.any():
        return groups, np.sort(column)
    if column.dtype == np.int64:
        low, high = int(column.min()), int(column.max())
        if (high - low + 1) * (int(groups.max()) + 1) < 2**62:  # one number of both sorts much faster than two
            keys = np.sort(groups * (high - low + 1) + (column - low))
            by_group = keys // (high - low + 1)
            return by_group, keys - by_group * (high - low + 1) + low
    order = np.lexsort((column, groups))
    return groups[order], column[order]


def _count_distinct(column: _Array, kind: str, groups: _Array, n: int) -> _Found:
    if not len(column):
        return np.zeros(n, np.int64), "long"
    if kind in ("double", "float") and np.isnan(column).any():
        return None
    by_group, ordered = _sorted(column, groups)
    first = np.ones(len(column), dtype=np.bool_)
    first[1:] = (by_group[1:] != by_group[:-1]) | (ordered[1:] != ordered[:-1])
    return _counts(by_group[first], n).astype(np.int64), "long"


def _long_sums(column: _Array, groups: _Array, n: int) -> _Array:
    """Exact sums of longs. Raises Anomaly incorrect where one is no long."""
    near = np.bincount(groups, weights=column, minlength=n)
    reach = float(max(abs(int(column.max())), abs(int(column.min())))) * len(column) if len(column) else 0.0
    if reach < _EXACT:
        return near.astype(np.int64)
    sums = np.zeros(n, dtype=np.int64)
    np.add.at(sums, groups, column)  # wraps, like the processor
    for group in np.flatnonzero(np.abs(near) >= _NEAR_LIMIT).tolist():
        if not -(2**63) <= sum(column[groups == group].tolist()) < 2**63:
            raise incorrect("sum: long overflow")
    return sums


def _sum(column: _Array, kind: str, groups: _Array, n: int) -> _Found:
    if kind == "long":
        return _long_sums(column, groups, n), "long"
    if kind in ("double", "float"):
        return np.bincount(groups, weights=column, minlength=n), "double"
    return None


def _means(column: _Array, kind: str, groups: _Array, n: int) -> _Array | None:
    found = _sum(column, kind, groups, n)
    return None if found is None else np.asarray(found[0].astype(np.float64) / _counts(groups, n))


def _average(column: _Array, kind: str, groups: _Array, n: int) -> _Found:
    means = _means(column, kind, groups, n)
    return None if means is None else (means, "double")


def _variance(column: _Array, kind: str, groups: _Array, n: int) -> _Found:
    means = _means(column, kind, groups, n)
    if means is None:
        return None
    with np.errstate(invalid="ignore"):
        apart = column.astype(np.float64) - means[groups]
        return np.bincount(groups, weights=apart * apart, minlength=n) / _counts(groups, n), "double"


def _deviation(column: _Array, kind: str, groups: _Array, n: int) -> _Found:
    found = _variance(column, kind, groups, n)
    return None if found is None else (np.sqrt(found[0]), "double")


def _extreme(ufunc: np.ufunc, start: Callable[[_Array], Any]) -> Callable[[_Array, str, _Array, int], _Found]:
    def extreme(column: _Array, kind: str, groups: _Array, n: int) -> _Found:
        if kind == "code" or (kind in ("double", "float") and np.isnan(column).any()):
            return None
        if n == 1:
            return np.asarray([ufunc.reduce(column)], dtype=column.dtype), "same"
        found = np.full(n, start(column), dtype=column.dtype)
        ufunc.at(found, groups, column)
        return found, "same"

    return extreme


def _median(column: _Array, kind: str, groups: _Array, n: int) -> _Found:
    if kind in ("code", "ordered") or (kind != "long" and not np.isfinite(column).all()):
        return None
    counts = _counts(groups, n)
    _, ordered = _sorted(column, groups)
    starts = np.cumsum(counts) - counts
    low, high = ordered[starts + (counts - 1) // 2], ordered[starts + counts // 2]
    even = counts % 2 == 0
    if kind == "long":
        with np.errstate(over="ignore"):
            total = low + high
        if np.any(even & (((low ^ total) & (high ^ total)) < 0)):
            raise incorrect("median: long overflow")
        halves = total // 2 + ((total < 0) & (total % 2 != 0))
        return np.where(even, halves, low), "long"
    if kind == "float" and not even.all():
        return None  # a lone middle stays a float, a half of two is a double
    return np.where(even, np.trunc((low + high) / 2), low), "double"


#: by the aggregate's name.
GROUPED: dict[str, Callable[[_Array, str, _Array, int], _Found]] = {
    "count": _count,
    "count-distinct": _count_distinct,
    "sum": _sum,
    "avg": _average,
    "variance": _variance,
    "stddev": _deviation,
    "min": _extreme(np.minimum, lambda column: column.max() if len(column) else 0),
    "max": _extreme(np.maximum, lambda column: column.min() if len(column) else 0),
    "median": _median,
}
