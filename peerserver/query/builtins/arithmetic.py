"""Functions of numbers: arithmetic, bits, conversions. The rules are in ``numbers``."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from functools import reduce
from typing import Any

import numpy as np

from ...model.values import INT64_MAX, INT64_MIN, BigInt, Char, Ratio
from . import columns, numbers
from .function import Wrong, define, defines
from .numbers import as_double, as_number, is_integer, less, long_of, wrap_long

__all__ = ("extreme",)


def _folding(operation: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    return lambda first, *others: reduce(operation, others, as_number(first))


def _widening(operation: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    # The quoted forms (+') promote a long that would overflow to a bigint.
    def operate(left: Any, right: Any) -> Any:
        if is_integer(left) and is_integer(right):
            found = operation(BigInt(left), BigInt(right))
            big = isinstance(left, BigInt) or isinstance(right, BigInt) or not INT64_MIN <= found <= INT64_MAX
            return found if big else int(found)
        return operation(left, right)

    return operate


def _subtract(first: Any, *others: Any) -> Any:
    return reduce(numbers.subtract, others, first) if others else numbers.negate(first)


define("+", lambda *args: reduce(numbers.add, map(as_number, args), 0) if len(args) != 1 else as_number(args[0]), 0, None,
       vector=columns.add)  # fmt: skip
define("*", lambda *args: reduce(numbers.multiply, args) if len(args) > 1 else as_number(args[0]) if args else 1, 0, None,
       vector=columns.multiply)  # fmt: skip
define("-", _subtract, 1, None, vector=columns.subtract)
define("+'", lambda *args: reduce(_widening(numbers.add), args, 0), 0, None)
define("*'", lambda *args: reduce(_widening(numbers.multiply), args, 1), 0, None)
define("-'", lambda first, *others: reduce(_widening(numbers.subtract), others, first) if others
       else _widening(numbers.subtract)(0, first), 1, None)  # fmt: skip
define("inc'", lambda x: _widening(numbers.add)(as_number(x), 1))
define("dec'", lambda x: _widening(numbers.subtract)(as_number(x), 1))
define("/", numbers.divide, 2, vector=columns.divide)
define("quot", numbers.quotient, 2, vector=columns.quotient)
define("rem", numbers.remainder, 2, vector=columns.remainder)
define("mod", numbers.modulo, 2, vector=columns.modulo)
define("inc", lambda x: numbers.add(x, 1), vector=columns.increment)
define("dec", lambda x: numbers.subtract(x, 1), vector=columns.decrement)


def _unchecked(operation: Callable[[int, int], int], checked: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def operate(left: Any, right: Any) -> Any:
        if numbers.kind_of(left) == 0 and numbers.kind_of(right) == 0:
            return wrap_long(operation(left, right))
        return checked(left, right)

    return operate


_UNCHECKED_ADD = _unchecked(lambda x, y: x + y, numbers.add)
_UNCHECKED_SUBTRACT = _unchecked(lambda x, y: x - y, numbers.subtract)
define("unchecked-add", _UNCHECKED_ADD, 2)
define("unchecked-subtract", _UNCHECKED_SUBTRACT, 2)
define("unchecked-multiply", _unchecked(lambda x, y: x * y, numbers.multiply), 2)
define("unchecked-inc", lambda x: _UNCHECKED_ADD(x, 1))
define("unchecked-dec", lambda x: _UNCHECKED_SUBTRACT(x, 1))
define("unchecked-negate", lambda x: _UNCHECKED_SUBTRACT(0, x))


def extreme(wins: Callable[[Any, Any], bool]) -> Callable[..., Any]:
    """``min`` or ``max``: each winner keeps its own kind, the later of two equal ones wins, NaN beats all."""

    def better(left: Any, right: Any) -> Any:
        for value in (left, right):
            if isinstance(as_number(value), float) and value != value:
                return value
        return left if wins(left, right) else right

    return lambda first, *others: reduce(better, others, first)


define("min", extreme(less), 1, None, vector=columns.minimum)
define("max", extreme(lambda x, y: less(y, x)), 1, None, vector=columns.maximum)


@defines("abs")
def _abs(value: Any) -> Any:
    if isinstance(value, float):
        return abs(float(value))
    if numbers.kind_of(value) == 0:
        return wrap_long(abs(value))
    return numbers.negate(value) if less(value, 0) else value


def _whole(value: Any) -> int:
    if is_integer(value):
        return int(value)
    raise Wrong(f"Argument must be an integer: {value}")


define("even?", lambda x: _whole(x) & 1 == 0, vector=columns.parity(0))
define("odd?", lambda x: _whole(x) & 1 == 1, vector=columns.parity(1))
define("zero?", lambda x: as_double(x) == 0.0 and not less(0, x) and not less(x, 0), vector=columns.sign(np.equal))
define("pos?", lambda x: less(0, x), vector=columns.sign(np.greater))
define("neg?", lambda x: less(x, 0), vector=columns.sign(np.less))


def _bits(value: Any) -> int:
    if numbers.kind_of(value) == 0:
        return int(value)
    raise Wrong(f"bit operation not supported for: {type(value).__name__}")


def _bitwise(operation: Callable[[int, int], int]) -> Callable[..., int]:
    return lambda first, *others: wrap_long(reduce(lambda x, y: operation(x, _bits(y)), others, _bits(first)))


define("bit-and", _bitwise(lambda x, y: x & y), 2, None)
define("bit-or", _bitwise(lambda x, y: x | y), 2, None)
define("bit-xor", _bitwise(lambda x, y: x ^ y), 2, None)
define("bit-and-not", _bitwise(lambda x, y: x & ~y), 2, None)
define("bit-not", lambda x: ~_bits(x))
define("bit-shift-left", lambda x, n: wrap_long(_bits(x) << (_bits(n) & 63)), 2)
define("bit-shift-right", lambda x, n: _bits(x) >> (_bits(n) & 63), 2)
define("unsigned-bit-shift-right", lambda x, n: wrap_long((_bits(x) & (2**64 - 1)) >> (_bits(n) & 63)), 2)
define("bit-set", lambda x, n: wrap_long(_bits(x) | 1 << (_bits(n) & 63)), 2)
define("bit-clear", lambda x, n: wrap_long(_bits(x) & ~(1 << (_bits(n) & 63))), 2)
define("bit-flip", lambda x, n: wrap_long(_bits(x) ^ 1 << (_bits(n) & 63)), 2)
define("bit-test", lambda x, n: bool(_bits(x) >> (_bits(n) & 63) & 1), 2)


def _char_code(value: Any) -> Any:
    return ord(str(value)) if isinstance(value, Char) else value


def _ranged(bits: int, name: str) -> Callable[[Any], int]:
    def convert(value: Any) -> int:
        found = long_of(_char_code(value))
        if not -(1 << bits - 1) <= found < 1 << bits - 1:
            raise Wrong(f"Value out of range for {name}: {found}")
        return found

    return convert


def _low(bits: int) -> Callable[[Any], int]:
    half = 1 << bits - 1
    return lambda value: ((long_of(_char_code(value)) + half) & ((1 << bits) - 1)) - half


for _name, _size in (("int", 32), ("short", 16), ("byte", 8)):
    define(_name, _ranged(_size, _name))
    define("unchecked-" + _name, _low(_size))
define("unchecked-long", _low(64))
define("long", lambda x: long_of(_char_code(x)))
define("num", as_number)
define("double unchecked-double", as_double)
define("float unchecked-float", numbers.float_of)
define("boolean", lambda x: not (x is None or x is False))


@defines("bigint biginteger")
def _bigint(value: Any) -> BigInt:
    if isinstance(value, str) and not isinstance(value, Char):
        if not value.isascii() or not value.lstrip("+-").isdigit() or len(value) > numbers.DIGITS:
            raise Wrong(f"not an integer: {value[:60]!r}")
        return BigInt(int(value))
    if isinstance(value, Ratio):
        return BigInt(int(Fraction(value.numerator, value.denominator)))
    if isinstance(value, float) and not math.isfinite(value):
        raise Wrong(f"no bigint for {value}")
    return BigInt(int(numbers.measured(as_number(value))))


@defines("bigdec")
def _bigdec(value: Any) -> Decimal:
    if isinstance(value, str) and not isinstance(value, Char):
        return decimal_text(value)
    return numbers.decimal_of(value)


def decimal_text(text: str) -> Decimal:
    """A bigdec of its digits; raises :class:`Wrong` for other text."""
    made = Decimal(text) if text.isascii() and "_" not in text and text.strip() == text else Decimal("NaN")
    if not made.is_finite() or len(text) > numbers.DIGITS:
        raise Wrong(f"not a decimal number: {text[:60]!r}")
    return made.copy_abs() if made.is_zero() else made


@defines("rationalize")
def _rationalize(value: Any) -> Any:
    if isinstance(value, float):
        if not math.isfinite(value):
            raise Wrong(f"no ratio for {value}")
        return numbers.as_ratio(Fraction(repr(float(value))))
    return numbers.as_ratio(Fraction(numbers.measured(value))) if isinstance(value, Decimal) else as_number(value)


def _part(value: Any, top: bool) -> Any:
    if not isinstance(value, Ratio):
        raise Wrong(f"not a ratio: {value}")
    lowest = Fraction(value.numerator, value.denominator)
    return BigInt(lowest.numerator if top else lowest.denominator)


define("numerator", lambda x: _part(x, True))
define("denominator", lambda x: _part(x, False))
