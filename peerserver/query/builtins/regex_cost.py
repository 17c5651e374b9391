"""How badly a regular expression can backtrack, from its parsed form.

The answer is the power of the text's length that matching can take. Refused: an unbounded repeat
that holds another repeat or a choice that could match the same text in two ways.
"""

from __future__ import annotations

import re
from re import _constants, _parser  # type: ignore[attr-defined]
from typing import Any, Final

from .function import Wrong

__all__ = ("cost_degree",)

_FREE: Final = 64  # a repeat whose counts differ by more than this counts as one without bound


def cost_degree(compiled: re.Pattern[str]) -> int:
    """0 for a fixed text, 1 for one free repeat at a place, and so on. Raises :class:`Wrong` for exponential time."""
    tree = _parser.parse(compiled.pattern, 0)
    # Searching starts at each character of the text anew.
    return _degree(tree) + 1


def _degree(items: Any) -> int:
    return sum(_one(op, arg) for op, arg in items)


def _one(op: Any, arg: Any) -> int:
    name = str(op)
    if name in ("MAX_REPEAT", "MIN_REPEAT"):
        low, high, body = arg
        free = high is _constants.MAXREPEAT or high - low > _FREE
        inner = _degree(body)
        if free and (inner or not _is_plain(body)) and not _is_delimited(body):
            raise Wrong("a repeat inside a repeat without bound could run for ever; write the inner one possessive (a++)")
        if not free and high > 1 and inner:
            inner *= int(high)
            if inner > 8:
                raise Wrong("repeats inside a repeat could run for ever")
        return inner + free
    if name == "POSSESSIVE_REPEAT":
        _degree(arg[2])
        return 0
    if name == "SUBPATTERN":
        return _degree(arg[3])
    if name == "ATOMIC_GROUP":
        _degree(arg)
        return 0
    if name == "BRANCH":
        return max(map(_degree, arg[1]))
    if name in ("ASSERT", "ASSERT_NOT"):
        return _degree(arg[1])
    if name == "GROUPREF_EXISTS":
        return max(_degree(arg[1]), _degree(arg[2] or ()))
    return 0


def _is_plain(items: Any) -> bool:
    """Whether a repeated body can be matched in one way only: no choices but of different first characters."""
    for op, arg in items:
        name = str(op)
        if name == "SUBPATTERN" and not _is_plain(arg[3]):
            return False
        if name == "BRANCH" and not _are_apart(arg[1]):
            return False
        if name in ("MAX_REPEAT", "MIN_REPEAT") and arg[0] != arg[1]:
            return False
    return len(items) > 0


def _is_delimited(items: Any) -> bool:
    """Whether a repeated body starts with a character that nothing else in it matches: then there is one way to cut a text."""
    if len(items) == 1 and str(items[0][0]) == "SUBPATTERN":
        return _is_delimited(items[0][1][3])
    if len(items) < 2 or str(items[0][0]) != "LITERAL":
        return False
    return not any(_takes(op, arg, items[0][1]) for op, arg in items[1:])


def _takes(op: Any, arg: Any, code: int) -> bool:
    """Whether a part of a pattern can match a character; True where that is not plain to see."""
    name = str(op)
    if name == "LITERAL":
        return bool(arg == code)
    if name == "NOT_LITERAL":
        return bool(arg != code)
    if name == "IN":
        negative = str(arg[0][0]) == "NEGATE"
        return any(_takes(inner, value, code) for inner, value in arg[negative:]) != negative
    if name == "RANGE":
        return bool(arg[0] <= code <= arg[1])
    if name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
        return any(_takes(inner, value, code) for inner, value in arg[2])
    if name == "SUBPATTERN":
        return any(_takes(inner, value, code) for inner, value in arg[3])
    if name == "BRANCH":
        return any(_takes(inner, value, code) for branch in arg[1] for inner, value in branch)
    return True


def _are_apart(branches: Any) -> bool:
    firsts = [next(iter(branch), None) for branch in branches]
    literals = [first[1] for first in firsts if first is not None and str(first[0]) == "LITERAL"]
    return len(literals) == len(branches) == len(set(literals)) and all(_is_plain(branch) for branch in branches)
