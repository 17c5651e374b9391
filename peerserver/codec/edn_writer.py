"""The EDN printer: text that reads back to the same value, laid out as Clojure's ``pr-str`` does.

Keywords and symbols are written as they are: one whose text is not EDN (transit allows any) does not read back.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from ..model.anomaly import incorrect
from ..model.values import (
    INT64_MAX,
    INT64_MIN,
    URI,
    BigInt,
    Char,
    EdnList,
    Float32,
    Instant,
    Keyword,
    Ratio,
    Symbol,
    Tagged,
)
from .instants import format_instant
from .members import MAP_TAG, SET_TAG
from .numbers import format_double, format_float32

__all__ = ("write",)

_ESCAPED: Final = re.compile(r'["\\\n\t\r\f\x08\ud800-\udfff]')
_ESCAPES: Final = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r", "\f": "\\f", "\b": "\\b"}
_CHARACTERS: Final = {
    "\n": "newline", " ": "space", "\t": "tab", "\b": "backspace", "\f": "formfeed", "\r": "return"
}  # fmt: skip


def write(value: Any) -> str:
    """EDN text of a value, of any depth. Raises Anomaly incorrect for an object of another kind."""
    parts: list[str] = []
    out = parts.append
    stack: list[Iterator[Any]] = [iter((value,))]
    ends: list[str] = [""]
    while stack:
        for item in stack[-1]:
            if type(item) is _Text:
                out(item)
                continue
            kind = type(item)
            plain = _PLAIN.get(kind)
            if plain is not None:
                out(plain(item))
                continue
            start, members, end = _collection(item)
            out(start)
            stack.append(members)
            ends.append(end)
            break
        else:
            stack.pop()
            out(ends.pop())
    return "".join(parts)


class _Text(str):
    """Punctuation between members, as opposed to a string that is a value."""

    __slots__ = ()


_GAP: Final = _Text(" ")
_COMMA: Final = _Text(", ")


def _collection(item: Any) -> tuple[str, Iterator[Any], str]:
    if isinstance(item, EdnList):
        return "(", _spaced(item), ")"
    if isinstance(item, (tuple, list)):
        return "[", _spaced(item), "]"
    if isinstance(item, (frozenset, set)):
        return "#{", _spaced(item), "}"
    if isinstance(item, dict):
        return "{", _entries(item.items()), "}"
    if isinstance(item, Tagged):
        return _tagged(item)
    for kind, plain in _PLAIN.items():  # subclasses of ours or another room's
        if kind is not type(None) and isinstance(item, kind):
            return "", iter((_Text(plain(item)),)), ""
    raise incorrect(f"A {type(item).__name__} has no EDN form")


def _tagged(item: Tagged) -> tuple[str, Iterator[Any], str]:
    if item.tag == SET_TAG:
        return "#{", _spaced(item.value), "}"
    if item.tag == MAP_TAG:
        return "{", _entries(zip(item.value[::2], item.value[1::2])), "}"
    if item.tag == "regex" and type(item.value) is str:
        return f'#"{item.value}"', iter(()), ""
    return f"#{item.tag} ", iter((item.value,)), ""


def _spaced(members: Any) -> Iterator[Any]:
    first = True
    for member in members:
        if not first:
            yield _GAP
        first = False
        yield member


def _entries(pairs: Any) -> Iterator[Any]:
    first = True
    for key, member in pairs:
        if not first:
            yield _COMMA
        first = False
        yield key
        yield _GAP
        yield member


def _string(text: str) -> str:
    if _ESCAPED.search(text):
        text = _ESCAPED.sub(lambda found: _ESCAPES.get(found[0]) or f"\\u{ord(found[0]):04x}", text)
    return f'"{text}"'


def _character(char: Char) -> str:
    text = str(char)
    if text in _CHARACTERS:
        return "\\" + _CHARACTERS[text]
    # A space that is not one of the named, or a control character, could not be told from what surrounds it.
    return "\\" + (text if text.isprintable() else f"u{ord(text):04x}" if ord(text) < 0x10000 else text)


def _integer(value: int) -> str:
    return int.__repr__(value) if INT64_MIN <= value <= INT64_MAX else f"{value}N"


_PLAIN: Final[dict[type, Callable[[Any], str]]] = {
    type(None): lambda value: "nil",
    bool: lambda value: "true" if value else "false",
    str: _string,
    int: _integer,
    Keyword: lambda value: ":" + value.text,
    Symbol: lambda value: value.text,
    float: format_double,
    BigInt: lambda value: f"{int(value)}N",
    Decimal: lambda value: f"{value}M",
    Float32: lambda value: f'#float "{format_float32(value).replace("##", "")}"',
    Ratio: lambda value: f"{value.numerator}/{value.denominator}",
    Char: _character,
    Instant: lambda value: f'#inst "{format_instant(value.ms)}"',
    UUID: lambda value: f'#uuid "{value}"',
    URI: lambda value: f"#uri {_string(value.text)}",
    bytes: lambda value: f'#bytes "{b64encode(value).decode("ascii")}"',
}
