"""Comparison as Datomic's query functions do it: across all kinds of values, exactly two at a time.

nil comes first, then numbers, then the other kinds by the name of their Java class (oracle:
``functions-own/compare-lt``, ``functions-own/inputs``); vectors element by element, then by length.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from ...model.order import clj_equal, clj_key, compare_key, utf16_key
from ...model.values import URI, Char, Instant, Keyword, Symbol
from . import columns
from .function import Wrong, define
from .hashing import clj_hash, java_hash
from .numbers import equivalent, is_number, less

__all__ = ("datomic_compare", "natural_compare")

_CLASSES: tuple[tuple[type, str], ...] = (
    (bool, "java.lang.Boolean"),
    (Char, "java.lang.Character"),
    (str, "java.lang.String"),
    (Keyword, "clojure.lang.Keyword"),
    (Symbol, "clojure.lang.Symbol"),
    (Instant, "java.util.Date"),
    (uuid.UUID, "java.util.UUID"),
    (URI, "java.net.URI"),
    (bytes, "[B"),
    (tuple, ""),  # before every class (oracle: index-odd/families)
    (dict, "clojure.lang.PersistentArrayMap"),
    (frozenset, "clojure.lang.PersistentHashSet"),
)


def _class_name(value: Any) -> str:
    for kind, name in _CLASSES:
        if isinstance(value, kind):
            return name
    return type(value).__name__


def _text_difference(left: str, right: str) -> int:
    """Java's ``compareTo``: the difference of the first unequal code units, else of the lengths."""
    left, right = utf16_key(left), utf16_key(right)
    for one, other in zip(left, right):
        if one != other:
            return ord(one) - ord(other)
    return len(left) - len(right)


def _named_difference(left: Keyword | Symbol, right: Keyword | Symbol) -> int:
    if left is right:
        return 0
    if left.namespace is None or right.namespace is None:
        if left.namespace != right.namespace:
            return -1 if left.namespace is None else 1
        return _text_difference(left.name, right.name)
    return _text_difference(left.namespace, right.namespace) or _text_difference(left.name, right.name)


def _by_key(left: Any, right: Any) -> int:
    one, other = compare_key(left), compare_key(right)
    return -1 if one < other else 1 if other < one else 0


def _same_class(left: Any, right: Any, across: Callable[[Any, Any], int]) -> int:
    if isinstance(left, str):
        return _text_difference(str(left), str(right))
    if isinstance(left, (Keyword, Symbol)):
        return _named_difference(left, right)
    if isinstance(left, tuple):
        for one, other in zip(left, right):
            found = across(one, other)
            if found:
                return -1 if found < 0 else 1
        return (len(left) > len(right)) - (len(left) < len(right))
    if isinstance(left, (bool, Instant, uuid.UUID, URI, bytes)):
        return _by_key(left, right)
    if clj_equal(left, right):
        return 0
    # Sets and maps have no order but that of their hashes (oracle: functions-core/compare-lt, functions-more/inputs).
    return -1 if (java_hash(left), clj_hash(left)) < (java_hash(right), clj_hash(right)) else 1


def datomic_compare(left: Any, right: Any) -> int:
    """Negative, 0 or positive; every two values compare. NaN is neither below nor above any number."""
    if is_number(left) and is_number(right):
        return -1 if less(left, right) else 1 if less(right, left) else 0
    if left is None or right is None:
        return (left is not None) - (right is not None)
    if is_number(left) or is_number(right):
        return -1 if is_number(left) else 1
    one, other = _class_name(left), _class_name(right)
    if one != other:
        return -1 if one < other else 1
    return _same_class(left, right, datomic_compare)


def natural_compare(left: Any, right: Any) -> int:
    """Clojure's own ``compare``, as ``sort`` uses it: different kinds don't compare, vectors by length first."""
    if left is None or right is None or (is_number(left) and is_number(right)):
        return datomic_compare(left, right)
    one, other = _class_name(left), _class_name(right)
    if one != other or isinstance(left, (dict, frozenset)):
        raise Wrong(f"can't compare {one} with {other}")
    if isinstance(left, tuple) and len(left) != len(right):
        return -1 if len(left) < len(right) else 1
    return _same_class(left, right, natural_compare)


def _all_equal(first: Any, *others: Any) -> bool:
    if not others:
        return True
    key = clj_key(first)
    # Two byte arrays are never equal, nor is a NaN to itself.
    return not isinstance(first, bytes) and all(key == clj_key(other) for other in others)


def _same_number(first: Any, *others: Any) -> bool:
    return all(equivalent(first, other) for other in others)


def _same_object(left: Any, right: Any) -> bool:
    return left is right or (type(left) is type(right) and isinstance(left, (int, str)) and bool(left == right))


define("<", lambda x, y: datomic_compare(x, y) < 0, 2, vector=columns.COMPARISONS["<"])
define("<=", lambda x, y: datomic_compare(x, y) <= 0, 2, vector=columns.COMPARISONS["<="])
define(">", lambda x, y: datomic_compare(x, y) > 0, 2, vector=columns.COMPARISONS[">"])
define(">=", lambda x, y: datomic_compare(x, y) >= 0, 2, vector=columns.COMPARISONS[">="])
define("compare", datomic_compare, 2)
define("=", _all_equal, 1, None, vector=columns.equal)
define("not= !=", lambda *args: not _all_equal(*args), 1, None, vector=columns.unequal)
define("==", _same_number, 1, None, vector=columns.equal_numbers)
define("identical?", _same_object, 2)
define("not", lambda x: x is None or x is False)
