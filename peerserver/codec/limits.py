"""What one piece of untrusted text or bytes may cost: nesting, size, digits, and new interned names.

What is not decided here: how large a request body may be (``web`` refuses it before it is read into memory).
"""

from __future__ import annotations

from typing import Final

import attrs

from ..model.anomaly import incorrect
from ..model.values import Keyword, Symbol

__all__ = ("DEFAULT_LIMITS", "Interner", "Limits")


@attrs.frozen
class Limits:
    """Bounds of one reading; going over one is an anomaly ``incorrect`` that names it.

    ``depth``: collections and tags inside one another. ``size``: characters of text or bytes of a body.
    ``new_names``: keywords and symbols that the process has not seen before.
    ``digits``: of one number (conversion from decimal is quadratic).
    """

    depth: int = 128
    size: int = 256 * 1024 * 1024
    new_names: int = 100_000
    digits: int = 4_000


DEFAULT_LIMITS: Final = Limits()


class Interner:
    """Makes keywords and symbols out of untrusted text, counting those that are new to the process."""

    __slots__ = ("_left", "_limit")

    def __init__(self, limits: Limits) -> None:
        self._limit = limits.new_names
        self._left = limits.new_names

    def keyword(self, text: str) -> Keyword:
        """The keyword with this text (no colon). Raises Anomaly incorrect for "" or too many new names."""
        found = Keyword._interned.get(text) if text else None
        if found is None:
            self._count(text, "keyword")
            found = Keyword(text)
        return found

    def symbol(self, text: str) -> Symbol:
        """The symbol with this text. Raises Anomaly incorrect for "" or too many new names."""
        found = Symbol._interned.get(text) if text else None
        if found is None:
            self._count(text, "symbol")
            found = Symbol(text)
        return found

    def _count(self, text: str, what: str) -> None:
        if not text:
            raise incorrect(f"A {what} needs a name")
        self._left -= 1
        if self._left < 0:
            raise incorrect(
                f"More than {self._limit} keywords and symbols that this server has not seen before in one request; "
                "send names that are data as strings"
            )
