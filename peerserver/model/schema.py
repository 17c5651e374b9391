"""Attributes and the schema of a database value: what every room asks before it touches a datom."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs

from .values import Keyword

__all__ = ("Attribute", "Schema", "ValueType", "VALUE_TYPES", "VALUE_TYPE_OF_ID")


@attrs.frozen(eq=False)
class ValueType:
    """One of Datomic's value types.

    ``coded`` is how a value becomes the 64-bit number in a datom's v column: ``"self"`` (the number
    itself: long, ref, instant's ms, boolean's 0 or 1), ``"float"`` (order-preserving bits of the
    double), or ``"dictionary"`` (a number that the database's dictionary gives).
    """

    id: int
    name: str
    coded: str

    @property
    def ident(self) -> Keyword:
        return Keyword("db.type/" + self.name)

    def __repr__(self) -> str:
        return f":db.type/{self.name}"


VALUE_TYPES: Final[Mapping[str, ValueType]] = {
    name: ValueType(id, name, coded)
    for id, name, coded in (
        (20, "ref", "self"),
        (21, "keyword", "dictionary"),
        (22, "long", "self"),
        (23, "string", "dictionary"),
        (24, "boolean", "self"),
        (25, "instant", "self"),
        (26, "fn", "dictionary"),
        (27, "bytes", "dictionary"),
        (56, "uuid", "dictionary"),
        (57, "double", "float"),
        (58, "float", "float"),
        (59, "uri", "dictionary"),
        (60, "bigint", "dictionary"),
        (61, "bigdec", "dictionary"),
        (63, "tuple", "dictionary"),
        (64, "symbol", "dictionary"),
    )
}
VALUE_TYPE_OF_ID: Final[Mapping[int, ValueType]] = {t.id: t for t in VALUE_TYPES.values()}


@attrs.frozen(eq=False)
class Attribute:
    """What the schema says of one attribute.

    ``unique`` is ``"identity"``, ``"value"`` or None. ``tuple_attrs`` are the member attributes' ids
    of a composite; ``tuple_types`` the element types of a heterogeneous tuple; ``tuple_type`` the one
    of a homogeneous tuple. ``preds`` are qualified symbols' texts.
    """

    id: int
    ident: Keyword
    type: ValueType
    many: bool = False
    unique: str | None = None
    index: bool = False
    component: bool = False
    no_history: bool = False
    fulltext: bool = False
    tuple_attrs: tuple[int, ...] = ()
    tuple_types: tuple[ValueType, ...] = ()
    tuple_type: ValueType | None = None
    preds: tuple[str, ...] = ()

    is_ref: bool = attrs.field(init=False)

    @is_ref.default
    def _is_ref(self) -> bool:
        return self.type.name == "ref"

    @property
    def has_avet(self) -> bool:
        """Whether the attribute can be read by value (``:db/index`` or ``:db/unique``)."""
        return self.index or self.unique is not None


@attrs.frozen(eq=False)
class Schema:
    """Attributes and idents of a database value.

    ``entids`` holds every ident that resolves, retired names included; ``idents`` the newest name of
    each entity. ``composites`` maps a member attribute's id to the composite attributes it feeds.
    """

    attributes: Mapping[int, Attribute]
    entids: Mapping[Keyword, int]
    idents: Mapping[int, Keyword]
    composites: Mapping[int, tuple[Attribute, ...]] = attrs.field(factory=dict)

    def attribute(self, ident: Keyword) -> Attribute | None:
        """The attribute that ``ident`` names, or None."""
        eid = self.entids.get(ident)
        return None if eid is None else self.attributes.get(eid)
