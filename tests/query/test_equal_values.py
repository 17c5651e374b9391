"""Values that are equal in several forms: groups and patterns take them for one (``values-equal/*``).

Which form stands for a group is not tested: in Datomic it is an accident."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from peerserver.database import Database
from peerserver.model.values import URI, BigInt, Keyword
from peerserver.query.engine import run_query
from peerserver.transact import transact

K = Keyword
NOW = 1_700_000_000_000


def _holding(kind: str, *values: Any) -> Database:
    attribute = {K("db/ident"): K("x/v"), K("db/valueType"): K(f"db.type/{kind}"),
                 K("db/cardinality"): K("db.cardinality/one")}
    db = transact(Database.new("equal"), [attribute], NOW).db_after
    return transact(db, [{K("db/id"): str(n), K("x/v"): value} for n, value in enumerate(values)], NOW).db_after


def test_groups_of_equal_values() -> None:
    """A group takes bigdecs of any scale, zeros of either sign and equal uris for one."""
    for kind, values in (("bigdec", (Decimal("1.5"), Decimal("1.50"))), ("double", (0.0, -0.0)),
                         ("uri", (URI("http://a/b"), URI("HTTP://A/b")))):
        rows = run_query("[:find ?v (count ?e) :where [?e :x/v ?v]]", [_holding(kind, *values)])
        assert [row[1] for row in rows] == [2]


def test_a_group_of_numbers_of_all_types() -> None:
    """A group takes numbers of one size for one, whatever their types; a set does not."""
    numbers = (1, BigInt(1), 1.0, Decimal("1.0"))
    db = Database.new("numbers")
    pairs = tuple((number, place) for place, number in enumerate(numbers))
    assert [row[1] for row in run_query("[:find ?x (count ?y) :in $ [[?x ?y]]]", [db, pairs])] == [4]
    assert run_query("[:find (count ?x) . :in $ [?x ...]]", [db, numbers]) == 4


def test_many_uris_join() -> None:
    """A join by uri finds every form of each, on columns too."""
    forms = [URI(f"{scheme}://a/{n}") for n in range(100) for scheme in ("http", "HTTP")]
    db = _holding("uri", *forms)
    assert run_query("[:find (count ?f) . :with ?e :where [?e :x/v ?v] [?f :x/v ?v]]", [db]) == 400
    assert len(run_query("[:find ?v :where [_ :x/v ?v]]", [db])) == 100
    assert len(run_query("[:find ?v ?e :where [?e :x/v ?v]]", [db])) == 200


def test_open_dictionaries_ask_the_index() -> None:
    """Where storage may hold values that were not read yet, other forms are found by the index."""
    attribute = {K("db/ident"): K("x/u"), K("db/valueType"): K("db.type/uri"),
                 K("db/cardinality"): K("db.cardinality/one"), K("db/unique"): K("db.unique/identity")}
    db = transact(Database.new("open"), [attribute], NOW).db_after
    db = transact(db, [{K("db/id"): "a", K("x/u"): URI("http://a/b")}], NOW).db_after
    db.dictionary.is_open = True
    found = transact(db, [{K("db/id"): "b", K("x/u"): URI("HTTP://A/b")}], NOW)
    (row,) = run_query("[:find ?e ?v :in $ ?v :where [?e :x/u ?v]]", [db, URI("HTTP://a/b")])
    assert found.tempids["b"] == row[0] == db.entid((K("x/u"), URI("Http://a/b")))
    assert row[1] == URI("HTTP://a/b")
