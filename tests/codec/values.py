"""Generated values of every type, and an equality that sees types, scales and NaN."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from peerserver.codec.members import make_map, make_set
from peerserver.codec.numbers import make_ratio
from peerserver.model.anomaly import Anomaly
from peerserver.model.values import (
    URI,
    BigInt,
    Char,
    EdnList,
    Float32,
    Instant,
    Keyword,
    Ratio,
    Symbol,
    Tagged,
)  # fmt: skip

__all__ = ("alike", "same", "scalars", "values")

_names = st.from_regex(r"\A[a-z*!?][a-z0-9*?.-]{0,8}(/[a-z][a-z0-9]{0,5})?\Z")
_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_ratios = st.builds(make_ratio, st.integers(), st.integers(min_value=2))

scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.integers().map(BigInt), st.floats(),
    st.floats(width=32).map(Float32), st.decimals(allow_nan=False,
    allow_infinity=False).map(lambda d: d or d.copy_abs()),
    _ratios.filter(lambda ratio: isinstance(ratio, Ratio)), _text,
    st.characters(exclude_categories=["Cs"]).map(Char), _names.map(Keyword), _names.map(Symbol),
    st.integers(-(2**47), 2**47).map(Instant), st.uuids(), _text.map(URI), st.binary(max_size=8),
)  # fmt: skip


def _made(make: Any, *parts: Any) -> Any:
    try:
        return make(*parts)
    except Anomaly:  # duplicates
        return None


def _grow(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    lists = st.lists(inner, max_size=4)
    return st.one_of(
        lists.map(tuple), lists.map(EdnList), lists.map(lambda members: _made(make_set, members)),
        st.lists(st.tuples(inner, inner), max_size=4).map(
            lambda pairs: _made(make_map, [key for key, _ in pairs], [value for _, value in pairs])
        ),
        st.builds(Tagged, st.just("my/tag"), inner),
    )  # fmt: skip


values = st.recursive(scalars, _grow, max_leaves=20)


def same(value: Any) -> Any:
    """Equal for two values exactly when they are the same value of the same type (members of sets in any order)."""
    kind = type(value).__name__.replace("MapKey", "dict")
    if isinstance(value, (frozenset, dict)):
        members = value.items() if isinstance(value, dict) else value
        return (kind, sorted(repr(same(member)) for member in members))
    if isinstance(value, Tagged) and value.tag == "#{}":
        return (kind, sorted(repr(same(member)) for member in value.value))
    if isinstance(value, Tagged):
        return (kind, value.tag, same(value.value))
    if isinstance(value, tuple):
        return (kind, [same(member) for member in value])
    if isinstance(value, float):
        return (kind, float.__repr__(value))
    if isinstance(value, Decimal):
        return (kind, value.as_tuple())
    return (kind, value)


def alike(one: Any, other: Any) -> bool:
    """Whether two values are the same, types included."""
    return bool(same(one) == same(other))
