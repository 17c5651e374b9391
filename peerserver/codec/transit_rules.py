"""What transit's writer and reader share: escapes, the cache of repeated strings, and its codes.

The rules are those of the transit format 0.8 as com.cognitect/transit-java applies them.
"""

from __future__ import annotations

import re
from typing import Any, Final

__all__ = ("CACHE_SIZE", "CODES", "CODE_INDEX", "ESCAPED", "JSON_INT_MAX", "MAP_MARK", "WriteCache", "as_jackson",
           "long_enough")

CACHE_SIZE: Final = 44 * 44
_FIRST: Final = 48

CODES: Final[tuple[str, ...]] = tuple(
    "^" + (chr(n + _FIRST) if n < 44 else chr(n // 44 + _FIRST) + chr(n % 44 + _FIRST)) for n in range(CACHE_SIZE)
)
CODE_INDEX: Final[dict[str, int]] = {code: n for n, code in enumerate(CODES)}
MAP_MARK: Final = "^ "
ESCAPED: Final = frozenset("~^`")
JSON_INT_MAX: Final = 2**53 - 1  # beyond, a JavaScript number cannot tell neighbours apart


def long_enough(text: str) -> bool:
    """Whether a string may enter the cache: four UTF-16 units, which Java's length counts."""
    length = len(text)
    return length >= 4 or (length >= 2 and length + sum(char > "\uffff" for char in text) >= 4)


_DIFFERS: Final = re.compile(rb"\\(?:u00([0-9a-f]{2})|.)|([\xf0-\xf4][\x80-\xbf]{3})", re.DOTALL)


def as_jackson(body: bytes) -> bytes:
    """JSON of orjson as Jackson writes it: upper-case digits in escapes, letters beyond U+FFFF as two escapes."""
    return body if body.isascii() and b"\\u00" not in body else _DIFFERS.sub(_differently, body)


def _differently(found: re.Match[bytes]) -> bytes:
    if found[1]:
        return b"\\u00" + found[1].upper()
    if found[2]:
        rest = ord(found[2].decode()) - 0x10000
        return b"\\u%04X\\u%04X" % (0xD800 + (rest >> 10), 0xDC00 + (rest & 0x3FF))
    return found[0]


class WriteCache:
    """Codes of strings written before. Keys are wire strings, or the keywords and symbols they stand for.

    ``codes`` is emptied in place when full, so that callers may keep its ``get``.
    """

    __slots__ = ("codes",)

    def __init__(self) -> None:
        self.codes: dict[Any, str] = {}

    def add(self, key: Any) -> None:
        """Remember a key that was not found; the caller checked that it is long enough."""
        codes = self.codes
        if len(codes) == CACHE_SIZE:
            codes.clear()
        codes[key] = CODES[len(codes)]
