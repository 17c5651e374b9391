"""Java's instance methods of numbers, booleans, characters, keywords, dates, uuids and collections."""

from __future__ import annotations

import math
import uuid
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any

from ...codec.instants import format_instant
from ...model.order import clj_equal
from ...model.values import BigInt, Char, Float32, Instant, Keyword, Symbol
from . import numbers
from .access import ABSENT, get, lookup_in
from .build import map_entries
from .compare import datomic_compare
from .function import Wrong
from .methods import method
from .numbers import as_double, is_integer, is_number, long_of, wrap_long
from .seqs import is_map, is_set, members, seq_of, set_of

__all__ = ()


def _equals(left: Any, right: Any) -> bool:
    """Java's ``equals``: of numbers only the same class, and of bigdecs the same scale."""
    if is_number(left) and is_number(right):
        if isinstance(left, Decimal) and isinstance(right, Decimal):
            return left.as_tuple() == right.as_tuple()
        same = numbers.kind_of(left) == numbers.kind_of(right) and isinstance(left, Float32) == isinstance(right, Float32)
        return same and (left == right or (left != left and right != right))
    return clj_equal(left, right)


def _low(bits: int) -> Any:
    half = 1 << bits - 1

    def cut(value: Any) -> int:
        if isinstance(value, float):  # Java cuts a double to an int first, at the ends of the range
            whole = 0 if value != value else int(max(min(value, 2.0**31 - 1), -(2.0**31)))
        else:
            whole = as_int(value)
        return ((whole + half) & ((1 << bits) - 1)) - half

    return cut


def as_int(value: Any) -> int:
    """A number cut towards zero."""
    if isinstance(value, (int, Decimal)):
        return int(numbers.measured(value))
    return int(numbers.quotient(value, 1))


def _long_value(value: Any) -> int:
    if isinstance(value, float):
        return 0 if value != value else int(max(min(value, 2**63 - 1), -(2**63)))
    return wrap_long(as_int(value))


def _is_long(value: Any) -> bool:
    return is_integer(value) and numbers.kind_of(value) == 0


def _is_double(value: Any) -> bool:
    return isinstance(value, float)


def _is_decimal(value: Any) -> bool:
    return isinstance(value, Decimal)


def _is_big(value: Any) -> bool:
    return is_integer(value) and numbers.kind_of(value) == 1


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool)


def _is_char(value: Any) -> bool:
    return isinstance(value, Char)


def _is_named(value: Any) -> bool:
    return isinstance(value, (Keyword, Symbol))


def _is_keyword(value: Any) -> bool:
    return isinstance(value, Keyword)


def _is_instant(value: Any) -> bool:
    return isinstance(value, Instant)


def _is_uuid(value: Any) -> bool:
    return isinstance(value, uuid.UUID)


def _is_list(value: Any) -> bool:
    return isinstance(value, tuple)


def _is_coll(value: Any) -> bool:
    return _is_list(value) or is_set(value)


def _any_coll(value: Any) -> bool:
    return _is_coll(value) or is_map(value)


def _compare(left: Any, right: Any) -> int:
    if type(left) is not type(right):
        raise Wrong(f"can't compare a {type(left).__name__} with a {type(right).__name__}")
    return datomic_compare(left, right)


def _instant(value: Any) -> Instant:
    if isinstance(value, Instant):
        return value
    raise Wrong(f"not a date: {type(value).__name__}")


def _scaled(value: Decimal, scale: Any) -> Decimal:
    places = long_of(scale)
    if abs(places) > numbers.DIGITS:
        raise Wrong(f"a scale of more than {numbers.DIGITS}")
    wide = Context(prec=3 * numbers.DIGITS, rounding=ROUND_HALF_UP, Emax=10**9, Emin=-(10**9))
    made = value.quantize(Decimal(1).scaleb(-places), context=wide)
    if made != value:
        raise Wrong("Rounding necessary")
    return made


def _power(value: Any, exponent: Any) -> Any:
    times = long_of(exponent)
    if times < 0:
        raise Wrong(f"Invalid operation: exponent {times}")
    size = len(value.as_tuple().digits) if isinstance(value, Decimal) else len(str(abs(int(value))))
    if times * size > numbers.DIGITS:
        raise Wrong(f"the result has more than {numbers.DIGITS} digits")
    made: Any = Decimal(1) if isinstance(value, Decimal) else BigInt(1)
    for _ in range(times):
        made = numbers.multiply(made, value)
    return made


def _stripped(value: Decimal) -> Decimal:
    if value.is_zero():
        return Decimal(0)
    sign, digits, exponent = value.as_tuple()
    kept = len("".join(map(str, digits)).rstrip("0"))
    return Decimal((sign, digits[:kept], int(exponent) + len(digits) - kept))


def _unscaled(value: Decimal) -> BigInt:
    sign, digits, _ = value.as_tuple()
    return BigInt(int("".join(map(str, digits))) * (-1 if sign else 1))


def _field(start: int, end: int | None, less: int = 0) -> Any:
    def read(value: Instant) -> int:
        text = format_instant(value.ms)
        return int(text[start:end] if end is not None else text[:start]) - less

    return read


def _index(items: Any, item: Any) -> int:
    return next((at for at, other in enumerate(seq_of(items)) if clj_equal(other, item)), -1)


def _item(items: Any, at: Any) -> Any:
    if not 0 <= long_of(at) < len(items):
        raise Wrong(f"index {at} is out of bounds: there are {len(items)}")
    return items[long_of(at)]


method(lambda value: True, "equals", _equals, 1)
method(is_number, "intValue", _low(32))
method(is_number, "shortValue", _low(16))
method(is_number, "byteValue", _low(8))
method(is_number, "longValue", _long_value)
method(is_number, "doubleValue", as_double)
method(is_number, "floatValue", lambda x: Float32(as_double(x)))
for _test in (_is_long, _is_double, _is_decimal, _is_bool, _is_char, _is_named, _is_instant, _is_uuid, _is_list):
    method(_test, "compareTo", _compare, 1)
method(_is_double, "isNaN", lambda x: x != x)
method(_is_double, "isInfinite", math.isinf)
method(_is_decimal, "signum", lambda x: (x > 0) - (x < 0))
method(_is_decimal, "scale", lambda x: -int(x.as_tuple().exponent))
method(_is_decimal, "precision", lambda x: len(x.as_tuple().digits))
method(_is_decimal, "unscaledValue", _unscaled)
method(_is_decimal, "toPlainString", lambda x: format(_small(x), "f"))
method(_is_decimal, "stripTrailingZeros", _stripped)
method(_is_decimal, "negate", numbers.negate)
method(_is_decimal, "abs", lambda x: x.copy_abs())
method(_is_decimal, "add", lambda x, y: numbers.add(x, _decimal(y)), 1)
method(_is_decimal, "subtract", lambda x, y: numbers.subtract(x, _decimal(y)), 1)
method(_is_decimal, "multiply", lambda x, y: numbers.multiply(x, _decimal(y)), 1)
method(_is_decimal, "divide", lambda x, y: numbers.divide(x, _decimal(y)), 1)
method(_is_decimal, "remainder", lambda x, y: numbers.remainder(x, _decimal(y)), 1)
method(_is_decimal, "max", lambda x, y: max(x, _decimal(y)), 1)
method(_is_decimal, "min", lambda x, y: min(x, _decimal(y)), 1)
method(_is_decimal, "pow", _power, 1)
method(_is_decimal, "setScale", _scaled, 1)
method(lambda x: _is_decimal(x) or _is_big(x), "toBigInteger", lambda x: BigInt(int(_small(x))))
method(_is_big, "bitLength", lambda x: (x if x >= 0 else ~x).bit_length())
method(_is_bool, "booleanValue", lambda x: x)
method(_is_char, "charValue", lambda x: x)
method(_is_named, "getName", lambda x: x.name)
method(_is_named, "getNamespace", lambda x: x.namespace)
method(_is_keyword, "sym", lambda x: Symbol(x.text))

method(_is_instant, "getTime", lambda x: x.ms)
method(_is_instant, "before", lambda x, y: x.ms < _instant(y).ms, 1)
method(_is_instant, "after", lambda x, y: x.ms > _instant(y).ms, 1)
method(_is_instant, "getYear", _field(-25, None, 1900))
method(_is_instant, "getMonth", _field(-24, -22, 1))
method(_is_instant, "getDate", _field(-21, -19))
method(_is_instant, "getHours", _field(-18, -16))
method(_is_instant, "getMinutes", _field(-15, -13))
method(_is_instant, "getSeconds", _field(-12, -10))
method(_is_instant, "getDay", lambda x: (x.ms // 86_400_000 + 4) % 7)
method(_is_instant, "toInstant", lambda x: x)
method(_is_instant, "toEpochMilli", lambda x: x.ms)
method(_is_instant, "getTimezoneOffset", lambda x: 0)
method(_is_uuid, "getMostSignificantBits", lambda x: wrap_long(x.int >> 64))
method(_is_uuid, "getLeastSignificantBits", lambda x: wrap_long(x.int & (2**64 - 1)))
method(_is_uuid, "version", lambda x: x.int >> 76 & 15)

method(_is_coll, "contains", lambda x, item: _index(x, item) >= 0, 1)
method(_any_coll, "size count", lambda x: len(map_entries(x)) if is_map(x) else len(seq_of(x)))
method(_any_coll, "isEmpty", lambda x: not seq_of(x))
method(_is_list, "get nth", _item, 1)
method(_is_list, "indexOf", _index, 1)
method(_is_coll, "containsAll", lambda x, items: all(_index(x, item) >= 0 for item in seq_of(items)), 1)
method(is_map, "get valAt", get, 1)
method(is_map, "getOrDefault", get, 2)
method(is_map, "containsKey", lambda x, key: lookup_in(x, key) is not ABSENT, 1)
method(is_map, "containsValue", lambda x, value: any(clj_equal(v, value) for _, v in map_entries(x)), 1)
method(is_map, "keySet", lambda x: set_of(k for k, _ in map_entries(x)))
method(is_map, "values", lambda x: tuple(v for _, v in map_entries(x)))
method(is_map, "entrySet", lambda x: set_of(map_entries(x)))
method(is_set, "toArray", lambda x: tuple(members(x)))
method(_is_list, "toArray", tuple)


def _decimal(value: Any) -> Decimal:
    if isinstance(value, Decimal):
        return value
    raise Wrong(f"not a bigdec: {type(value).__name__}")


def _small(value: Any) -> Any:
    if isinstance(value, Decimal) and (value.adjusted() > numbers.DIGITS or value.adjusted() < -numbers.DIGITS):
        raise Wrong(f"a number of more than {numbers.DIGITS} digits")
    return value

