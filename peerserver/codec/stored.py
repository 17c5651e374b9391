"""Values of one type as texts or bytes, exactly, for column files: what the dictionary of a segment holds.

What is not decided here: numbers, which are columns of their own codes.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Final

from peerserver.model.values import URI, BigInt, Keyword, Symbol

from . import edn

__all__ = ("BINARY", "from_stored", "to_stored")

#: the types that are stored as bytes; the others are texts.
BINARY: Final = frozenset({"uuid", "bytes"})


def to_stored(type_name: str, values: Sequence[Any]) -> list[Any]:
    """The texts (or bytes, for :data:`BINARY`) of values of one value type."""
    return list(map(_TO[type_name], values))


def from_stored(type_name: str, stored: Sequence[Any]) -> list[Any]:
    """The values again; ValueError for what cannot have been stored."""
    if type_name == "string":
        return list(stored)
    return list(map(_FROM[type_name], stored))


_TO: Final[dict[str, Callable[[Any], Any]]] = {
    "string": str, "keyword": lambda v: v.text, "symbol": lambda v: v.text, "uri": lambda v: v.text,
    "uuid": lambda v: v.bytes, "bytes": bytes, "bigint": int.__repr__, "bigdec": str, "tuple": edn.write, "fn": edn.write,
}
_FROM: Final[dict[str, Callable[[Any], Any]]] = {
    "keyword": Keyword, "symbol": Symbol, "uri": URI, "uuid": lambda v: uuid.UUID(bytes=v), "bytes": bytes,
    "bigint": lambda v: BigInt(int(v)), "bigdec": Decimal, "tuple": edn.read, "fn": edn.read,
}
