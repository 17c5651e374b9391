"""Order and equality of values: Datomic's order within a type, Clojure's ``=`` across types.

Recorded by the oracle (cases ``types/*``, ``tuples/*``): strings by UTF-16 code unit, uuids as two
signed longs, keywords and symbols without namespace first, nil first in tuples, numbers by value.
What is not decided here: how values become 64-bit codes (``index.codes``, ``index.dictionary``).
"""

from __future__ import annotations

import math
import uuid
from decimal import Decimal
from fractions import Fraction
from typing import Any

from .uris import uri_key
from .values import URI, Char, Instant, Keyword, Ratio, Symbol, Tagged

__all__ = ("clj_equal", "clj_key", "compare_key", "utf16_key")

_BIAS = 1 << 63
_LOW = (1 << 64) - 1

# Ranks of the families of values, in the order that Datomic compares them across families in predicates
# and in bounds of ranges (oracle: index-odd/families; numbers, vectors, then Java's class names).
_NIL, _NUMBER, _SEQ, _BYTES, _KEYWORD, _SYMBOL, _BOOL, _CHAR, _STRING, _URI, _INSTANT, _UUID, _OTHER = range(13)


def utf16_key(text: str) -> str:
    """A string whose order by code point is the order of ``text`` by UTF-16 code unit."""
    if text.isascii() or max(text) <= "\uffff":
        return text
    units = text.encode("utf-16-be", "surrogatepass")
    return "".join(chr(units[i] << 8 | units[i + 1]) for i in range(0, len(units), 2))


def _named_key(value: Keyword | Symbol) -> tuple[str, str]:
    # No namespace sorts before any namespace; a namespace is never the empty string.
    return utf16_key(value.namespace or ""), utf16_key(value.name)


def _uuid_key(value: uuid.UUID) -> int:
    number = value.int
    return (((number >> 64) ^ _BIAS) << 64) | ((number & _LOW) ^ _BIAS)


def _uri_key(text: str) -> tuple[Any, ...]:
    # As java.net.URI compares: by scheme and host regardless of case, then port, path and the rest;
    # without scheme first, hierarchical before opaque ones (oracle: index-points/equal-places).
    scheme, colon, rest = text.partition(":")
    if not colon or "/" in scheme:
        scheme, rest = "", text
    elif not rest.startswith("/"):
        return (scheme.lower(), 1, rest)
    authority = ""
    if rest.startswith("//"):
        authority, slash, rest = rest[2:].partition("/")
        rest = slash + rest
    user, at, host = authority.rpartition("@")
    host, _, port = host.partition(":")
    path, _, query = rest.partition("?")
    return (scheme.lower(), 0, host.lower(), user + at, int(port) if port.isdecimal() else -1, path, query)


def _number_key(value: Any) -> tuple[int, Any, int]:
    if isinstance(value, Ratio):
        value = Fraction(value.numerator, value.denominator) if value.denominator else math.nan
    if value != value:
        return (_NUMBER, math.inf, 1)  # the place of NaN is an accident there; here: last
    return (_NUMBER, value, 0)


def compare_key(value: Any) -> tuple[Any, ...]:
    """A sort key: Datomic's order within one type, and across the families of types."""
    kind = type(value)
    if kind is str:
        return (_STRING, utf16_key(value))
    if kind is bool:
        return (_BOOL, value)
    if isinstance(value, Keyword):
        return (_KEYWORD, *_named_key(value))
    if isinstance(value, (int, float, Decimal, Ratio)):
        return _number_key(value)
    if value is None:
        return (_NIL,)
    if isinstance(value, Instant):
        return (_INSTANT, value.ms)
    if isinstance(value, uuid.UUID):
        return (_UUID, _uuid_key(value))
    if isinstance(value, Char):
        return (_CHAR, utf16_key(str(value)))
    if isinstance(value, Symbol):
        return (_SYMBOL, *_named_key(value))
    if isinstance(value, URI):
        return (_URI, _uri_key(value.text))
    if isinstance(value, bytes):
        return (_BYTES, value)
    if isinstance(value, tuple):
        # Element by element, a shorter one before its longer continuations (oracle: index-points/tuple-lengths).
        return (_SEQ, tuple(compare_key(item) for item in value))
    return (_OTHER, repr(value))


def clj_key(value: Any) -> Any:
    """A hashable key: two values are ``=`` in Clojure exactly when their keys are equal.

    Integers of all sizes are one family, floating numbers another, bigdecs a third (their scale
    does not count); lists equal vectors. NaN equals nothing, itself included.
    """
    kind = type(value)
    if kind is str or kind is int or value is None or isinstance(value, (Keyword, Symbol)):
        return value
    if kind is bool:
        return ("b", value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return ("f", value if value == value else object())
    if isinstance(value, Decimal):
        return ("m", value)
    if isinstance(value, Ratio):
        fraction = Fraction(value.numerator, value.denominator) if value.denominator else None
        return fraction.numerator if fraction is not None and fraction.denominator == 1 else ("r", fraction)
    if isinstance(value, Char):
        return value
    if isinstance(value, tuple):
        return ("s", *(clj_key(item) for item in value))
    if isinstance(value, frozenset):
        return ("#", frozenset(clj_key(item) for item in value))
    if isinstance(value, dict):
        return ("{", frozenset((clj_key(k), clj_key(v)) for k, v in value.items()))
    if isinstance(value, Tagged):
        return ("t", value.tag, clj_key(value.value))
    if isinstance(value, URI):
        return ("u", uri_key(value.text))
    return value


def clj_equal(left: Any, right: Any) -> bool:
    """Clojure's ``=``: ``1`` equals ``1N``, not ``1.0``; a list equals a vector."""
    if left is right:
        return not (isinstance(left, float) and left != left)
    return bool(clj_key(left) == clj_key(right))
