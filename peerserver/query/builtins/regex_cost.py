"""How badly a regular expression can backtrack, from its parsed form.

A text of n characters can be matched in at most about n^degree * 2^bits ways: each repeat without bound adds one to
the degree, each optional part or ambiguous choice adds bits. A repeat without bound of something that can itself be matched
in several ways is exponential in n, and refused, but for bodies such as ``(,\\w+)*`` that show where each round starts.
"""

from __future__ import annotations

import re
from math import log2
from re import _constants, _parser  # type: ignore[attr-defined]
from typing import Any, Final

from .function import Wrong

__all__ = ("cost_of",)

_FREE: Final = 64  # a repeat whose counts differ by more than this counts as one without bound
_REPEATS: Final = ("MAX_REPEAT", "MIN_REPEAT")


def cost_of(compiled: re.Pattern[str]) -> tuple[int, float]:
    """(degree, bits); one more degree than its repeats where searching starts at each character anew. Raises :class:`Wrong`
    for exponential time."""
    items = _parser.parse(compiled.pattern, 0)
    degree, bits = _cost(items)
    anchored = len(items) > 0 and str(items[0][0]) == "AT" and str(items[0][1]) in ("AT_BEGINNING", "AT_BEGINNING_STRING")
    return degree + (not (anchored and not compiled.flags & re.MULTILINE)), bits


def _cost(items: Any) -> tuple[int, float]:
    degree, bits = 0, 0.0
    for op, arg in items:
        more, further = _one(str(op), arg)
        degree, bits = degree + more, bits + further
    return degree, bits


def _one(name: str, arg: Any) -> tuple[int, float]:
    if name in _REPEATS:
        return _repeat(*arg)
    if name == "POSSESSIVE_REPEAT":
        _cost(arg[2])  # what is taken is never given back
        return 0, 0.0
    if name == "SUBPATTERN":
        return _cost(arg[3])
    if name == "ATOMIC_GROUP":
        _cost(arg)
        return 0, 0.0
    if name == "BRANCH":
        costs = [_cost(branch) for branch in arg[1]]
        choice = 0.0 if _are_apart(arg[1]) else log2(len(costs))
        return max(degree for degree, _ in costs), max(bits for _, bits in costs) + choice
    if name in ("ASSERT", "ASSERT_NOT"):
        return _cost(arg[1])[0], 0.0  # done once for all at a place
    if name == "GROUPREF_EXISTS":
        yes, no = _cost(arg[1]), _cost(arg[2] or ())
        return max(yes[0], no[0]), max(yes[1], no[1])
    return 0, 0.0


def _repeat(low: int, high: Any, body: Any) -> tuple[int, float]:
    free = high is _constants.MAXREPEAT or high - low > _FREE
    degree, bits = _cost(body)
    if free:
        if not (degree or bits) and body:
            return 1, 0.0
        if _is_delimited(body):
            return 1, 0.0
        raise Wrong("a repeat inside a repeat without bound could run for ever; write the inner one possessive (a++)")
    return degree * int(high), bits * int(high) + log2(high - low + 1)


def _is_delimited(items: Any) -> bool:
    """Whether a repeated body starts with a character that nothing else in it takes, and has one variable part at most:
    then there is one way to cut a text into rounds."""
    if len(items) == 1 and str(items[0][0]) == "SUBPATTERN":
        return _is_delimited(items[0][1][3])
    if len(items) < 2 or str(items[0][0]) != "LITERAL":
        return False
    variable = [(op, arg) for op, arg in items[1:] if _one(str(op), arg) != (0, 0.0)]
    if len(variable) > 1 or any(str(op) not in _REPEATS or _cost(arg[2]) != (0, 0.0) for op, arg in variable):
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
    if name in _REPEATS:
        return any(_takes(inner, value, code) for inner, value in arg[2])
    if name == "SUBPATTERN":
        return any(_takes(inner, value, code) for inner, value in arg[3])
    return True


def _are_apart(branches: Any) -> bool:
    """Whether the first character tells which branch it is."""
    firsts = [next(iter(branch), (None, None)) for branch in branches]
    literals = [arg for op, arg in firsts if str(op) == "LITERAL"]
    return len(literals) == len(branches) == len(set(literals))
