"""One token of EDN text to one value: strings, characters, numbers, names and the built-in tags."""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from collections.abc import Callable, Mapping
from typing import Any, Final
from uuid import UUID

from ..model.anomaly import incorrect
from ..model.values import URI, Char, Float32, Instant
from .instants import parse_instant
from .limits import Interner, Limits
from .numbers import parse_number

__all__ = ("BUILT_IN_TAGS", "CONSTANTS", "atom", "character", "string")

CONSTANTS: Final[Mapping[str, Any]] = {"nil": None, "true": True, "false": False}
_SPECIAL_FLOATS: Final = {"##NaN": "nan", "##Inf": "inf", "##-Inf": "-inf"}
# Clojure's symbolPat and its further conditions; no name starts with what its reader gives another meaning.
_NAME: Final = re.compile(r":?([^0-9/@~`'#][^@~`]*/)?(?:/|[^0-9/@~`'#:][^/@~`]*|:[^/@~`]+)")
_NUMERIC: Final = re.compile(r"[-+]?[0-9]")
_ESCAPE: Final = re.compile(r"\\(?:(u[0-9A-Fa-f]{4})(?:\\(u[dD][c-fC-F][0-9A-Fa-f]{2}))?|([0-7]{1,3})|(.))", re.DOTALL)
_ESCAPES: Final = {"t": "\t", "r": "\r", "n": "\n", "\\": "\\", '"': '"', "b": "\b", "f": "\f"}
_CHARACTERS: Final = {
    "newline": "\n", "space": " ", "tab": "\t", "backspace": "\b", "formfeed": "\f", "return": "\r"
}  # fmt: skip


def atom(token: str, limits: Limits, interner: Interner) -> Any:
    """A number, keyword or symbol (or ``##Inf``). Raises Anomaly incorrect for any other token."""
    if _NUMERIC.match(token):
        return parse_number(token, limits)
    if token in _SPECIAL_FLOATS:
        return float(_SPECIAL_FLOATS[token])
    found = _NAME.fullmatch(token)
    if found is None or "::" in token or token.endswith(":") or (found[1] or "").endswith(":/"):
        raise incorrect(f"Invalid token: {token[:60]}")
    if token[0] == ":":
        return interner.keyword(token[1:])
    return interner.symbol(token)


def string(token: str) -> str:
    """The text of a string token with its quotes. Raises Anomaly incorrect for a bad escape or a missing quote."""
    if len(token) < 2 or token[-1] != '"':
        raise incorrect("Unterminated string: a closing quote is missing")
    if "\\" not in token:
        return token[1:-1]
    body = token[1:-1]
    if (len(body) - len(body.rstrip("\\"))) % 2:
        raise incorrect("Unterminated string: a closing quote is missing")
    return _ESCAPE.sub(_unescape, body)


def character(token: str) -> Char:
    r"""The character of a token such as ``\a``, ``\newline``, ``\u03bb``. Raises Anomaly incorrect for others."""
    name = token[1:]
    if len(name) == 1:
        return Char(name)
    if name in _CHARACTERS:
        return Char(_CHARACTERS[name])
    if name[:1] == "u" and re.fullmatch("[0-9A-Fa-f]{4}", name[1:]):
        return Char(_scalar(int(name[1:], 16)))
    if name[:1] == "o" and re.fullmatch("[0-3]?[0-7]{1,2}", name[1:]):
        return Char(chr(int(name[1:], 8)))
    raise incorrect(f"Unsupported character: {token[:60]}" if name else "A backslash needs a character after it")


def _unescape(found: re.Match[str]) -> str:
    unit, low, octal, other = found.groups()
    if unit:
        code = int(unit[1:], 16)
        if not low:
            return _scalar(code)
        if 0xD800 <= code < 0xDC00:
            return chr(0x10000 + ((code - 0xD800) << 10) + (int(low[1:], 16) - 0xDC00))
        return _scalar(code) + _scalar(int(low[1:], 16))
    if octal:
        if int(octal, 8) > 0o377:
            raise incorrect(f"Octal escape \\{octal} in a string; at most \\377")
        return chr(int(octal, 8))
    if other in _ESCAPES:
        return _ESCAPES[other]
    raise incorrect(f"Unsupported escape in a string: \\{other}")


def _scalar(code: int) -> str:
    if 0xD800 <= code < 0xE000:
        raise incorrect(f"\\u{code:04x} is half of a character; give both halves")
    return chr(code)


def _inst(value: Any) -> Instant:
    return Instant(parse_instant(_text("inst", value)))


def _uuid(value: Any) -> UUID:
    text = _text("uuid", value)
    if not re.fullmatch("[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}", text):
        raise incorrect(f"Not a UUID: {text[:60]!r}; it has 8-4-4-4-12 hexadecimal digits")
    return UUID(text)


def _uri(value: Any) -> URI:
    return URI(_text("uri", value))


def _bytes(value: Any) -> bytes:
    try:
        return b64decode(_text("bytes", value), validate=True)
    except (binascii.Error, ValueError):
        raise incorrect("#bytes needs base64 text") from None


def _float(value: Any) -> Float32:
    try:
        return Float32(float(_text("float", value)))
    except ValueError:
        raise incorrect("#float needs the text of a number") from None


def _text(tag: str, value: Any) -> str:
    if type(value) is not str:
        raise incorrect(f"#{tag} needs a string after it")
    return value


BUILT_IN_TAGS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "inst": _inst, "uuid": _uuid, "uri": _uri, "bytes": _bytes, "float": _float,
}  # fmt: skip
