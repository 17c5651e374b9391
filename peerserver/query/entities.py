"""Values in the place of an entity or an attribute: ids, idents, lookup refs.

What is not decided here: what an identifier names (``database``).
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain, repeat
from typing import Any

import numpy as np

from peerserver.database import Database
from peerserver.index.identifiers import keyword_of, long_of
from peerserver.index.rows import Bools, Ints
from peerserver.model.anomaly import incorrect
from peerserver.model.schema import Attribute
from peerserver.model.values import BigInt, Float32, Keyword, Symbol

from .kinds import INT, Kind
from .relation import Column, convert, distinct_codes
from .text import edn_text

__all__ = ("attribute_id", "constant_code", "entity_codes", "pattern_constant", "resolve_entity", "value_codes")


def cannot_resolve(value: Any, form: Any) -> Exception:
    """The anomaly for a name that names no entity (oracle: patterns/lookup-literal-v-missing)."""
    no_rule = "; there is no such rule among those given as %" if isinstance(value, Symbol) else ""
    return incorrect(f"processing clause: {edn_text(form)}, message: Cannot resolve key: {edn_text(value)}{no_rule}")


def pattern_constant(attribute: Attribute, value: Any) -> Any:
    """What a constant in the place of a value stands for; None where it can't be a value of the attribute.

    A string or symbol names a keyword; a double is no float, nor a float a double. Anomaly not-a-keyword for what
    can't name one (oracle: query-scalar-inputs/*)."""
    name = attribute.type.name
    if name == "keyword" and value.__class__ is not Keyword and value is not None:
        if value.__class__ is str:
            return keyword_of(value)
        if isinstance(value, Symbol):
            return Keyword(str(value))
        raise incorrect(f"Cannot interpret as a keyword: {edn_text(value)}; {attribute.ident} has keywords",
                        "not-a-keyword")
    if name in ("double", "float") and isinstance(value, float):
        return value if isinstance(value, Float32) == (name == "float") else None
    return value


def constant_code(db: Database, attribute: Attribute, kind: Kind, value: Any) -> int | None:
    """The code of a constant in the place of a value, or None. In the place of a tuple's long 1N stands for 1
    (oracle: query-mixed/tuples-14, query-end/tuples-*, values-equal/bigint-tuples)."""
    meant = pattern_constant(attribute, value)
    if isinstance(meant, tuple):
        meant = tuple(int(x) if isinstance(x, BigInt) and name in ("long", "ref") else x
                      for x, name in zip(meant, chain(_member_types(db, attribute), repeat(""))))
    return kind.encode(meant)


def _member_types(db: Database, attribute: Attribute) -> Iterable[str]:
    """The names of the types of a tuple's members, as far as they are known."""
    if attribute.tuple_type is not None:
        return repeat(attribute.tuple_type.name)
    return [db.schema.attributes[a].type.name for a in attribute.tuple_attrs] or [x.name for x in attribute.tuple_types]


def value_codes(db: Database, attribute: Attribute, column: Column, kind: Kind) -> tuple[Ints, Bools | None]:
    """A column's values as codes of an attribute's kind: each is taken as a constant in its place would be
    (:func:`constant_code`). The mask tells those that have a code (None: all)."""
    if column.kind is kind or column.kind.name == kind.name:
        return convert(column, kind)
    if attribute.type.name not in ("keyword", "double", "float", "tuple"):
        return convert(column, kind)
    codes = column.array()
    known = distinct_codes(codes)
    made = [constant_code(db, attribute, kind, value) for value in column.kind.decode(known)]
    place = np.searchsorted(known, codes)
    table = np.array([0 if code is None else code for code in made], np.int64)
    return table[place], np.array([code is not None for code in made], np.bool_)[place]


def resolve_entity(db: Database, value: Any, form: Any) -> int:
    """The entity id that a value names: a long is one; an ident or lookup ref must resolve. Anomaly for what names
    none, and for other values (oracle: query-patterns/double-e-input, string-e-input-bad)."""
    if value.__class__ is int:
        return long_of(value)
    if isinstance(value, (Keyword, Symbol, tuple, str)):
        found = db.entid(value)
        if found is not None:
            return found
    elif isinstance(value, int) and not isinstance(value, bool):
        return long_of(value)
    raise cannot_resolve(value, form)


def entity_codes(db: Database, column: Column, form: Any) -> tuple[Ints, Bools | None]:
    """A column's values as entity ids; the mask is None: all name one, or it is an Anomaly."""
    if column.kind is INT:
        return column.array(), None
    codes = column.array()
    known = distinct_codes(codes)
    ids = np.array([resolve_entity(db, value, form) for value in column.kind.decode(known)], np.int64)
    return ids[np.searchsorted(known, codes)], None


def attribute_id(db: Database, value: Any) -> int:
    """The entity id that stands in attribute position. Anomaly not-an-entity for what names none."""
    if value.__class__ is Keyword:
        found = db.schema.entids.get(value)
        if found is not None:
            return found
    return db.entid_or_raise(value)
