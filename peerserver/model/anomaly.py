"""The one error that may leave a room: an anomaly with a category, a message and data.

Messages say what to change. Categories are those of ``cognitect.anomalies``; ``web`` maps them to
HTTP statuses, and nothing else in the project invents error bodies.
"""

from __future__ import annotations

from typing import Any

from .values import Keyword

__all__ = ("Anomaly", "busy", "conflict", "fault", "forbidden", "incorrect", "interrupted", "not_found", "unavailable",
           "unsupported")

_CATEGORY = "cognitect.anomalies/"


class Anomaly(Exception):
    """A failure that has a place in the protocol.

    ``category``: name within ``cognitect.anomalies`` (``"incorrect"``, ``"conflict"`` …).
    ``error``: the ``:db/error`` code's name (``"not-an-entity"``), or None.
    ``data``: further qualified or bare keywords of the body; values that transit can carry.
    """

    def __init__(self, category: str, message: str, error: str | None = None,
                 data: dict[Keyword, Any] | None = None) -> None:
        super().__init__(message)
        self.category = category
        self.message = message
        self.error = error
        self.data: dict[Keyword, Any] = dict(data or {})

    def as_map(self) -> dict[Keyword, Any]:
        """The body's keys: category, message, :db/error and the data."""
        body: dict[Keyword, Any] = {
            Keyword(_CATEGORY + "category"): Keyword(_CATEGORY + self.category),
            Keyword(_CATEGORY + "message"): self.message,
        }
        if self.error is not None:
            body[Keyword("db/error")] = Keyword("db.error/" + self.error)
        return {**self.data, **body}

    def __repr__(self) -> str:
        return f"Anomaly({self.category!r}, {self.message!r}, {self.error!r})"


def incorrect(message: str, error: str | None = None, **data: Any) -> Anomaly:
    """The request is at fault, and will be at fault each time."""
    return Anomaly("incorrect", message, error, _keyed(data))


def conflict(message: str, error: str | None = None, **data: Any) -> Anomaly:
    """The request contradicts the database as it is: a lost race."""
    return Anomaly("conflict", message, error, _keyed(data))


def not_found(message: str, error: str | None = None, **data: Any) -> Anomaly:
    """What the request names does not exist."""
    return Anomaly("not-found", message, error, _keyed(data))


def forbidden(message: str, error: str | None = None, **data: Any) -> Anomaly:
    """Who asks may not."""
    return Anomaly("forbidden", message, error, _keyed(data))


def unsupported(message: str, error: str | None = None, **data: Any) -> Anomaly:
    """The server has no such operation."""
    return Anomaly("unsupported", message, error, _keyed(data))


def busy(message: str, error: str | None = None, **data: Any) -> Anomaly:
    """Not now; the same request may succeed in a moment. Nothing was done."""
    return Anomaly("busy", message, error, _keyed(data))


def unavailable(message: str, error: str | None = None, **data: Any) -> Anomaly:
    """A part that is needed is away. For a transaction: the outcome is unknown."""
    return Anomaly("unavailable", message, error, _keyed(data))


def interrupted(message: str, error: str | None = None, **data: Any) -> Anomaly:
    """Stopped midway. For a transaction: the outcome is unknown."""
    return Anomaly("interrupted", message, error, _keyed(data))


def fault(message: str, error: str | None = None, **data: Any) -> Anomaly:
    """A defect of ours."""
    return Anomaly("fault", message, error, _keyed(data))


def _keyed(data: dict[str, Any]) -> dict[Keyword, Any]:
    return {Keyword(name.replace("__", "/").replace("_", "-")): value for name, value in data.items()}
