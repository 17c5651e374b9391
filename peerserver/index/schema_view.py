"""The schema that a set of datoms says: attributes, idents, composites.

Pure derivation: whether a change of schema is allowed is for ``transact`` to say. Rules (oracle,
cases ``schema/*``, ``index-points/ident-*``): an ident that was renamed or retracted still resolves to its
entity until another entity takes it; an entity whose ident was retracted keeps it as its name, and an
attribute stays one; an attribute's properties are those in force now.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import numpy as np

from peerserver.model.bootstrap import BOOTSTRAP_DATOMS
from peerserver.model.schema import VALUE_TYPE_OF_ID, VALUE_TYPES, Attribute, Schema
from peerserver.model.values import Keyword

__all__ = ("EMPTY_SCHEMA", "IDENT", "SCHEMA_ATTRIBUTES", "TX_INSTANT", "boot_schema", "changes_schema", "derive")

IDENT: Final = 10
TX_INSTANT: Final = 50
_VALUE_TYPE, _CARDINALITY, _UNIQUE, _COMPONENT, _INDEX, _NO_HISTORY = 40, 41, 42, 43, 44, 45
_FULLTEXT, _TUPLE_TYPE, _TUPLE_TYPES, _TUPLE_ATTRS, _PREDS = 51, 65, 66, 67, 71
_CARDINALITY_MANY: Final = 36
_UNIQUE_NAMES: Final = {37: "value", 38: "identity"}

#: Attributes whose datoms change the schema; a transaction without them leaves the schema as it is.
SCHEMA_ATTRIBUTES: Final = frozenset(
    {IDENT, _VALUE_TYPE, _CARDINALITY, _UNIQUE, _COMPONENT, _INDEX, _NO_HISTORY, _FULLTEXT, _TUPLE_TYPE, _TUPLE_TYPES,
     _TUPLE_ATTRS, _PREDS})

_HIGHEST: Final = max(SCHEMA_ATTRIBUTES)

EMPTY_SCHEMA: Final = Schema({}, {}, {}, {})


def changes_schema(attrs: Iterable[int]) -> bool:
    """Whether datoms of these attributes change the schema."""
    if isinstance(attrs, np.ndarray):
        attrs = set(attrs[attrs <= _HIGHEST].tolist())
    return not SCHEMA_ATTRIBUTES.isdisjoint(attrs)


def derive(schema: Schema, changes: Iterable[tuple[int, int, Any, bool]],
           current: Mapping[int, Mapping[int, list[Any]]]) -> Schema:
    """The schema after ``changes``.

    ``changes``: the ``(e, a, value, added)`` of SCHEMA_ATTRIBUTES in the order of the log.
    ``current``: for each entity among them, its values in force by attribute id, with Python values.
    """
    entids = dict(schema.entids)
    idents = dict(schema.idents)
    touched: dict[int, None] = {}
    for e, a, value, added in changes:
        touched[e] = None
        if a == IDENT and added:
            entids[value] = e
            # A second name beside one that still holds does not replace it (only built-in entities have two).
            if idents.get(e) not in current.get(e, {}).get(IDENT, ()):
                idents[e] = value
    attributes = dict(schema.attributes)
    for e in touched:
        attribute = _attribute(e, current.get(e, {}), idents, entids)
        if attribute is not None:
            attributes[e] = attribute
        else:
            attributes.pop(e, None)
    return Schema(attributes, entids, idents, _composites(attributes))


def _attribute(e: int, values: Mapping[int, list[Any]], idents: Mapping[int, Keyword],
               entids: Mapping[Keyword, int]) -> Attribute | None:
    if _VALUE_TYPE not in values:
        return None
    kind = VALUE_TYPE_OF_ID.get(values[_VALUE_TYPE][0])
    ident = idents.get(e)
    if kind is None or ident is None:
        return None

    def one(a: int) -> Any:
        found = values.get(a)
        return found[0] if found else None

    tuple_type = one(_TUPLE_TYPE)
    return Attribute(
        id=e, ident=ident, type=kind, many=one(_CARDINALITY) == _CARDINALITY_MANY,
        unique=_UNIQUE_NAMES.get(one(_UNIQUE)), index=bool(one(_INDEX)), component=bool(one(_COMPONENT)),
        no_history=bool(one(_NO_HISTORY)), fulltext=bool(one(_FULLTEXT)),
        tuple_attrs=tuple(entids[name] for name in one(_TUPLE_ATTRS) or () if name in entids),
        tuple_types=tuple(VALUE_TYPES[name.name] for name in one(_TUPLE_TYPES) or () if name.name in VALUE_TYPES),
        tuple_type=None if tuple_type is None else VALUE_TYPES.get(tuple_type.name),
        preds=tuple(symbol.text for symbol in values.get(_PREDS, ())),
    )


def _composites(attributes: Mapping[int, Attribute]) -> dict[int, tuple[Attribute, ...]]:
    found: dict[int, list[Attribute]] = {}
    for attribute in attributes.values():
        for member in dict.fromkeys(attribute.tuple_attrs):
            found.setdefault(member, []).append(attribute)
    return {member: tuple(composites) for member, composites in found.items()}


def boot_schema() -> Schema:
    """Enough of a schema to read the bootstrap datoms with: the types of Datomic's own attributes."""
    types = {e: v for e, a, v, _, _ in BOOTSTRAP_DATOMS if a == 40}
    many = {e for e, a, v, _, _ in BOOTSTRAP_DATOMS if a == 41 and v == 36}
    kinds = {kind.id: kind for kind in VALUE_TYPES.values()}
    attributes = {
        e: Attribute(e, Keyword(f"boot/{e}"), kinds[kind], many=e in many, unique="identity" if e == 10 else None,
                     index=e in (39, 50))
        for e, kind in types.items()
    }
    return Schema(attributes, {}, {})
