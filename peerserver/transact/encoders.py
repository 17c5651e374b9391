"""From a value in transaction data to its 64-bit code, checked against the attribute's type.

Nothing is coerced, but a double to a float attribute is rounded, and a symbol or a string with a colon
serves as a keyword (oracle: ``types/wrong-*``, ``values-types/*``). Refs and tuples with refs are not
encoded here, for they need the database: see ``transact.naming`` and ``transact.tuples``.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any, NoReturn

from peerserver.index.codes import float_code
from peerserver.model.schema import Attribute
from peerserver.model.values import (
    INT64_MAX,
    INT64_MIN,
    URI,
    BigInt,
    Float32,
    Instant,
    Keyword,
    Symbol,
)

from . import errors
from .words import Words

__all__ = ("Encoder", "encoder", "is_scalar_of", "keyword_of")

Encoder = Callable[[Any], int]


def keyword_of(value: Any) -> Keyword:
    """The keyword that a keyword, a symbol or a string such as ``":a/b"`` names."""
    if isinstance(value, Keyword):
        return value
    if isinstance(value, Symbol):
        return Keyword(value.text)
    if value[:1] == ":":
        return Keyword(value[1:])
    raise errors.not_a_keyword(value)


def encoder(attribute: Attribute, words: Words | None) -> Encoder:
    """The encoder of an attribute's values. ``words`` holds the codes of its type, unless it needs none.
    It raises an Anomaly ``wrong-type-for-attribute`` or ``nil-value``."""
    name = attribute.type.name

    def bad(value: Any) -> NoReturn:
        if value is None:
            raise errors.nil_value(attribute.ident)
        raise errors.wrong_type(attribute, value)

    if words is None:
        return _NUMBERS[name](bad)
    if name == "string":
        return _string(words, bad)
    if name == "keyword":
        return _keyword(words, bad)
    return _word(words, _KEYS[name], bad)


_Bad = Callable[[Any], NoReturn]


def _long(bad: _Bad) -> Encoder:
    def encode(value: Any) -> int:
        if type(value) is int and INT64_MIN <= value <= INT64_MAX:
            return value
        bad(value)
    return encode


def _boolean(bad: _Bad) -> Encoder:
    def encode(value: Any) -> int:
        if value is True:
            return 1
        if value is False:
            return 0
        bad(value)
    return encode


def _instant(bad: _Bad) -> Encoder:
    def encode(value: Any) -> int:
        if type(value) is Instant:
            return value.ms
        bad(value)
    return encode


def _double(bad: _Bad) -> Encoder:
    def encode(value: Any) -> int:
        if type(value) is float:
            return float_code(value)
        bad(value)
    return encode


def _float(bad: _Bad) -> Encoder:
    def encode(value: Any) -> int:
        if isinstance(value, float):
            return float_code(value if type(value) is Float32 else Float32(value))
        bad(value)
    return encode


_NUMBERS: dict[str, Callable[[_Bad], Encoder]] = {
    "long": _long, "boolean": _boolean, "instant": _instant, "double": _double, "float": _float,
}


def _string(words: Words, bad: _Bad) -> Encoder:
    find, new = words.find, words.new

    def encode(value: Any) -> int:
        if type(value) is not str:
            bad(value)
        code = find(value)
        return new(value, value) if code is None else code
    return encode


def _keyword(words: Words, bad: _Bad) -> Encoder:
    find, new = words.find, words.new

    def encode(value: Any) -> int:
        if type(value) is not Keyword:
            if type(value) is not str and type(value) is not Symbol:
                bad(value)
            value = keyword_of(value)
        code = find(value)
        return new(value, value) if code is None else code
    return encode


def _word(words: Words, key_of: Callable[[Any], Any], bad: _Bad) -> Encoder:
    find, new = words.find, words.new

    def encode(value: Any) -> int:
        key = key_of(value)
        if key is None:
            bad(value)
        code = find(key)
        return new(key, value) if code is None else code
    return encode


# From a value to the dictionary's key, or None when it is of another type.
_KEYS: dict[str, Callable[[Any], Any]] = {
    "symbol": lambda value: value if type(value) is Symbol else None,
    "uuid": lambda value: value.int if type(value) is uuid.UUID else None,
    "uri": lambda value: value.text if type(value) is URI else None,
    "bytes": lambda value: value if type(value) is bytes else None,
    "bigint": lambda value: int(value) if type(value) is BigInt else None,
    "bigdec": lambda value: value.as_tuple() if isinstance(value, Decimal) else None,
}

_CLASSES: dict[str, type] = {
    "string": str, "keyword": Keyword, "symbol": Symbol, "uuid": uuid.UUID, "uri": URI, "bigint": BigInt,
    "bigdec": Decimal, "instant": Instant, "boolean": bool, "double": float,
}


def is_scalar_of(name: str, value: Any) -> bool:
    """Whether a value is exactly of a type that tuples may hold (refs aside)."""
    if name == "long":
        return type(value) is int and INT64_MIN <= value <= INT64_MAX
    return type(value) is _CLASSES.get(name)
