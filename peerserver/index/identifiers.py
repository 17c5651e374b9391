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
from peerserver.model.values import Instant, Keyword

from .rows import Ints

__all__ = ("attribute_of", "entid", "keyword_of", "t_of_point")


class _Db(Protocol):
    @property
    def schema(self) -> Schema: ...
    def encode(self, type: Any, value: Any) -> int | None: ...
    def holder(self, aid: int, code: int) -> int | None: ...


def keyword_of(text: str) -> Keyword:
    """The ident that a string such as ``":a/b"`` names; Anomaly without the colon."""
    if not text.startswith(":") or len(text) < 2:
        raise anomaly.incorrect(f"Cannot interpret as a keyword: {text}, no leading :", "not-a-keyword")
    return Keyword(text[1:])


def attribute_of(schema: Schema, x: Any) -> Attribute | None:
    """The attribute that an id, keyword or ``":a/b"`` names, or None."""
    if isinstance(x, Keyword):
        return schema.attribute(x)
    if isinstance(x, bool):
        return None
    if isinstance(x, int):
        return schema.attributes.get(x)
    if isinstance(x, str):
        return schema.attribute(keyword_of(x))
    return None


def entid(db: _Db, x: Any) -> int | None:
    """The entity id that ``x`` names, or None if it names none.

    ``x``: an int (passed through), a keyword, a string ``":a/b"``, or a lookup ref. Raises an
    Anomaly for anything else, and for a lookup ref whose attribute is unknown or not unique."""
    if isinstance(x, bool) or x is None:
        raise anomaly.incorrect(f"Unable to resolve entity: {_show(x)}", "not-an-entity")
    if isinstance(x, int):
        return int(x)
    if isinstance(x, Keyword):
        return db.schema.entids.get(x)
    if isinstance(x, tuple):
        return _lookup(db, x)
    if isinstance(x, str):
        return db.schema.entids.get(keyword_of(x))
    raise anomaly.incorrect(f"Unable to resolve entity: {_show(x)}", "not-an-entity")


def _show(x: Any) -> str:
    return {None: "nil", True: "true", False: "false"}.get(x, str(x)) if x is None or x is True or x is False else str(x)


def _lookup(db: _Db, ref: Sequence[Any]) -> int | None:
    if len(ref) != 2:
        raise anomaly.incorrect(
            f"Invalid list form: {_show(ref)}; a lookup ref is [unique-attribute value]", "invalid-lookup-ref")
    attribute = attribute_of(db.schema, ref[0])
    if attribute is None:
        raise anomaly.incorrect(f"Unable to resolve entity: {_show(ref[0])}", "not-an-entity")
    if attribute.unique is None:
        raise anomaly.incorrect(f"Attribute values not unique: {attribute.ident}", "lookup-ref-attr-not-unique")
    value = ref[1]
    if value is None:
        raise anomaly.incorrect(f"Nil is not a value to look up with: {_show(ref)}", "not-an-entity")
    code = unique_code(db, attribute, value)
    return None if code is None else db.holder(attribute.id, code)


def unique_code(db: _Db, attribute: Attribute, value: Any) -> int | None:
    """The code to look a value up with: refs may be given as idents or lookup refs, also inside tuples."""
    if attribute.is_ref and not isinstance(value, int):
        return entid(db, value)
    if attribute.type.name == "tuple" and isinstance(value, tuple):
        value = _resolved_tuple(db, attribute, value)
    return db.encode(attribute.type, value)


def _resolved_tuple(db: _Db, attribute: Attribute, value: tuple[Any, ...]) -> tuple[Any, ...]:
    attributes = db.schema.attributes
    kinds: tuple[Any, ...]
    if attribute.tuple_attrs:
        kinds = tuple(attributes[a].type if a in attributes else None for a in attribute.tuple_attrs)
    else:
        kinds = attribute.tuple_types or (attribute.tuple_type,) * len(value)
    return tuple(
        entid(db, item) if kind is not None and kind.name == "ref" and item is not None and not isinstance(item, int)
        else item
        for kind, item in zip(kinds, value)
    ) + value[len(kinds):]


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
        raise anomaly.incorrect(f"Not a point in time: {_show(point)}; give a t, a transaction id or an instant")
    return t_of(point) if point >> PART_SHIFT else int(point)


