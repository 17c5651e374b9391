"""A request map with its arguments checked as they are read.

Shapes: ``docs/protocol.md``. What is not decided here: what an operation does with them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from peerserver.codec import edn
from peerserver.model.anomaly import incorrect
from peerserver.model.values import INT64_MAX, BigInt, Instant, Keyword
from peerserver.peer.interfaces import IConnection

from .words import K

__all__ = ("DEFAULT_CHUNK", "DEFAULT_LIMIT", "Request")

DEFAULT_CHUNK = 1_000
DEFAULT_LIMIT = 1_000


class Request:
    """One request. ``touched``: the connections that it concerned, by database id; their state goes into ``:dbs``."""

    def __init__(self, form: Mapping[Any, Any]) -> None:
        self.form = form
        self.touched: dict[str, IConnection] = {}

    def get(self, name: Keyword) -> Any:
        """The argument, or None."""
        return self.form.get(name)

    def integer(self, name: Keyword, default: int, least: int) -> int:
        """A long from ``least`` up; ``default`` where it is missing or nil."""
        value = self.form.get(name)
        if value is None:
            return default
        if isinstance(value, (bool, BigInt)) or not isinstance(value, int) or not least <= value <= INT64_MAX:
            raise incorrect(f":{name.text} must be an integer from {least} up, not {_show(value)}")
        return value

    def text(self, name: Keyword) -> str:
        """A string that must be there."""
        value = self.form.get(name)
        if type(value) is not str:
            raise incorrect(f":{name.text} must be a string, not {_show(value)}")
        return value

    def keyword(self, name: Keyword) -> Keyword:
        """A keyword that must be there."""
        value = self.form.get(name)
        if not isinstance(value, Keyword):
            raise incorrect(f":{name.text} must be a keyword, not {_show(value)}")
        return value

    def vector(self, name: Keyword) -> tuple[Any, ...]:
        """A vector or list; empty where it is missing or nil."""
        value = self.form.get(name)
        if value is None:
            return ()
        if not isinstance(value, tuple):
            raise incorrect(f":{name.text} must be a vector or list, not {_show(value)}")
        return value

    def time_point(self, name: Keyword) -> int | Instant | None:
        """A t, a transaction id or an instant; None where it is missing."""
        return time_point(self.form, name)

    def paging(self) -> tuple[int, int, int]:
        """(offset, limit, chunk); a limit of -1 is none."""
        limit = self.integer(K.limit, DEFAULT_LIMIT, -1)
        return self.integer(K.offset, 0, 0), limit, self.integer(K.chunk, DEFAULT_CHUNK, 1)

    def timeout(self, default: int, most: int) -> float:
        """The request's ``:timeout`` in seconds, within bounds given in milliseconds."""
        return min(self.integer(K.timeout, default, 0) or default, most) / 1000


def time_point(form: Mapping[Any, Any], name: Keyword) -> int | Instant | None:
    """As :meth:`Request.time_point`, of any map."""
    value = form.get(name)
    if value is None or isinstance(value, Instant):
        return value
    if isinstance(value, (bool, BigInt)) or not isinstance(value, int):
        raise incorrect(f":{name.text} must be a t, a transaction id or an instant, not {_show(value)}")
    return value


def _show(value: Any) -> str:
    try:
        text = edn.write(value)
    except Exception:
        text = f"a {type(value).__name__}"
    return text if len(text) <= 100 else text[:100] + "…"
