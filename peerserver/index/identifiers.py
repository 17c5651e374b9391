"""Entity identifiers: from ids, idents and lookup refs to entity ids, and time points to t.

Rules recorded by the oracle (cases ``indexes/*``, ``schema/*``, ``tuples/composite-lookup-*``):
a string is read as an ident only when it begins with a colon; an ident that was renamed resolves.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from peerserver.model import anomaly
from peerserver.model.entity import PART_SHIFT, t_of
from peerserver.model.schema import Attribute, Schema
from peerserver.model.values import INT64_MAX, INT64_MIN, BigInt, Instant, Keyword, Symbol

from .alike import Source, holder_like
from .rows import Ints
from .schema_view import IDENT

__all__ = ("attribute_of", "entid", "keyword_of", "long_of", "not_an_entity", "resolve_attribute", "show", "t_of_point")


class _Db(Source, Protocol):
    def encode(self, type: Any, value: Any) -> int | None: ...


def keyword_of(text: str) -> Keyword:
    """The ident that a string such as ``":a/b"`` names; Anomaly without the colon."""
    if not text.startswith(":") or len(text) < 2:
        raise anomaly.incorrect(f"Cannot interpret as a keyword: {text}, no leading :", "not-a-keyword")
    return Keyword(text[1:])


def attribute_of(schema: Schema, x: Any) -> Attribute | None:
    """The attribute that an id, a keyword, a symbol or ``":a/b"`` names, or None."""
    if isinstance(x, Keyword):
        return schema.attribute(x)
    if isinstance(x, bool):
        return None
    if isinstance(x, int):
        return schema.attributes.get(x)
    if isinstance(x, Symbol):
        return schema.attribute(Keyword(x.text))
    if isinstance(x, str):
        return schema.attribute(keyword_of(x))
    return None


def resolve_attribute(db: _Db, x: Any) -> Attribute | None:
    """As :func:`attribute_of`; a lookup ref names an attribute too."""
    if isinstance(x, tuple):
        eid = entid(db, x)
        return None if eid is None else db.schema.attributes.get(eid)
    return attribute_of(db.schema, x)


def entid(db: _Db, x: Any) -> int | None:
    """The entity id that ``x`` names, or None if it names none.

    ``x``: an int (passed through), a keyword, a symbol or string ``":a/b"`` that names one, or a lookup ref; anything
    else names nothing. Raises an Anomaly for a string without colon, and for a lookup ref that has not two elements
    or whose attribute is unknown or not unique (oracle: index-points/lookup-forms, query-deep/symbols-*)."""
    if isinstance(x, Keyword):
        return db.schema.entids.get(x)
    if isinstance(x, int):
        return None if isinstance(x, bool) else long_of(x)
    if isinstance(x, tuple):
        return _lookup(db, x)
    if isinstance(x, Symbol):
        return db.schema.entids.get(Keyword(x.text))
    if isinstance(x, str):
        return db.schema.entids.get(keyword_of(x))
    return None


def long_of(x: int) -> int:
    """The long of any integer; Anomaly for one that is too large (oracle: sweep-schema/longs-*)."""
    if not INT64_MIN <= x <= INT64_MAX:
        raise anomaly.incorrect(f"Value out of range for long: {int(x)}")
    return int(x)


def show(x: Any) -> str:
    """How messages name an identifier."""
    if x is None:
        return ""
    if isinstance(x, bool):
        return str(x).lower()
    if isinstance(x, tuple):
        return "[" + " ".join(f'"{item}"' if isinstance(item, str) else show(item) for item in x) + "]"
    return repr(x) if isinstance(x, Keyword) else str(x)


def not_an_entity(x: Any) -> anomaly.Anomaly:
    """The error for an identifier that names nothing where something is needed."""
    return anomaly.incorrect(f"Unable to resolve entity: {show(x)}", "not-an-entity")


def _lookup(db: _Db, ref: Sequence[Any]) -> int | None:
    if len(ref) != 2:
        raise anomaly.incorrect(f"Invalid list form: {show(ref)}", "invalid-lookup-ref")
    attribute = resolve_attribute(db, ref[0])
    if attribute is None:
        raise not_an_entity(ref[0])
    if attribute.unique is None:
        raise anomaly.incorrect(f"Attribute values not unique: {attribute.ident}", "lookup-ref-attr-not-unique")
    value = ref[1]
    if attribute.id == IDENT and isinstance(value, (str, Keyword)):
        # Idents name the same whatever the time (oracle: reads-hunt/index-since3).
        return db.schema.entids.get(keyword_of(value) if isinstance(value, str) else value)
    if value is None or (attribute.is_ref and not isinstance(value, int)):
        return None  # no idents and lookup refs inside lookup refs (oracle: index-points/composite-lookup-idents)
    code = db.encode(attribute.type, value)
    if code is None and isinstance(value, tuple):
        # 1N finds the long 1.
        code = db.encode(attribute.type, tuple(int(v) if isinstance(v, BigInt) else v for v in value))
    found = None if code is None else db.holder(attribute.id, code)
    if found is None:
        like = holder_like(db, attribute, value)
        found = None if like is None else like[0]
    return found


def t_of_point(point: Any, instants: tuple[Ints, Ints] | None = None) -> int:
    """The t of a time point: a t, a transaction's id, or an Instant.

    ``instants``: ids of the transactions and their instants, both ascending. An instant means the last
    transaction not after it; where several share exactly that instant, the first of them (oracle)."""
    if isinstance(point, Instant):
        assert instants is not None
        txs, times = instants
        index = int(times.searchsorted(point.ms, "left"))
        if index == len(times) or int(times[index]) != point.ms:
            index -= 1
        return t_of(int(txs[index])) if index >= 0 else -1
    if isinstance(point, bool) or not isinstance(point, int):
        raise anomaly.incorrect(f"Not a point in time: {show(point)}; give a t, a transaction id or an instant")
    return t_of(point) if point >> PART_SHIFT > 0 else int(point)


