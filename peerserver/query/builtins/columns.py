"""Comparison and arithmetic of whole columns: int64 and float64 arrays, with a number in place of any.

Each gives what the scalar of the same name gives row by row, or None where the scalar must do it
(a bigint, a mixed minimum). An overflow or a division by
zero in any row is an Anomaly, as in Clojure; callers therefore pass only rows that count.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ...model.anomaly import incorrect
from ...model.values import INT64_MAX, INT64_MIN
from .function import Column, Vector

__all__ = (
    "COMPARISONS",
    "add",
    "decrement",
    "divide",
    "equal",
    "equal_numbers",
    "increment",
    "maximum",
    "minimum",
    "modulo",
    "multiply",
    "parity",
    "quotient",
    "remainder",
    "sign",
    "subtract",
    "unequal",
)

_Array = npt.NDArray[Any]


def _is_plain(value: Column) -> bool:
    """Whether a column is an int64 or float64 array, or a long or double (and no subclass of them)."""
    if isinstance(value, np.ndarray):
        return value.dtype == np.int64 or value.dtype == np.float64
    return type(value) is float or (type(value) is int and INT64_MIN <= value <= INT64_MAX)


def _is_whole(value: Column) -> bool:
    return value.dtype == np.int64 if isinstance(value, np.ndarray) else type(value) is int


def _pair(args: Sequence[Column]) -> tuple[_Array, _Array] | None:
    """Two arrays of one dtype, or None; a long is made a double where the other is one."""
    if len(args) != 2 or not (_is_plain(args[0]) and _is_plain(args[1])):
        return None
    left, right = (np.asarray(arg) for arg in args)
    if left.dtype != right.dtype:
        return left.astype(np.float64), right.astype(np.float64)
    return left, right


def _comparison(ufunc: Callable[[_Array, _Array], _Array]) -> Vector:
    def compare(args: Sequence[Column]) -> _Array | None:
        pair = _pair(args)
        return None if pair is None else ufunc(*pair)

    return compare


#: by name; both columns as doubles where one is. NaN is neither below nor above, hence ``<=`` of all (oracle: ``functions-own/nan-order``).
COMPARISONS: dict[str, Vector] = {
    "<": _comparison(np.less),
    "<=": _comparison(lambda left, right: ~np.greater(left, right)),
    ">": _comparison(np.greater),
    ">=": _comparison(lambda left, right: ~np.less(left, right)),
}

equal_numbers = _comparison(np.equal)


def equal(args: Sequence[Column]) -> _Array | None:
    """``=``: a long never equals a double."""
    if len(args) != 2 or not (_is_plain(args[0]) and _is_plain(args[1])):
        return None
    if _is_whole(args[0]) != _is_whole(args[1]):
        return np.zeros(np.broadcast(*args).shape, dtype=np.bool_)
    return np.asarray(np.asarray(args[0]) == np.asarray(args[1]))


def unequal(args: Sequence[Column]) -> _Array | None:
    """``not=`` and ``!=``."""
    found = equal(args)
    return None if found is None else ~found


def _overflow(bad: Any) -> None:
    if np.any(bad):
        raise incorrect("long overflow")


def _quietly(operation: Callable[[], _Array]) -> _Array:
    """An operation on doubles: an infinity or NaN is its result, as in Java, and no warning."""
    with np.errstate(all="ignore"):
        return np.asarray(operation())


def add(args: Sequence[Column]) -> _Array | None:
    """``+``"""
    pair = _pair(args)
    if pair is None:
        return None
    left, right = pair
    if left.dtype != np.int64:
        return _quietly(lambda: left + right)
    with np.errstate(over="ignore"):
        found = np.asarray(left + right)
    _overflow(((left ^ found) & (right ^ found)) < 0)
    return found


def subtract(args: Sequence[Column]) -> _Array | None:
    """``-``"""
    pair = _pair(args)
    if pair is None:
        return None
    left, right = pair
    if left.dtype != np.int64:
        return _quietly(lambda: left - right)
    with np.errstate(over="ignore"):
        found = np.asarray(left - right)
    _overflow(((left ^ right) & (left ^ found)) < 0)
    return found


def multiply(args: Sequence[Column]) -> _Array | None:
    """``*``"""
    pair = _pair(args)
    if pair is None:
        return None
    left, right = pair
    if left.dtype != np.int64:
        return _quietly(lambda: left * right)
    with np.errstate(over="ignore"):
        found = np.asarray(left * right)
        # A double's product is near enough to tell all but the borderline, which Python's integers decide.
        near = left.astype(np.float64) * right.astype(np.float64)
        wide = np.abs(near) >= 2.0**62
    if np.any(wide):
        exact = left.astype(object) * right.astype(object)
        _overflow([not INT64_MIN <= item <= INT64_MAX for item in np.ravel(exact)])
    return found


def _divisors(pair: tuple[_Array, _Array]) -> tuple[_Array, _Array]:
    if np.any(pair[1] == 0):
        raise incorrect("Divide by zero")
    return pair


def quotient(args: Sequence[Column]) -> _Array | None:
    """``quot``"""
    pair = _pair(args)
    if pair is None:
        return None
    left, right = _divisors(pair)
    if left.dtype == np.int64:
        return _truncated(left, right)
    with np.errstate(over="ignore", invalid="ignore"):
        found = np.trunc(left / right)
    return found if np.all(np.isfinite(found)) else None


def _truncated(left: _Array, right: _Array) -> _Array:
    with np.errstate(over="ignore"):
        floored = left // right
        return np.asarray(floored + ((floored < 0) & (floored * right != left)))


def divide(args: Sequence[Column]) -> _Array | None:
    """Datomic's ``/``: cut towards zero for longs."""
    pair = _pair(args)
    if pair is None:
        return None
    left, right = _divisors(pair)
    return _truncated(left, right) if left.dtype == np.int64 else _quietly(lambda: left / right)


def remainder(args: Sequence[Column]) -> _Array | None:
    """``rem``"""
    pair = _pair(args)
    if pair is None or pair[0].dtype != np.int64:
        return None
    return np.asarray(np.fmod(*_divisors(pair)))


def modulo(args: Sequence[Column]) -> _Array | None:
    """``mod``"""
    pair = _pair(args)
    if pair is None or pair[0].dtype != np.int64:
        return None
    return np.asarray(np.mod(*_divisors(pair)))


def increment(args: Sequence[Column]) -> _Array | None:
    """``inc``"""
    return add((*args, 1)) if len(args) == 1 else None


def decrement(args: Sequence[Column]) -> _Array | None:
    """``dec``"""
    return subtract((*args, 1)) if len(args) == 1 else None


def _extreme(ufunc: Callable[[_Array, _Array], _Array]) -> Vector:
    def extreme(args: Sequence[Column]) -> _Array | None:
        # Clojure keeps each winner's own kind, so a mix of longs and doubles has no column.
        if len(args) != 2 or not (_is_plain(args[0]) and _is_plain(args[1])):
            return None
        return np.asarray(ufunc(*args)) if _is_whole(args[0]) == _is_whole(args[1]) else None  # type: ignore[arg-type]

    return extreme


minimum = _extreme(np.minimum)
maximum = _extreme(np.maximum)


def parity(odd: int) -> Vector:
    """``odd?`` or ``even?`` of a column of longs."""

    def test(args: Sequence[Column]) -> _Array | None:
        if len(args) != 1 or not _is_plain(args[0]) or not _is_whole(args[0]):
            return None
        return np.asarray((np.asarray(args[0]) & 1) == odd)

    return test


def sign(ufunc: Callable[[_Array, int], _Array]) -> Vector:
    """``pos?``, ``neg?``, ``zero?``: a comparison with 0."""

    def test(args: Sequence[Column]) -> _Array | None:
        return np.asarray(ufunc(np.asarray(args[0]), 0)) if len(args) == 1 and _is_plain(args[0]) else None

    return test
