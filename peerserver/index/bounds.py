"""Bounds of value ranges as codes, for the types whose codes are in the order of the values.

A bound may be a number of another type (oracle: ``indexes/range-double``), or of another family of values
altogether: then the families are compared (oracle: ``index-odd/range-families``).
"""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any, Final

from peerserver.model.order import compare_key
from peerserver.model.schema import ValueType
from peerserver.model.values import INT64_MAX, INT64_MIN, Instant, Ratio

from .codes import float_code

_SAMPLES: Final = {"long": 0, "ref": 0, "double": 0.0, "float": 0.0, "instant": Instant(0), "boolean": False}

__all__ = ("code_bound", "same_family")


def same_family(type: ValueType, value: Any) -> bool:
    """Whether ``value`` can be compared with values of ``type``."""
    name = type.name
    number = isinstance(value, (int, float, Decimal, Ratio)) and not isinstance(value, bool)
    if name in ("long", "ref", "double", "float", "bigint", "bigdec"):
        return number
    if name == "instant":
        return isinstance(value, Instant)
    if name == "boolean":
        return isinstance(value, bool)
    return True


def code_bound(type: ValueType, value: Any, after: bool) -> int:
    """The least code whose value is ``>= value`` (``after``: ``> value``), as a Python int that may lie
    just outside 64 bits."""
    name = type.name
    if not same_family(type, value):
        return INT64_MIN if compare_key(value)[0] < compare_key(_SAMPLES[name])[0] else INT64_MAX + 1
    if name == "instant":
        return int(value.ms) + after
    if name == "boolean":
        return int(value) + after
    if isinstance(value, Ratio):
        value = value.numerator / value.denominator if value.denominator else math.nan
    if value != value:
        return INT64_MAX + 1
    if name in ("long", "ref"):
        if value in (math.inf, -math.inf):
            return INT64_MAX + 1 if value > 0 else INT64_MIN
        bound: int = math.floor(value) + 1 if after else math.ceil(value)
        return bound
    return _float_bound(value, after)


def _float_bound(value: Any, after: bool) -> int:
    try:
        near = float(value)
    except OverflowError:
        near = math.inf if value > 0 else -math.inf
    if near == 0 and value == 0:
        # -0.0 and 0.0 are the same place in the order, and two codes.
        return float_code(0.0) + 1 if after else float_code(-0.0)
    code = float_code(near)
    if near < value or (after and near == value):
        return code + 1
    return code
