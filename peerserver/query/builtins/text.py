"""Strings, names, keywords and symbols: the functions of ``clojure.core``, and reading text as data."""

from __future__ import annotations

import re
import uuid
from typing import Any

from ...codec import edn
from ...model.anomaly import Anomaly
from ...model.values import INT64_MAX, INT64_MIN, Char, Keyword, Symbol
from .function import Wrong, define, defines
from .hashing import clj_hash
from .numbers import long_of
from .seqs import joined, text_of, units

__all__ = ("parse_double", "substring")

_DOUBLE = re.compile(r"\s*[+-]?(?:NaN|Infinity|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[fFdD]?)\s*", re.ASCII)


def substring(text: Any, start: Any, end: Any = None) -> str:
    """``subs``: from a code unit up to another. Raises :class:`Wrong` where they are not within the string."""
    inside = units(text_of(text))
    begin, stop = long_of(start), len(inside) if end is None else long_of(end)
    if not 0 <= begin <= stop <= len(inside):
        raise Wrong(f"begin {begin}, end {stop}, length {len(inside)}")
    return joined(inside[begin:stop])


@defines("name")
def _name(value: Any) -> str:
    if isinstance(value, (Keyword, Symbol)):
        return value.name
    return text_of(value)


@defines("namespace")
def _namespace(value: Any) -> str | None:
    if isinstance(value, (Keyword, Symbol)):
        return value.namespace
    raise Wrong(f"neither keyword nor symbol: {type(value).__name__}")


@defines("keyword", 1, 2)
def _keyword(first: Any, second: Any = None) -> Keyword | None:
    if second is not None:
        return Keyword(text_of(second) if first is None else f"{text_of(first)}/{text_of(second)}")
    if isinstance(first, (Keyword, Symbol)):
        return Keyword(first.text)
    return Keyword(first) if isinstance(first, str) and not isinstance(first, Char) else None


@defines("symbol", 1, 2)
def _symbol(first: Any, second: Any = None) -> Symbol:
    if second is not None:
        return Symbol(text_of(second) if first is None else f"{text_of(first)}/{text_of(second)}")
    return Symbol(first.text) if isinstance(first, (Keyword, Symbol)) else Symbol(text_of(first))


@defines("find-keyword", 1, 2)
def _find_keyword(first: Any, second: Any = None) -> Keyword | None:
    made = text_of(first) if second is None else f"{text_of(first)}/{text_of(second)}"
    return Keyword._interned.get(made)


@defines("char")
def _char(value: Any) -> Char:
    if isinstance(value, Char):
        return value
    code = long_of(value)
    if not 0 <= code <= 0xFFFF:
        raise Wrong(f"Value out of range for char: {code}")
    return Char(chr(code))


def parse_double(text: str) -> float | None:
    """The double of Java's syntax, or None for other text."""
    if _DOUBLE.fullmatch(text) is None:
        return None
    return float(text.strip().rstrip("fFdD")) if "I" not in text and "N" not in text else float(text.strip()[:4].replace("Infi", "Inf"))


@defines("parse-double")
def _parse_double(text: Any) -> float | None:
    return parse_double(_string(text))


def _string(value: Any) -> str:
    if isinstance(value, str) and not isinstance(value, Char):
        return value
    raise Wrong(f"Expected string, got {'nil' if value is None else type(value).__name__}")


@defines("parse-long")
def _parse_long(text: Any) -> int | None:
    if re.fullmatch(r"[+-]?[0-9]{1,40}", _string(text)) is None:
        return None
    made = int(text)
    return made if INT64_MIN <= made <= INT64_MAX else None


@defines("parse-boolean")
def _parse_boolean(text: Any) -> bool | None:
    return {"true": True, "false": False}.get(_string(text))


@defines("parse-uuid")
def _parse_uuid(text: Any) -> uuid.UUID | None:
    return java_uuid(_string(text))


def java_uuid(text: str) -> uuid.UUID | None:
    """A uuid of five hexadecimal groups, as Java reads them (short groups too), or None."""
    if re.fullmatch(r"[0-9a-fA-F]{1,8}(-[0-9a-fA-F]{1,4}){3}-[0-9a-fA-F]{1,12}", text) is None:
        return None
    parts = [int(part, 16) for part in text.split("-")]
    return uuid.UUID(int=parts[0] << 96 | parts[1] << 80 | parts[2] << 64 | parts[3] << 48 | parts[4])


@defines("read-string")
def _read_some(text: Any) -> Any:
    if not text_of(text).strip(" \t\r\n,"):
        raise Wrong("EOF while reading")
    return _read(text)


@defines("clojure.edn/read-string")
def _read(text: Any) -> Any:
    try:
        forms = edn.read_all(text_of(text))
    except Anomaly as anomaly:
        raise Wrong(anomaly.message) from None
    return forms[0] if forms else None


_ESCAPES = {"\n": "\\n", "\t": "\\t", "\r": "\\r", '"': '\\"', "\\": "\\\\", "\f": "\\f", "\b": "\\b"}
_NAMES = {"\n": "newline", "\t": "tab", " ": "space", "\b": "backspace", "\f": "formfeed", "\r": "return"}

define("subs", substring, 2, 3)
define("hash", clj_hash)
define("char-escape-string", lambda x: _ESCAPES.get(str(x)) if isinstance(x, Char) else None)
define("char-name-string", lambda x: _NAMES.get(str(x)) if isinstance(x, Char) else None)
