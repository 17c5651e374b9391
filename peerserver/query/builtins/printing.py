"""Values as text: ``str`` (for people) and ``pr-str`` (for the reader), as Java and Clojure print them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from ...codec import edn
from ...codec.instants import format_instant
from ...codec.numbers import format_double, format_float32
from ...model.values import URI, Char, EdnList, Float32, Instant, Keyword, Ratio, Symbol, Tagged
from .function import MAX_TEXT, Function, Wrong, define
from .seqs import entries, is_map, is_set, members

__all__ = ("date_text", "java_double", "print_text", "printed", "to_text")

_DAYS = ("Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed")  # 1970-01-01 was a Thursday
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAY_MS = 86_400_000


def java_double(value: float) -> str:
    """``Double.toString`` or ``Float.toString``."""
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "Infinity" if value > 0 else "-Infinity"
    return format_float32(value) if isinstance(value, Float32) else format_double(value)


def date_text(ms: int) -> str:
    """``java.util.Date.toString`` in UTC: ``Thu Jan 02 03:04:05 UTC 2020``."""
    text = format_instant(ms)
    year, month, day = text[:-25].lstrip("-"), int(text[-24:-22]), text[-21:-19]
    return f"{_DAYS[ms // _DAY_MS % 7]} {_MONTHS[month - 1]} {day} {text[-18:-10]} UTC {year}"


def to_text(value: Any) -> str:
    """``str`` of one value: nothing for nil, a string as it is, a collection as :func:`printed`."""
    if value is None:
        return ""
    if isinstance(value, str):
        return str(value)
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, float):
        return java_double(value)
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, Instant):
        return date_text(value.ms)
    if isinstance(value, URI):
        return value.text
    if isinstance(value, (Keyword, Symbol, Ratio)):
        return printed(value)
    if isinstance(value, Tagged) and value.tag == "regex":
        return str(value.value)
    if hasattr(value, "hex") and not isinstance(value, bytes):
        return str(value)  # a uuid
    return printed(value)


def printed(value: Any) -> str:
    """``pr-str`` of one value. Raises :class:`Wrong` where the text gets longer than ``MAX_TEXT``."""
    parts: list[str] = []
    _print(value, parts, [0])
    return "".join(parts)


def _print(value: Any, out: list[str], size: list[int]) -> None:
    if isinstance(value, tuple):
        _print_all(value, "(" if isinstance(value, EdnList) else "[", ")" if isinstance(value, EdnList) else "]", out, size)
    elif is_set(value):
        _print_all(members(value), "#{", "}", out, size)
    elif is_map(value):
        _print_map(entries(value), out, size)
    else:
        out.append(_atom(value))
        size[0] += len(out[-1]) + 1
        if size[0] > MAX_TEXT:
            raise Wrong(f"the text has more than {MAX_TEXT} characters")


def _print_all(items: Any, start: str, end: str, out: list[str], size: list[int]) -> None:
    out.append(start)
    for at, item in enumerate(items):
        if at:
            out.append(" ")
        _print(item, out, size)
    out.append(end)


def _print_map(pairs: list[tuple[Any, Any]], out: list[str], size: list[int]) -> None:
    # Keys that share a namespace give it once, before the brace.
    spaces = {key.namespace if isinstance(key, (Keyword, Symbol)) else None for key, _ in pairs}
    shared = next(iter(spaces)) if len(spaces) == 1 else None
    out.append(f"#:{shared}{{" if shared else "{")
    for at, (key, value) in enumerate(pairs):
        if at:
            out.append(", ")
        if shared:
            out.append(f":{key.name}" if isinstance(key, Keyword) else key.name)
        else:
            _print(key, out, size)
        out.append(" ")
        _print(value, out, size)
    out.append("}")


def _atom(value: Any) -> str:
    if isinstance(value, Float32):
        return java_double(value)
    if isinstance(value, Function):
        return f"#function[{value.name}]"
    if isinstance(value, str) and not isinstance(value, Char):
        return _quoted(value)
    return edn.write(value)


def _quoted(text: str) -> str:
    for plain, escaped in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\t", "\\t"), ("\r", "\\r"), ("\f", "\\f"), ("\b", "\\b")):
        text = text.replace(plain, escaped)
    return f'"{text}"'


def print_text(value: Any) -> str:
    """``print-str`` of one value: a string or character as it is, else as :func:`printed`."""
    return str(value) if isinstance(value, str) else printed(value)


def _str(*values: Any) -> str:
    parts, size = [], 0
    for value in values:
        parts.append(to_text(value))
        size += len(parts[-1])
        if size > MAX_TEXT:
            raise Wrong(f"the text has more than {MAX_TEXT} characters")
    return "".join(parts)


define("str", _str, 0, None)
define("pr-str", lambda *values: " ".join(map(printed, values)), 0, None)
define("prn-str", lambda *values: " ".join(map(printed, values)) + "\n", 0, None)
define("print-str", lambda *values: " ".join(map(print_text, values)), 0, None)
define("println-str", lambda *values: " ".join(map(print_text, values)) + "\n", 0, None)
