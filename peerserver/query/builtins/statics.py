"""Static methods and constructors of Java classes, each a plain function under ``Class/method``."""

from __future__ import annotations

import math
import urllib.parse
import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from ...codec.instants import parse_instant
from ...model.anomaly import Anomaly
from ...model.order import clj_equal
from ...model.values import INT64_MAX, INT64_MIN, BigInt, Char, Float32, Instant
from . import numbers
from .arithmetic import decimal_text
from .compare import datomic_compare
from .formatting import format_text
from .function import Wrong, define, defines
from .hashing import java_hash
from .numbers import as_double, is_integer, is_number, long_of, make_decimal, wrap_long
from .printing import to_text
from .seqs import seq_of, text_of
from .text import java_uuid, parse_double

__all__ = ()


def _number(value: Any) -> Any:
    if is_number(value) and not isinstance(value, (BigInt, Decimal)):
        return value
    raise Wrong("No matching method found: the argument is neither long nor double")


def _real(operation: Callable[..., float]) -> Callable[..., float]:
    def run(*args: Any) -> float:
        try:
            return float(operation(*map(as_double, args)))
        except ValueError:
            return math.nan
        except OverflowError:
            return math.inf

    return run


def _exact(operation: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    return lambda x, y: operation(long_of(_number(x)), long_of(_number(y)))


def _log(base10: bool) -> Callable[[float], float]:
    def log(x: float) -> float:
        if x == 0:
            return -math.inf
        return math.log10(x) if base10 else math.log(x)

    return log


def _round(value: Any) -> int:
    number = as_double(value)
    if not math.isfinite(number):
        return 0 if number != number else INT64_MAX if number > 0 else INT64_MIN
    return max(min(math.floor(number) + (number - math.floor(number) >= 0.5), INT64_MAX), INT64_MIN)


def _rint(value: float) -> float:
    return math.copysign(float(round(value)), value) if math.isfinite(value) else value


def _whole(operation: Callable[[float], int]) -> Callable[[float], float]:
    return lambda x: math.copysign(float(operation(x)), x) if math.isfinite(x) else x


def _power(x: float, y: float) -> float:
    if math.isnan(y) or (abs(x) == 1.0 and math.isinf(y)):
        return math.nan  # where C says 1
    if x == 0 and y < 0:
        return math.copysign(math.inf, x) if y % 2 == 1 else math.inf
    return math.pow(x, y)


def _pick(choose: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def run(x: Any, y: Any) -> Any:
        if is_integer(_number(x)) != is_integer(_number(y)):
            raise Wrong("No matching method found taking a long and a double")
        return choose(x, y)

    return run


def _abs(value: Any) -> Any:
    return wrap_long(abs(_number(value))) if is_integer(value) else abs(float(_number(value)))


def _signum(value: float) -> float:
    return value if value == 0 or value != value else math.copysign(1.0, value)


def _cbrt(value: float) -> float:
    root = math.copysign(abs(value) ** (1 / 3), value)
    near = float(round(root)) if math.isfinite(root) else root
    return near if near**3 == value else root


_MATH: dict[str, tuple[Callable[..., float], int]] = {
    "sqrt": (math.sqrt, 1), "cbrt": (_cbrt, 1), "pow": (_power, 2), "exp": (math.exp, 1), "expm1": (math.expm1, 1),
    "log": (_log(False), 1), "log10": (_log(True), 1), "log1p": (math.log1p, 1), "sin": (math.sin, 1), "cos": (math.cos, 1),
    "tan": (math.tan, 1), "asin": (math.asin, 1), "acos": (math.acos, 1), "atan": (math.atan, 1), "atan2": (math.atan2, 2),
    "sinh": (math.sinh, 1), "cosh": (math.cosh, 1), "tanh": (math.tanh, 1), "hypot": (math.hypot, 2),
    "floor": (_whole(math.floor), 1), "ceil": (_whole(math.ceil), 1), "rint": (_rint, 1), "signum": (_signum, 1),
}  # fmt: skip
for _name, (_run, _count) in _MATH.items():
    define(f"Math/{_name} StrictMath/{_name} java.lang.Math/{_name} clojure.math/{_name}", _real(_run), _count)
for _space in ("Math", "java.lang.Math", "clojure.math"):
    _to_degrees, _to_radians = ("to-degrees", "to-radians") if _space == "clojure.math" else ("toDegrees", "toRadians")
    define(f"{_space}/{_to_degrees}", lambda x: as_double(x) * (180.0 / math.pi))
    define(f"{_space}/{_to_radians}", lambda x: as_double(x) * (math.pi / 180.0))
    define(f"{_space}/round", _round)
define("Math/PI java.lang.Math/PI", lambda: math.pi, 0)
define("Math/E java.lang.Math/E", lambda: math.e, 0)
define("Math/abs java.lang.Math/abs", _abs)
define("Math/max java.lang.Math/max", _pick(lambda x, y: math.nan if x != x or y != y else max(x, y)), 2)
define("Math/min java.lang.Math/min", _pick(lambda x, y: math.nan if x != x or y != y else min(x, y)), 2)


def _divisor(value: int) -> int:
    if value == 0:
        raise Wrong("/ by zero")
    return value


define("Math/floorDiv clojure.math/floor-div", _exact(lambda x, y: wrap_long(x // _divisor(y))), 2)
define("Math/floorMod clojure.math/floor-mod", _exact(lambda x, y: x % _divisor(y)), 2)
define("Math/addExact clojure.math/add-exact", _exact(numbers.add), 2)
define("Math/subtractExact clojure.math/subtract-exact", _exact(numbers.subtract), 2)
define("Math/multiplyExact clojure.math/multiply-exact", _exact(numbers.multiply), 2)
define("Math/negateExact clojure.math/negate-exact", lambda x: numbers.negate(long_of(_number(x))))


def _parser(bits: int) -> Callable[..., int]:
    def parse(text: Any, radix: Any = 10) -> int:
        plain, base = text_of(text), long_of(radix)
        if not 2 <= base <= 36 or not plain.isascii() or not plain.lstrip("+-").isalnum() or len(plain) > 66:
            raise Wrong(f'For input string: "{plain[:60]}"')
        made = int(plain, base)
        if not -(1 << bits - 1) <= made < 1 << bits - 1:
            raise Wrong(f'For input string: "{plain[:60]}"')
        return made

    return parse


def _value_of(bits: int) -> Callable[[Any], int]:
    parse = _parser(bits)
    return lambda x: long_of(x) if is_number(x) else parse(x)


def _parse_real(text: Any) -> float:
    made = parse_double(text_of(text))
    if made is None:
        raise Wrong(f'For input string: "{str(text)[:60]}"')
    return made


def _radix(code: str, bits: int) -> Callable[[Any], str]:
    return lambda x: format(long_of(x) & ((1 << bits) - 1), code)


for _class, _bits in (("Long", 64), ("Integer", 32)):
    for _prefix in (_class, "java.lang." + _class):
        define(f"{_prefix}/parse{'Long' if _bits == 64 else 'Int'}", _parser(_bits), 1, 2)
        define(f"{_prefix}/valueOf", _value_of(_bits))
        define(f"{_prefix}/toString", lambda x: to_text(long_of(x)))
        define(f"{_prefix}/toHexString", _radix("x", _bits))
        define(f"{_prefix}/toBinaryString", _radix("b", _bits))
        define(f"{_prefix}/toOctalString", _radix("o", _bits))
        define(f"{_prefix}/compare", lambda x, y: datomic_compare(long_of(x), long_of(y)), 2)
        define(f"{_prefix}/signum", lambda x: (long_of(x) > 0) - (long_of(x) < 0))
        define(f"{_prefix}/bitCount", lambda x, mask=(1 << _bits) - 1: (long_of(x) & mask).bit_count())
        define(f"{_prefix}/max", lambda x, y: max(long_of(x), long_of(y)), 2)
        define(f"{_prefix}/min", lambda x, y: min(long_of(x), long_of(y)), 2)
        define(f"{_prefix}/sum", lambda x, y: numbers.add(long_of(x), long_of(y)), 2)
        define(f"{_prefix}/MAX_VALUE", lambda top=(1 << _bits - 1) - 1: top, 0)
        define(f"{_prefix}/MIN_VALUE", lambda low=-(1 << _bits - 1): low, 0)
define("Double/parseDouble java.lang.Double/parseDouble", _parse_real)
define("Double/valueOf", lambda x: as_double(x) if is_number(x) else _parse_real(x))
define("Double/isNaN", lambda x: math.isnan(as_double(x)))
define("Double/isInfinite", lambda x: math.isinf(as_double(x)))
define("Double/isFinite", lambda x: math.isfinite(as_double(x)))
define("Double/toString", lambda x: to_text(as_double(x)))
define("Double/compare", lambda x, y: datomic_compare(as_double(x), as_double(y)), 2)
define("Float/parseFloat", lambda text: Float32(_parse_real(text)))
define("Boolean/parseBoolean Boolean/valueOf", lambda x: x if isinstance(x, bool) else x is not None and text_of(x).lower() == "true")
define("String/valueOf", lambda x: _not_nil(to_text(x) if x is not None else None))
define("String/join", lambda by, items: text_of(by).join(text_of(item) for item in seq_of(items)), 2)
define("String/format", lambda text, args=(): format_text(text, *seq_of(args)), 1, 2)


def _not_nil(value: Any) -> Any:
    if value is None:
        raise Wrong("an argument is nil")
    return value


def _char(value: Any) -> str:
    if isinstance(value, Char):
        return str(value)
    if is_integer(value):
        return chr(value)
    raise Wrong(f"not a character: {type(value).__name__}")


def _char_test(test: Callable[[str], bool]) -> Callable[[Any], bool]:
    return lambda x: test(_char(x))


def _same_kind(value: Any, made: str) -> Any:
    return Char(made) if isinstance(value, Char) else ord(made)


_SPACES = "\t\n\x0b\f\r\x1c\x1d\x1e\x1f"
for _name, _test in {
    "isDigit": str.isdecimal,
    "isLetter": str.isalpha,
    "isLetterOrDigit": lambda c: c.isalpha() or c.isdecimal(),
    "isAlphabetic": str.isalpha,
    "isUpperCase": str.isupper,
    "isLowerCase": str.islower,
    "isWhitespace": lambda c: c in _SPACES or (c.isspace() and c not in "\u00a0\u2007\u202f\x85"),
}.items():
    define(f"Character/{_name} java.lang.Character/{_name}", _char_test(_test))
define("Character/toUpperCase", lambda x: _same_kind(x, _char(x).upper()[:1] if len(_char(x).upper()) == 1 else _char(x)))
define("Character/toLowerCase", lambda x: _same_kind(x, _char(x).lower()[:1]))
define("Character/toString", _char)
define("Character/valueOf", lambda x: Char(_char(x)))
define("Character/getNumericValue", lambda x: int(_char(x), 36) if _char(x).isalnum() and _char(x).isascii() else -1)


@defines("java.util.UUID/fromString")
def _uuid(text: Any) -> uuid.UUID:
    made = java_uuid(text_of(text))
    if made is None:
        raise Wrong(f"Invalid UUID string: {str(text)[:60]}")
    return made


@defines("java.time.Instant/parse")
def _instant(text: Any) -> Instant:
    try:
        return Instant(parse_instant(text_of(text)))
    except Anomaly as anomaly:
        raise Wrong(anomaly.message) from None


def _same_array(left: Any, right: Any) -> bool:
    if left is None or right is None:
        return left is right
    if isinstance(left, (bytes, tuple)) and isinstance(right, (bytes, tuple)):
        return left == right if isinstance(left, bytes) or isinstance(right, bytes) else clj_equal(left, right)
    raise Wrong("the arguments are no arrays")


define("java.util.Arrays/equals", _same_array, 2)
define("java.util.Arrays/hashCode", lambda x: java_hash(tuple(seq_of(x))))
define("java.util.Objects/equals", clj_equal, 2)
define("java.util.Objects/isNull", lambda x: x is None)
define("java.util.Objects/nonNull", lambda x: x is not None)
define("java.util.Objects/toString", lambda x: "null" if x is None else to_text(x))
define("java.net.URLEncoder/encode", lambda x, charset="UTF-8": urllib.parse.quote_plus(text_of(x), safe="*-._").replace("~", "%7E"), 1, 2)
define("java.net.URLDecoder/decode", lambda x, charset="UTF-8": urllib.parse.unquote_plus(text_of(x)), 1, 2)
define("java.util.Date.", lambda ms: Instant(long_of(ms)))
define("java.util.Date/from", lambda x: x if isinstance(x, Instant) else _not_nil(None))
define("String.", text_of)
define("java.math.BigDecimal. BigDecimal.", lambda x: decimal_text(x) if isinstance(x, str) else numbers.decimal_of(x))
define("BigDecimal/valueOf java.math.BigDecimal/valueOf", lambda x, scale=None: numbers.decimal_of(x) if scale is None
       else make_decimal(long_of(x), long_of(scale)), 1, 2)  # fmt: skip
define("BigInteger/valueOf java.math.BigInteger/valueOf", lambda x: BigInt(long_of(x)))
define("inst-ms", lambda x: x.ms if isinstance(x, Instant) else _not_nil(None))
