"""Values that are not numbers, and their codes."""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from peerserver.index.dictionary import Dictionary
from peerserver.model.schema import VALUE_TYPES
from peerserver.model.values import URI, BigInt, Char, Float32, Keyword, Symbol


@pytest.mark.parametrize("kind, values", [
    ("string", ["", "a", "é", "\U0001f600"]),
    ("keyword", [Keyword("a"), Keyword("a/b")]),
    ("symbol", [Symbol("a"), Symbol("a/b")]),
    ("uuid", [uuid.UUID(int=0), uuid.UUID(int=5)]),
    ("uri", [URI("http://a"), URI("http://A")]),
    ("bytes", [b"", b"\0"]),
    ("bigint", [BigInt(1), BigInt(10**40)]),
    ("bigdec", [Decimal("1.5"), Decimal("1.50"), Decimal("-0"), Decimal(0), Decimal("1E+3"), Decimal(1000)]),
    ("tuple", [(1, 2), (1, 2.0), (1, BigInt(2)), (1, True), (1, None), (1, "2"), (0.0,), (-0.0,), (1.0,), (Float32(1),),
               (Decimal("1.5"),), (Decimal("1.50"),), ("a",), (Char("a"),)]),
])
def test_each_value_has_its_own_code(kind: str, values: list[Any]) -> None:
    """Values that differ in type, scale or sign of zero have different codes; equal ones have one."""
    dictionary, type_ = Dictionary(), VALUE_TYPES[kind]
    codes = [dictionary.intern(type_, value) for value in values]
    assert codes == list(range(len(values)))
    assert [dictionary.intern(type_, value) for value in values] == codes
    assert [dictionary.code_of(type_, value) for value in values] == codes
    decoded = dictionary.values_of(type_, np.array(codes, np.int64))
    assert [(type(value), repr(value)) for value in decoded] == [(type(value), repr(value)) for value in values]


@pytest.mark.parametrize("kind, value", [
    ("string", Char("a")), ("string", 1), ("keyword", ":a"), ("uuid", "x"), ("bigint", True), ("bigint", 1.0),
    ("bigdec", 1), ("tuple", [1]), ("bytes", "a"),
])
def test_a_value_of_another_type_has_no_code(kind: str, value: Any) -> None:
    """Looking up a value of another type finds nothing; storing it is an error."""
    dictionary = Dictionary()
    assert dictionary.code_of(VALUE_TYPES[kind], value) is None
    with pytest.raises(ValueError, match="is not a"):
        dictionary.intern(VALUE_TYPES[kind], value)


def test_a_fork_reads_through_and_keeps_to_itself() -> None:
    """A fork knows its parent's values, also later ones; the parent never learns the fork's."""
    string = VALUE_TYPES["string"]
    parent = Dictionary()
    a = parent.intern(string, "a")
    fork = parent.fork()
    assert fork.intern(string, "a") == a
    b = fork.intern(string, "b")
    assert parent.code_of(string, "b") is None
    c = parent.intern(string, "c")
    assert fork.code_of(string, "c") == c
    assert parent.intern(string, "b") != b
    assert fork.code_of(string, "b") == b
    deeper = fork.fork()
    d = deeper.intern(string, "d")
    codes = np.array([d, a, b, c, d], np.int64)
    assert deeper.values_of(string, codes) == ["d", "a", "b", "c", "d"]
    assert [deeper.value_of(string, code) for code in codes.tolist()] == ["d", "a", "b", "c", "d"]
    assert fork.code_of(string, "d") is None
    assert deeper.count(string) == 1


def test_many_values_keep_their_codes() -> None:
    """Growing does not move values."""
    dictionary, string = Dictionary(), VALUE_TYPES["string"]
    codes = np.array([dictionary.intern(string, str(n)) for n in range(5000)], np.int64)
    assert dictionary.values_of(string, codes[::-1]) == [str(n) for n in range(4999, -1, -1)]
