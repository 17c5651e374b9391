"""What recorded cases ask that the client protocol has no operation for: calls of the peer library.

``entid``, ``ident``, ``attribute``, ``basis-t``, ``seek-datoms``, ``pull-many``, find specs other than a relation, and
queries without a database. They run on the database value; everything else goes through the protocol.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

from peerserver.database import Database
from peerserver.model.schema import Attribute
from peerserver.model.values import Keyword
from peerserver.pull import parse_pattern, pull

__all__ = ("attribute", "pull_many", "seek")

K = Keyword


def attribute(db: Database, name: Any) -> Mapping[Keyword, Any] | None:
    """The record of an attribute that the peer library gives."""
    found: Attribute | None = db.attribute(name)
    if found is None:
        return None
    return {
        K("ident"): found.ident,
        K("value-type"): found.type.ident,
        K("cardinality"): K("db.cardinality/many" if found.many else "db.cardinality/one"),
        K("indexed"): found.index,
        K("has-avet"): found.has_avet,
        K("unique"): None if found.unique is None else K(f"db.unique/{found.unique}"),
        K("is-component"): found.component,
        K("no-history"): found.no_history,
        K("fulltext"): found.fulltext,
    }


def pull_many(db: Database, selector: Any, eids: Sequence[Any]) -> tuple[Any, ...]:
    """Pulls of several entities, in order."""
    pattern = parse_pattern(selector)
    return tuple(pull(db, pattern, eid) for eid in eids)


def seek(db: Database, index: str, components: Sequence[Any], wanted: set[int] | None, limit: int) -> list[Any]:
    """Datoms from a place in an index on, of ``wanted`` attributes only where given."""
    found = (d for d in db.seek_datoms(index, components) if wanted is None or d.a in wanted)
    return list(islice(found, limit))
