"""Range predicates on a pattern's value, read off the index instead of being tested row by row.

The predicates stay in the plan only where their bound turns out to be of another type than the attribute's values:
:func:`bounds` then says None, and the executor tests them. What is not decided here: comparison across types.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import attrs

from peerserver.model.order import compare_key
from peerserver.model.schema import Attribute
from peerserver.model.values import Char, Instant, Symbol

from .ast import Call, Const, Term, is_variable
from .context import Context
from .relation import Relation

__all__ = ("Limits", "Range", "bounds", "range_of")

#: lo, hi, lo_open, hi_open: the arguments of ``Database.rows_in_range``.
Limits: TypeAlias = "tuple[Any, Any, bool, bool]"
_FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
_TYPES = {"long": int, "double": float, "string": str, "instant": Instant}


@attrs.frozen(eq=False)
class Range:
    """``variable op bound``, as the clause ``call`` says it."""

    variable: Symbol
    op: str
    bound: Term
    call: Call


def range_of(call: Call) -> tuple[Range, ...]:
    """The ways to read a predicate as a range: none, one, or two where both sides are variables."""
    if call.binding is not None or len(call.args) != 2 or call.name.text not in _FLIPPED:
        return ()
    left, right = call.args
    found = []
    if is_variable(left) and (right.__class__ is Const or is_variable(right)):
        found.append(Range(left, call.name.text, right, call))
    if is_variable(right) and (left.__class__ is Const or is_variable(left)):
        found.append(Range(right, _FLIPPED[call.name.text], left, call))
    return tuple(found)


def bounds(ctx: Context, rel: Relation, ranges: tuple[Range, ...], attribute: Attribute) -> Limits | None:
    """The narrowest limits that the ranges set, or None where one can't be told: several rows, another type."""
    kind = _TYPES.get(attribute.type.name)
    if kind is None or rel.n != 1:
        return None
    lo = hi = None
    lo_open = hi_open = False
    for item in ranges:
        bound = item.bound
        value = bound.value if isinstance(bound, Const) else rel.cols[bound].values()[0]
        if value.__class__ is not kind or value.__class__ is Char or value != value:
            return None
        if value == 0 and kind is float:
            return None  # -0.0 is not less than 0.0, yet comes before it in the index
        place = compare_key(value)
        if item.op[0] == ">":
            if lo is None or place > compare_key(lo) or (value == lo and item.op == ">"):
                lo, lo_open = value, item.op == ">"
        elif hi is None or place < compare_key(hi) or (value == hi and item.op == "<"):
            hi, hi_open = value, item.op == "<"
    return lo, hi, lo_open, hi_open
