"""Pulls: one entity, or many at once over columns.

What is not decided here: what a pattern means under a schema (``plan``), how values are read (``specs``), recursion
(``expand``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from peerserver.database import Database
from peerserver.model.anomaly import incorrect

from .pattern import Pattern
from .plan import NO_XFORMS, compiled
from .specs import Out, resolve
from .xforms import Xform

__all__ = ("pull", "pull_many")


def pull(db: Database, pattern: Pattern, eid: Any, xforms: Mapping[str, Xform] = NO_XFORMS) -> Out | None:
    """What the pattern asks of one entity (id, ident or lookup ref), or None where there is nothing.

    Anomaly incorrect for a history database and for what can't be a lookup ref.
    """
    if db.is_history:
        raise _from_history()
    plan = compiled(pattern, db.schema, xforms)
    if type(eid) is int:
        return plan.one(db, eid)
    e = resolve(db, eid)
    return plan.missing() if e is None else plan.named(db, e)


def pull_many(db: Database, pattern: Pattern, eids: Iterable[Any],
              xforms: Mapping[str, Xform] = NO_XFORMS) -> list[Out | None]:
    """Pulls of several entities (as for :func:`pull`, or an int64 array), in order, attribute by attribute over
    columns. Equal parts of the results may be one object: they are to be read only."""
    if db.is_history:
        raise _from_history()
    plan = compiled(pattern, db.schema, xforms)
    if isinstance(eids, np.ndarray):
        return plan.many(db, eids.tolist())
    wanted = list(eids)
    found = iter(plan.many(db, [e for e in wanted if type(e) is int]))
    return [next(found) if type(e) is int else pull(db, pattern, e, xforms) for e in wanted]


def _from_history() -> Exception:
    return incorrect("Can't pull from history; pull from the database itself, or as of a time")
