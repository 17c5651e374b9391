"""Numbers as text, read and written as Clojure does.

What is not decided here: which numbers a value type takes (``transact``).
"""

from __future__ import annotations

import math
import re
from decimal import Decimal, InvalidOperation
from math import gcd
from typing import Any, Final

import numpy as np

from ..model.anomaly import incorrect
from ..model.values import INT64_MAX, INT64_MIN, BigInt, Float32, Ratio
from .limits import Limits

__all__ = ("format_double", "format_float32", "make_decimal", "make_integer", "make_ratio", "parse_number")

# The patterns of Clojure's reader (LispReader, EdnReader), ASCII digits only.
_INTEGER: Final = re.compile(
    r"([-+]?)(?:(0)|([1-9][0-9]*)|0[xX]([0-9A-Fa-f]+)|0([0-7]+)|([1-9][0-9]?)[rR]([0-9A-Za-z]+))(N)?"
)
_FLOAT: Final = re.compile(r"([-+]?[0-9]+(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?)(M)?")
_BAD_OCTAL: Final = re.compile(r"[-+]?0[0-9]+M?")  # 08: neither octal nor, with a leading zero, decimal
_RATIO: Final = re.compile(r"([-+]?[0-9]+)/([0-9]+)")
_MAX_EXPONENT: Final = 2**31 - 1  # BigDecimal's scale is an int


def parse_number(token: str, limits: Limits) -> Any:
    """An int, BigInt, float, Decimal or Ratio. Raises Anomaly incorrect for what Clojure does not read as a number."""
    if len(token) > limits.digits:
        raise incorrect(f"A number of {len(token)} characters; at most {limits.digits} are read")
    found = _INTEGER.fullmatch(token)
    if found is not None:
        return _integer(found)
    found = _FLOAT.fullmatch(token)
    if found is not None and not _BAD_OCTAL.fullmatch(token):
        return make_decimal(found[1], limits) if found[2] else float(found[1])
    found = _RATIO.fullmatch(token)
    if found is not None:
        made = make_ratio(int(found[1]), int(found[2]))
        return int(made) if isinstance(made, int) and INT64_MIN <= made <= INT64_MAX else made
    raise incorrect(f"Not a number: {token[:60]}")


def make_integer(text: str, limits: Limits) -> int:
    """The integer of decimal digits with an optional sign. Raises Anomaly incorrect for other text."""
    if len(text) > limits.digits:
        raise incorrect(f"A number of {len(text)} digits; at most {limits.digits} are read")
    if not text.lstrip("+-").isascii() or not text[text[:1] in ("-", "+"):].isdigit():
        raise incorrect(f"Not an integer: {text[:60]!r}")
    return int(text)


def make_decimal(text: str, limits: Limits) -> Decimal:
    """A decimal that keeps its scale, within what BigDecimal can hold. Raises Anomaly incorrect for other text."""
    if len(text) > limits.digits:
        raise incorrect(f"A number of {len(text)} characters; at most {limits.digits} are read")
    try:
        made = Decimal(text)
    except InvalidOperation:
        made = Decimal("NaN")
    if not made.is_finite() or "_" in text or not text.isascii() or text.strip() != text:
        raise incorrect(f"Not a decimal number: {text[:60]!r}")
    if abs(int(made.as_tuple().exponent)) > _MAX_EXPONENT:
        raise incorrect(f"Decimal number out of range: {text[:60]!r}")
    return made.copy_abs() if made.is_zero() else made  # BigDecimal has no negative zero


def make_ratio(numerator: int, denominator: int) -> Ratio | BigInt:
    """In lowest terms; a BigInt when nothing is left below. Raises Anomaly incorrect for denominator 0."""
    if denominator == 0:
        raise incorrect("Divide by zero: a ratio's denominator is 0")
    common = gcd(numerator, denominator)
    if denominator < 0:
        common = -common
    numerator, denominator = numerator // common, denominator // common
    return BigInt(numerator) if denominator == 1 else Ratio(numerator, denominator)


def format_double(value: float) -> str:
    """As Java's Double.toString of 19 and later: 1.0E10, 1.0E-5, 100.0; NaN and infinities as Clojure's ``##…``."""
    if not math.isfinite(value):
        return "##NaN" if math.isnan(value) else "##Inf" if value > 0 else "##-Inf"
    text = repr(float(value))
    if -1e-300 < value < 1e-300 and "." not in text:
        text = f"{value:.1e}"  # Java gives at least two digits, and among those the nearest: 4.9E-324
    return _java_form(text)


def format_float32(value: Float32) -> str:
    """As Java's Float.toString: the shortest text that reads back to the same 32 bits."""
    if not math.isfinite(value):
        return format_double(value)
    return _java_form(str(np.float32(value)))


def _java_form(text: str) -> str:
    """Python's shortest digits in Java's layout: plain from 1e-3 to below 1e7, else scientific with a dot."""
    sign = "-" if text[0] == "-" else ""
    mantissa, _, exponent = text.lstrip("-").partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    if not digits.strip("0"):
        return sign + "0.0"
    # 0.d1d2d3… * 10^point
    point = len(whole) + int(exponent or 0) - (len(whole + fraction) - len(digits))
    digits = digits.rstrip("0")
    if -3 < point <= 7:
        if point <= 0:
            return f"{sign}0.{'0' * -point}{digits}"
        return f"{sign}{digits[:point].ljust(point, '0')}.{digits[point:] or '0'}"
    return f"{sign}{digits[0]}.{digits[1:] or '0'}E{point - 1}"


def _integer(found: re.Match[str]) -> int:
    sign, zero, decimal, hexadecimal, octal, base, digits, big = found.groups()
    if zero:
        number = 0
    elif decimal:
        number = int(decimal)
    elif hexadecimal:
        number = int(hexadecimal, 16)
    elif octal:
        number = int(octal, 8)
    else:
        number = _radix(int(base), digits)
    if sign == "-":
        number = -number
    return BigInt(number) if big or not INT64_MIN <= number <= INT64_MAX else number


def _radix(base: int, digits: str) -> int:
    if not 2 <= base <= 36:
        raise incorrect(f"Radix {base} out of range; it must be from 2 to 36")
    try:
        return int(digits, base)
    except ValueError:
        raise incorrect(f"Not a number in radix {base}: {digits[:60]}") from None
