"""Values that differ and yet are one to a unique attribute: bigdecs of another scale, equal uris, zeros, tuples of such.

What is not decided here: what is equal (``index.dictionary``), and what a transaction makes of it (``transact``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Protocol

from peerserver.model.schema import Attribute, Schema, ValueType

from .dictionary import Dictionary, like_key
from .rows import Rows

__all__ = ("Source", "codes_like", "holder_like", "varies")

_TYPES: Final = frozenset(("bigdec", "uri", "double", "float"))
# 0.0 and -0.0.
_ZEROS: Final = (0, -1)


class Source(Protocol):
    """What is asked of a database."""

    @property
    def schema(self) -> Schema: ...
    @property
    def dictionary(self) -> Dictionary: ...
    def holder(self, aid: int, code: int) -> int | None: ...
    def rows_in_range(self, aid: int, lo: Any = None, hi: Any = None) -> Rows: ...
    def decode_one(self, type: ValueType, code: int) -> Any: ...


def varies(schema: Schema, attribute: Attribute) -> bool:
    """Whether values of the attribute with different codes may be one."""
    if attribute.type.name != "tuple":
        return attribute.type.name in _TYPES
    kinds = list(attribute.tuple_types) if attribute.tuple_type is None else [attribute.tuple_type]
    for aid in attribute.tuple_attrs:
        member = schema.attributes.get(aid)
        kinds += [] if member is None else [member.type]
    return any(kind.name in _TYPES for kind in kinds)


def codes_like(db: Source, attribute: Attribute, value: Any) -> Sequence[int]:
    """The codes of values that are one with ``value``, its own among them if it has one."""
    if attribute.type.coded == "float":
        return _ZEROS if value == 0 else ()
    dictionary = db.dictionary
    if not dictionary.is_open:
        return dictionary.like(attribute.type, value)
    # Storage may hold values that were not read yet.
    codes = dict.fromkeys(db.rows_in_range(attribute.id, value, value).v.tolist())
    wanted = like_key(value)
    return [code for code in codes if like_key(db.decode_one(attribute.type, code)) == wanted]


def holder_like(db: Source, attribute: Attribute, value: Any) -> tuple[int, int] | None:
    """An entity that holds a value that is one with ``value``, and its code; or None."""
    if varies(db.schema, attribute):
        for code in codes_like(db, attribute, value):
            found = db.holder(attribute.id, code)
            if found is not None:
                return found, code
    return None
