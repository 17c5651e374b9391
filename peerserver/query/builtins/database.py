"""``fulltext`` and ``ground``: functions that Datomic adds to queries and that need no more than their arguments."""

from __future__ import annotations

from typing import Any

from ...database import Database
from ...index.fulltext_search import search
from .function import Wrong, define, defines

__all__ = ()


@defines("fulltext", 3, needs_db=True)
def _fulltext(db: Any, attribute: Any, text: Any) -> frozenset[tuple[int, str, int, float]]:
    """A set of (entity, string, t, score); empty for what is no attribute, or has no full text."""
    if not isinstance(db, Database):
        raise Wrong("the first argument is a database")
    known = db.attribute(attribute) if attribute is not None else None
    return frozenset(search(db, known, text))


define("ground", lambda value: value)
