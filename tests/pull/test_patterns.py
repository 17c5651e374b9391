"""Patterns: what is cached, what is refused, and with which words."""

from __future__ import annotations

from typing import Any

import pytest

from peerserver.database import Database
from peerserver.model.anomaly import Anomaly
from peerserver.model.values import Keyword, Symbol
from peerserver.pull import parse_pattern, pull

K = Keyword


def test_equal_forms_are_parsed_once() -> None:
    """The same form, as data or as text, gives the parsed pattern that is there."""
    assert parse_pattern((K("a/b"),)) is parse_pattern((K("a/b"),))
    assert parse_pattern("[:a/b {:c/d [:e]}]") is parse_pattern("[:a/b {:c/d [:e]}]")


def test_forms_that_only_python_confuses_are_kept_apart() -> None:
    """A default of false is not a default of 0, though Python calls them equal."""
    db = Database.new("p")
    found = [pull(db, parse_pattern(((K("no/such"), K("default"), v),)), 10) for v in (False, 0, 0.0)]
    assert [repr(f) for f in found] == [repr({K("no/such"): v}) for v in (False, 0, 0.0)]


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ((5,), "invalid-attr-spec"),
        ((Symbol("a/b"),), "invalid-attr-spec"),
        (("a/b",), "invalid-attr-spec"),
        (((K("a/b"), K("as")),), "invalid-attr-spec"),
        (({K("a/b"): 0},), "invalid-recur-limit"),
        (({K("a/b"): K("c")},), "invalid-recur-limit"),
        (5, None),
        (None, None),
        ("[:a", None),
    ],
)
def test_what_is_no_pattern_is_refused(form: Any, error: str | None) -> None:
    """A bad pattern is incorrect, with Datomic's code where it has one."""
    with pytest.raises(Anomaly) as raised:
        parse_pattern(form)
    assert (raised.value.category, raised.value.error) == ("incorrect", error)


def test_an_attribute_twice() -> None:
    """Two specs for one attribute are refused with pull's own code."""
    with pytest.raises(Anomaly) as raised:
        parse_pattern((K("a/b"), {K("a/b"): (K("c"),)}))
    assert raised.value.as_map()[K("db/error")] is K("pull/duplicate-attribute")


def test_nesting_is_bounded() -> None:
    """A pattern that is nested without end is refused, not a crash."""
    form: Any = (K("a/b"),)
    for _ in range(5000):
        form = ({K("a/b"): form},)
    with pytest.raises(Anomaly, match="nested deeper"):
        parse_pattern(form)


def test_recursion_deeper_than_the_stack_is_refused() -> None:
    """A chain longer than the levels that a result may have is an anomaly that says what to do."""
    from peerserver.transact import transact

    db = transact(Database.new("deep"), [{K("db/ident"): K("x/next"), K("db/valueType"): K("db.type/ref"),
                                          K("db/cardinality"): K("db.cardinality/one")}], 1_700_000_000_000).db_after
    chain = [{K("db/id"): str(n), K("x/next"): str(n + 1)} for n in range(2000)]
    made = transact(db, [*chain, {K("db/id"): "2000", K("db/doc"): "end"}], 1_700_000_000_000)
    with pytest.raises(Anomaly, match="levels"):
        pull(made.db_after, parse_pattern("[:db/id {:x/next ...}]"), made.tempids["0"])
