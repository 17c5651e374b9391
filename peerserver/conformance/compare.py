"""Whether an answer is the recorded one: exact, but for bags' order and the last digits of means and deviations."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from peerserver.codec import edn
from peerserver.model.anomaly import Anomaly
from peerserver.model.values import BigInt, Char, Float32, Keyword, Tagged

__all__ = ("error_matches", "matches", "shown")

_CATEGORY, _ERROR = Keyword("category"), Keyword("db/error")


def _family(value: Any) -> str:
    """Values of different families are never the same, whatever Python's == says."""
    if isinstance(value, Tagged):
        return "set" if value.tag in ("set", "#{}") else "tagged"
    for kind, name in ((bool, "boolean"), (BigInt, "bigint"), (Float32, "float"), (int, "long"), (float, "double"),
                       (Decimal, "bigdec"), (Char, "char"), (str, "string"), (tuple, "vector"), (dict, "map")):
        if isinstance(value, kind):
            return name
    return "set" if hasattr(value, "__and__") and hasattr(value, "__iter__") else type(value).__name__


def matches(expected: Any, actual: Any) -> bool:
    """Whether ``actual`` (in the recorder's terms) is ``expected`` (as read from the file)."""
    if isinstance(expected, Tagged) and _family(expected) == "tagged":
        return _tagged(expected, actual)
    if _family(expected) != _family(actual):
        return False
    if isinstance(expected, float):
        return (expected != expected and actual != actual) or expected == actual or math.isclose(
            expected, actual, rel_tol=1e-9, abs_tol=1e-12)
    if isinstance(expected, Decimal):
        return bool(expected == actual and expected.as_tuple().exponent == actual.as_tuple().exponent)
    if isinstance(expected, tuple):
        return len(expected) == len(actual) and all(map(matches, expected, actual))
    if isinstance(expected, dict):
        return len(expected) == len(actual) and same_members(list(expected.items()), list(actual.items()))
    if _family(expected) == "set":
        return same_members(_members(expected), _members(actual))
    return bool(expected == actual)


def _members(value: Any) -> list[Any]:
    return list(value.value if isinstance(value, Tagged) else value)


def _tagged(expected: Tagged, actual: Any) -> bool:
    if expected.tag == "case/bag":
        rows = actual.value if isinstance(actual, Tagged) and actual.tag == "rows" else actual
        return isinstance(rows, (tuple, list)) and same_members(list(expected.value), list(rows))
    if expected.tag == "case/double":
        return isinstance(actual, float) and matches(float(expected.value.replace("Infinity", "inf")), actual)
    if expected.tag == "case/object":
        return True
    if expected.tag == "case/float" and isinstance(actual, float) and not math.isfinite(actual):
        # Transit has one form for what is not finite, of either size.
        return matches(float(str(expected.value).replace("Infinity", "inf")), float(actual))
    if not isinstance(actual, Tagged) or actual.tag != expected.tag:
        return False
    if expected.tag == "case/float":
        return matches(Float32(float(str(expected.value).replace("Infinity", "inf"))), actual.value)
    return matches(expected.value, actual.value)


def same_members(expected: list[Any], actual: list[Any]) -> bool:
    """Equality as multisets. Members that print alike pair off first; the rest are searched."""
    if len(expected) != len(actual):
        return False
    rest: dict[str, list[Any]] = {}
    for item in actual:
        rest.setdefault(shown(item), []).append(item)
    unmatched = []
    for item in expected:
        bucket = rest.get(shown(item))
        found = next((x for x in bucket if matches(item, x)), None) if bucket else None
        if bucket and any(x is found for x in bucket):
            bucket.remove(found)
        else:
            unmatched.append(item)
    left = [x for bucket in rest.values() for x in bucket]
    for item in unmatched:
        at = next((i for i, x in enumerate(left) if matches(item, x)), None)
        if at is None:
            return False
        del left[at]
    return True


def error_matches(expected: Mapping[Keyword, Any], actual: Anomaly) -> bool:
    """By ``:db/error`` and category where recorded; a plain exception there is matched by any clear refusal."""
    error, category = expected.get(_ERROR), expected.get(_CATEGORY)
    if error is not None and actual.error != error.name:
        return False
    if category is not None:
        return bool(actual.category == category.name)
    return actual.category in ("incorrect", "conflict", "not-found", "unsupported")


def shown(value: Any) -> str:
    """A value as text, for reports."""
    try:
        return edn.write(value) if not isinstance(value, Anomaly) else repr(value)
    except Exception:
        return repr(value)
