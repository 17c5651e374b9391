"""What transit's writer and reader share: escapes, the cache of repeated strings, and its codes.

The rules are those of the transit format 0.8 as com.cognitect/transit-java applies them.
"""

from __future__ import annotations

from typing import Any, Final

__all__ = ("CACHE_SIZE", "CODES", "CODE_INDEX", "ESCAPED", "JSON_INT_MAX", "MAP_MARK", "WriteCache", "long_enough")

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
