"""``format``: the conversions of Java's Formatter for strings, characters, booleans, integers, decimals and dates."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any

from ...codec.instants import format_instant
from ...model.values import BigInt, Char, Instant
from .function import MAX_TEXT, Wrong, define
from .hashing import java_hash
from .printing import java_double, to_text
from .seqs import text_of

__all__ = ("format_text",)

_SPEC = re.compile(r"%(?:(\d+)\$)?([-#+ 0,(<]*)(\d+)?(?:\.(\d+))?([tT][a-zA-Z]|[a-zA-Z%])|(%)")
_WIDEST = 10_000


class _Spec:
    """One conversion with its flags, width and precision (None: not given)."""

    def __init__(self, found: re.Match[str]) -> None:
        self.text = found[0]
        self.flags, self.kind = found[2], found[5][0]
        self.suffix = found[5][1:]
        self.width = int(found[3]) if found[3] else 0
        self.precision = int(found[4]) if found[4] else None
        if self.width > _WIDEST or (self.precision or 0) > _WIDEST:
            raise Wrong(f"width and precision are at most {_WIDEST}")

    def justified(self, text: str) -> str:
        if self.kind.isupper():
            text = text.upper()
        return text.ljust(self.width) if "-" in self.flags else text.rjust(self.width)

    def refuse(self, value: Any) -> Wrong:
        return Wrong(f"{self.kind} is no conversion for {type(value).__name__}: {self.text}")


def format_text(template: Any, *args: Any) -> str:
    """The template with its conversions filled. Raises :class:`Wrong` for one that is unknown or doesn't fit its value."""
    source, made, at, following, last = text_of(template), [], 0, 0, -1
    for found in _SPEC.finditer(source):
        made.append(source[at : found.start()])
        at = found.end()
        if found[6]:
            raise Wrong(f"Conversion = '%' without a letter, near {source[found.start() : found.start() + 10]!r}")
        spec = _Spec(found)
        if spec.kind in "n%":
            made.append("\n" if spec.kind == "n" else spec.justified("%"))
            continue
        if found[1]:
            which = int(found[1]) - 1
        elif "<" in spec.flags:
            which = last
        else:
            which, following = following, following + 1
        if not 0 <= which < len(args):
            raise Wrong(f"Format specifier '{found[0]}' has no argument")
        last = which
        made.append(_converted(spec, args[which]))
    text = "".join(made) + source[at:]
    if len(text) > MAX_TEXT:
        raise Wrong(f"the text has more than {MAX_TEXT} characters")
    return text


def _converted(spec: _Spec, value: Any) -> str:
    kind = spec.kind.lower()
    if kind in "sbh":
        return _general(spec, kind, value)
    if value is None and kind in "cdxofegt":
        return spec.justified("null"[: spec.precision])
    if kind == "c":
        return _character(spec, value)
    if kind == "d":
        return _decimal_integer(spec, value)
    if kind in "xo":
        return _other_radix(spec, kind, value)
    if kind in "feg":
        return _floating(spec, kind, value)
    if kind == "t":
        return _date(spec, value)
    raise Wrong(f"Conversion = '{spec.kind}'")


def _general(spec: _Spec, kind: str, value: Any) -> str:
    if kind == "s":
        text = "null" if value is None else to_text(value)
    elif kind == "b":
        text = "false" if value is None or value is False else "true"
    else:
        text = "null" if value is None else format(java_hash(value) & 0xFFFFFFFF, "x")
    return spec.justified(text if spec.precision is None else text[: spec.precision])


def _character(spec: _Spec, value: Any) -> str:
    if isinstance(value, Char):
        return spec.justified(str(value))
    raise spec.refuse(value)


def _signed(spec: _Spec, negative: bool, digits: str) -> str:
    """Sign, zeros and width around the digits of a number's magnitude."""
    if "," in spec.flags:
        whole, dot, fraction = digits.partition(".")
        digits = re.sub(r"(?<=\d)(?=(?:\d{3})+$)", ",", whole) + dot + fraction
    before = ("(" if "(" in spec.flags else "-") if negative else "+" if "+" in spec.flags else " " if " " in spec.flags else ""
    after = ")" if negative and "(" in spec.flags else ""
    if "0" in spec.flags:
        digits = digits.rjust(spec.width - len(before) - len(after), "0")
    return spec.justified(before + digits + after)


def _decimal_integer(spec: _Spec, value: Any) -> str:
    # A clojure.lang.BigInt is none of Java's integers: the Formatter refuses it.
    if not isinstance(value, int) or isinstance(value, (bool, BigInt)):
        raise spec.refuse(value)
    return _signed(spec, value < 0, str(abs(int(value))))


def _other_radix(spec: _Spec, kind: str, value: Any) -> str:
    if not isinstance(value, int) or isinstance(value, (bool, BigInt)):
        raise spec.refuse(value)
    digits = format(int(value) & (2**64 - 1), kind)
    if "#" in spec.flags:
        digits = ("0x" if kind == "x" else "0") + digits
    return spec.justified(digits.rjust(spec.width, "0") if "0" in spec.flags else digits)


def _floating(spec: _Spec, kind: str, value: Any) -> str:
    if not isinstance(value, (float, Decimal)):
        raise spec.refuse(value)
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        text = "NaN" if value != value else "Infinity"
        return spec.justified("-" + text if value < 0 else "+" + text if "+" in spec.flags and value == value else text)
    # Java rounds the shortest decimal text of a double half up, not its binary value half even.
    exact = Decimal(java_double(value)) if isinstance(value, float) else value
    precision = 6 if spec.precision is None else spec.precision
    negative = exact.is_signed()
    return _signed(spec, negative, _digits(kind, abs(exact), precision))


def _digits(kind: str, value: Decimal, precision: int) -> str:
    if kind == "g":
        significant = precision or 1
        rounded = _rounded(value, significant)
        if rounded and not Decimal("1e-4") <= rounded < Decimal(10) ** significant:
            return _scientific(value, significant - 1)
        places = max(significant - (rounded.adjusted() + 1 if rounded else 1), 0)
        return _fixed(value, places)
    return _fixed(value, precision) if kind == "f" else _scientific(value, precision)


def _rounded(value: Decimal, digits: int) -> Decimal:
    return Context(prec=max(digits, 1), rounding=ROUND_HALF_UP, Emax=10**9, Emin=-(10**9)).plus(value)


def _fixed(value: Decimal, places: int) -> str:
    if value.adjusted() > _WIDEST:
        raise Wrong(f"a number of more than {_WIDEST} digits")
    wide = Context(prec=2 * _WIDEST + 50, rounding=ROUND_HALF_UP, Emax=10**9, Emin=-(10**9))
    return format(value.quantize(Decimal(1).scaleb(-places), context=wide), "f")


def _scientific(value: Decimal, places: int) -> str:
    rounded = _rounded(value, places + 1)
    exponent = rounded.adjusted() if rounded else 0
    digits = "".join(map(str, rounded.as_tuple().digits)).ljust(places + 1, "0")[: places + 1]
    sign = "-" if exponent < 0 else "+"
    return f"{digits[0]}{'.' if places else ''}{digits[1:]}e{sign}{abs(exponent):02d}"


_MONTHS = "January February March April May June July August September October November December".split()
_DAYS = "Thursday Friday Saturday Sunday Monday Tuesday Wednesday".split()


def _date(spec: _Spec, value: Any) -> str:
    if not isinstance(value, Instant) and (not isinstance(value, int) or isinstance(value, bool)):
        raise spec.refuse(value)
    ms = value.ms if isinstance(value, Instant) else int(value)
    text = format_instant(ms)
    year, month, day = text[:-25], text[-24:-22], text[-21:-19]
    hour, minute, second, millis = text[-18:-16], text[-15:-13], text[-12:-10], text[-9:-6]
    hour12 = (int(hour) + 11) % 12 + 1
    half = "am" if int(hour) < 12 else "pm"
    weekday, month_name = _DAYS[ms // 86_400_000 % 7], _MONTHS[int(month) - 1]
    parts = {
        "Y": year, "y": year[-2:], "C": year[:-2], "m": month, "d": day, "e": str(int(day)), "H": hour, "k": str(int(hour)),
        "I": f"{hour12:02d}", "l": str(hour12), "M": minute, "S": second, "L": millis, "N": millis + "000000", "p": half,
        "B": month_name, "b": month_name[:3], "h": month_name[:3], "A": weekday, "a": weekday[:3], "s": str(ms // 1000),
        "Q": str(ms), "F": f"{year}-{month}-{day}", "D": f"{month}/{day}/{year[-2:]}", "T": f"{hour}:{minute}:{second}",
        "R": f"{hour}:{minute}", "r": f"{hour12:02d}:{minute}:{second} {half.upper()}", "Z": "UTC", "z": "+0000",
        "c": f"{weekday[:3]} {month_name[:3]} {day} {hour}:{minute}:{second} UTC {year}",
    }  # fmt: skip
    if spec.suffix not in parts:
        raise Wrong(f"Conversion = '{spec.kind}{spec.suffix}'")
    return spec.justified(parts[spec.suffix])


define("format String/format", format_text, 1, None)
