"""Clojure's arithmetic on one pair of numbers: which kind wins, what overflows, how bigdecs divide.

From the narrowest: long, bigint, ratio, bigdec, double. Datomic's ``/`` is ``quot`` on integers.
Nothing here rounds a bigdec: a result of more than :data:`DIGITS` digits is refused.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal, Inexact, InvalidOperation, Overflow
from fractions import Fraction
from typing import Any

from ...codec.numbers import format_double
from ...model.values import INT64_MAX, INT64_MIN, BigInt, Float32, Ratio
from .function import Wrong

__all__ = (
    "DIGITS",
    "add",
    "as_double",
    "as_number",
    "as_ratio",
    "decimal_of",
    "divide",
    "equivalent",
    "is_integer",
    "is_number",
    "kind_of",
    "less",
    "long_of",
    "make_decimal",
    "measured",
    "multiply",
    "negate",
    "quotient",
    "remainder",
    "modulo",
    "subtract",
    "wrap_long",
)

#: no bigint or bigdec gets longer than this.
DIGITS = 10_000
_EXACT = Context(prec=DIGITS, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[Inexact, InvalidOperation, Overflow])
_SIXTEEN = Context(prec=16)
_BIG_LIMIT = 10**DIGITS

_LONG, _BIG, _RATIO, _DECIMAL, _DOUBLE = range(5)


def is_number(value: Any) -> bool:
    """Whether a value is a number: a boolean is none."""
    return isinstance(value, (int, float, Decimal, Ratio)) and not isinstance(value, bool)


def is_integer(value: Any) -> bool:
    """Whether a value is a long or a bigint."""
    return isinstance(value, int) and not isinstance(value, bool)


def as_number(value: Any) -> Any:
    """The value itself. Raises :class:`Wrong` where it is no number."""
    if is_number(value):
        return value
    raise Wrong("an argument is nil, not a number" if value is None else f"not a number: {type(value).__name__}")


def kind_of(value: Any) -> int:
    """0 long, 1 bigint, 2 ratio, 3 bigdec, 4 double or float. Raises :class:`Wrong` for other values."""
    if isinstance(value, int) and not isinstance(value, bool):
        return _BIG if isinstance(value, BigInt) or not INT64_MIN <= value <= INT64_MAX else _LONG
    if isinstance(value, float):
        return _DOUBLE
    if isinstance(value, Decimal):
        return _DECIMAL
    if isinstance(value, Ratio):
        return _RATIO
    as_number(value)
    raise AssertionError("unreachable")


def as_double(value: Any) -> float:
    """A number as a double; beyond the range of doubles an infinity, as in Java."""
    try:
        if isinstance(value, Ratio):  # clojure.lang.Ratio goes through a decimal of 16 digits
            return float(_SIXTEEN.divide(Decimal(int(value.numerator)), Decimal(int(value.denominator))))
        return float(as_number(value))
    except OverflowError:
        return math.inf if (value.numerator if isinstance(value, Ratio) else value) > 0 else -math.inf


def _fraction(value: Any) -> Fraction:
    if isinstance(value, Ratio):
        if not value.denominator:
            raise Wrong("Divide by zero")
        return Fraction(value.numerator, value.denominator)
    return Fraction(int(value))


def as_ratio(value: Fraction) -> Any:
    """A fraction as Clojure has it: a ratio, or a bigint where nothing is left below."""
    if value.denominator == 1:
        return _big(value.numerator)
    return Ratio(int(_big(value.numerator)), int(_big(value.denominator)))


def decimal_of(value: Any) -> Decimal:
    """A number as a bigdec. Raises :class:`Wrong` where its expansion does not end."""
    if isinstance(value, Decimal):
        return value
    if isinstance(value, Ratio):
        return _divide_decimal(Decimal(value.numerator), Decimal(value.denominator))
    if isinstance(value, float):
        if not math.isfinite(value):
            raise Wrong(f"no bigdec for {value}")
        return Decimal(format_double(float(value)))  # as Java prints it: 1.0E30 has the scale -29
    return Decimal(int(as_number(value)))


def measured(value: Any) -> Any:
    """The number itself. Raises :class:`Wrong` for a bigdec with more digits before its point than a number may have."""
    if isinstance(value, Decimal) and not value.is_zero() and value.adjusted() > DIGITS:
        raise Wrong(f"a number of more than {DIGITS} digits")
    return value


def _big(value: int) -> BigInt:
    if -_BIG_LIMIT < value < _BIG_LIMIT:
        return BigInt(value)
    raise Wrong(f"the result has more than {DIGITS} digits")


def _long(value: int) -> int:
    if INT64_MIN <= value <= INT64_MAX:
        return int(value)
    raise Wrong("long overflow")


def wrap_long(value: int) -> int:
    """The low 64 bits, signed."""
    return ((int(value) + 2**63) & (2**64 - 1)) - 2**63


def make_decimal(unscaled: int, scale: int) -> Decimal:
    """The bigdec ``unscaled * 10^-scale``; no negative zero."""
    return Decimal((1 if unscaled < 0 else 0, tuple(map(int, str(abs(unscaled)))), -scale))


def _exact(operation: Callable[[], Decimal]) -> Decimal:
    try:
        made = operation()
    except (Inexact, Overflow, InvalidOperation):
        raise Wrong(f"the result has more than {DIGITS} digits") from None
    return made.copy_abs() if made.is_zero() else made


def _operate(
    left: Any,
    right: Any,
    integers: Callable[[Any, Any], int],
    fractions: Callable[[Fraction, Fraction], Fraction],
    decimals: Callable[[Decimal, Decimal], Decimal],
    doubles: Callable[[float, float], float],
) -> Any:
    kind = max(kind_of(left), kind_of(right))
    if kind == _LONG:
        return _long(integers(left, right))
    if kind == _DOUBLE:
        return doubles(as_double(left), as_double(right))
    if kind == _BIG:
        return _big(integers(int(left), int(right)))
    if kind == _RATIO:
        return as_ratio(fractions(_fraction(left), _fraction(right)))
    return _exact(lambda: decimals(decimal_of(left), decimal_of(right)))


def add(left: Any, right: Any) -> Any:
    """``+`` of two numbers. Raises :class:`Wrong` for a long overflow or a value that is no number."""
    return _operate(left, right, lambda x, y: x + y, lambda x, y: x + y, _EXACT.add, lambda x, y: x + y)


def subtract(left: Any, right: Any) -> Any:
    """``-`` of two numbers; raises as :func:`add`."""
    return _operate(left, right, lambda x, y: x - y, lambda x, y: x - y, _EXACT.subtract, lambda x, y: x - y)


def multiply(left: Any, right: Any) -> Any:
    """``*`` of two numbers; raises as :func:`add`."""
    return _operate(left, right, lambda x, y: x * y, lambda x, y: x * y, _EXACT.multiply, lambda x, y: x * y)


def negate(value: Any) -> Any:
    """``-`` of one number; the least long overflows."""
    kind = kind_of(value)
    if kind == _DOUBLE:
        return -float(value)
    if kind == _DECIMAL:
        return value if value.is_zero() else value.copy_negate()
    return subtract(0, value)


def divide(left: Any, right: Any) -> Any:
    """Datomic's ``/``: ``quot`` of integers, else exact division; nothing divides by zero, 0.0 neither."""
    kind = max(kind_of(left), kind_of(right))
    if right == 0:
        raise Wrong("Divide by zero")
    if kind <= _BIG:
        return quotient(left, right)
    if kind == _DOUBLE:
        divisor = as_double(right)
        if divisor == 0.0:
            raise Wrong("Divide by zero")
        return as_double(left) / divisor
    if kind == _RATIO:
        return as_ratio(_fraction(left) / _fraction(right))
    return _divide_decimal(decimal_of(left), decimal_of(right))


def _parts(value: Decimal) -> tuple[int, int]:
    sign, digits, exponent = value.as_tuple()
    unscaled = int("".join(map(str, digits)))
    return (-unscaled if sign else unscaled), -int(exponent)


def _divide_decimal(left: Decimal, right: Decimal) -> Decimal:
    # The scale is the difference of the scales, or as much more as exactness needs.
    if right.is_zero():
        raise Wrong("Divide by zero")
    (top, top_scale), (bottom, bottom_scale) = _parts(left), _parts(right)
    scale = top_scale - bottom_scale
    rest, twos, fives = Fraction(top, bottom).denominator, 0, 0
    while rest % 2 == 0:
        rest, twos = rest // 2, twos + 1
    while rest % 5 == 0:
        rest, fives = rest // 5, fives + 1
    if rest != 1:
        raise Wrong("Non-terminating decimal expansion; no exact representable decimal result.")
    more = max(twos, fives)
    if more > DIGITS:
        raise Wrong(f"the result has more than {DIGITS} digits")
    return make_decimal(top * 10**more // bottom, scale + more)


def _truncated(left: int, right: int) -> int:
    if right == 0:
        raise Wrong("Divide by zero")
    found = abs(left) // abs(right)
    return found if (left < 0) == (right < 0) else -found


def quotient(left: Any, right: Any) -> Any:
    """``quot``: division cut towards zero, in the wider kind."""
    kind = max(kind_of(left), kind_of(right))
    if kind == _LONG:
        return wrap_long(_truncated(left, right))
    if kind == _DOUBLE:
        divisor = as_double(right)
        if divisor == 0.0:
            raise Wrong("Divide by zero")
        found = as_double(left) / divisor
        if not math.isfinite(found):
            raise Wrong(f"no quotient for {found}")
        return float(math.trunc(found))
    if kind == _BIG:
        return _big(_truncated(int(left), int(right)))
    if kind == _RATIO:
        top, bottom = _fraction(left), _fraction(right)
        if not bottom:
            raise Wrong("Divide by zero")
        return _big(math.trunc(top / bottom))
    return _quotient_decimal(decimal_of(left), decimal_of(right))


def _quotient_decimal(left: Decimal, right: Decimal) -> Decimal:
    if right.is_zero():
        raise Wrong("Divide by zero")
    (top, top_scale), (bottom, bottom_scale) = _parts(left), _parts(right)
    scale = top_scale - bottom_scale
    if abs(scale) > DIGITS:
        raise Wrong(f"the result has more than {DIGITS} digits")
    whole = _truncated(top * 10 ** max(-scale, 0), bottom * 10 ** max(scale, 0))
    if scale >= 0:
        return make_decimal(whole * 10**scale, scale)
    kept = 0
    while whole and kept > scale and whole % 10 == 0:
        whole, kept = whole // 10, kept - 1
    return make_decimal(whole, kept if whole else scale)


def remainder(left: Any, right: Any) -> Any:
    """``rem``: what :func:`quotient` leaves; the sign is the left number's."""
    kind = max(kind_of(left), kind_of(right))
    if kind == _DOUBLE:
        top, divisor = as_double(left), as_double(right)
        return top - quotient(top, divisor) * divisor
    if kind == _DECIMAL:
        top_decimal, bottom_decimal = decimal_of(left), decimal_of(right)
        whole = _quotient_decimal(top_decimal, bottom_decimal)
        return _exact(lambda: _EXACT.subtract(top_decimal, _EXACT.multiply(whole, bottom_decimal)))
    if kind == _RATIO:
        return as_ratio(_fraction(left) - _fraction(quotient(left, right)) * _fraction(right))
    found = int(left) - _truncated(int(left), int(right)) * int(right)
    return BigInt(found) if kind == _BIG else found


def modulo(left: Any, right: Any) -> Any:
    """``mod``: the remainder with the sign of the right number."""
    found = remainder(left, right)
    if as_double(found) == 0.0 or (less(0, left) == less(0, right)):
        return found
    return add(found, right)


def less(left: Any, right: Any) -> bool:
    """Whether one number is below another, compared in the wider kind: with a double both as doubles."""
    kind = max(kind_of(left), kind_of(right))
    if kind == _DOUBLE:
        return as_double(left) < as_double(right)
    if kind == _RATIO:
        return _fraction(left) < _fraction(right)
    return bool(left < right) if kind != _DECIMAL else decimal_of(left) < decimal_of(right)


def equivalent(left: Any, right: Any) -> bool:
    """``==``: the same number, whatever the kinds."""
    kind = max(kind_of(left), kind_of(right))
    if kind == _DOUBLE:
        return as_double(left) == as_double(right)
    if kind == _RATIO:
        return _fraction(left) == _fraction(right)
    return bool(left == right) if kind != _DECIMAL else decimal_of(left) == decimal_of(right)


def long_of(value: Any) -> int:
    """``long``: cut towards zero. Raises :class:`Wrong` out of the range of longs."""
    if isinstance(value, float):
        if value != value:
            return 0
        if not -(2.0**63) <= value < 2.0**63:
            raise Wrong(f"Value out of range for long: {float(value)!r}")
        return int(value)
    found = math.trunc(_fraction(value)) if isinstance(value, Ratio) else int(measured(as_number(value)))
    if not INT64_MIN <= found <= INT64_MAX:
        raise Wrong(f"Value out of range for long: {value}")
    return found


def float_of(value: Any) -> Float32:
    """``float``: 32 bits. Raises :class:`Wrong` out of their range."""
    wide = as_double(value)
    narrow = Float32(wide)
    if math.isinf(narrow):
        raise Wrong(f"Value out of range for float: {wide!r}")
    return narrow
