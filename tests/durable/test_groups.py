"""Groups of transactions as bytes."""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import Any

import pytest

from peerserver.codec.edn import read
from peerserver.database import Database
from peerserver.durable.groups import CorruptValue, Group, Logged, decode_group, encode_group, group_range
from peerserver.model.values import URI, BigInt, Float32, Instant, Keyword, Symbol
from peerserver.transact import TxResult, transact

VALUES: dict[str, Any] = {
    "string": "naïve 😀 \ud800", "keyword": Keyword("a/b"), "symbol": Symbol("c/d"), "long": -(2**63), "boolean": False,
    "instant": Instant(-1), "uuid": uuid.UUID(int=7), "double": -0.0, "float": Float32(0.1), "bigint": BigInt(2**80),
    "bigdec": Decimal("1.50"), "uri": URI("http://x/%41"), "bytes": b"\0\xff",
}


def _schema() -> list[Any]:
    return [{Keyword("db/ident"): Keyword("x/" + name), Keyword("db/valueType"): Keyword("db.type/" + name),
             Keyword("db/cardinality"): Keyword("db.cardinality/one")} for name in VALUES] + list(read(
        "[{:db/ident :x/pair :db/valueType :db.type/tuple :db/tupleTypes [:db.type/double :db.type/keyword]"
        "  :db/cardinality :db.cardinality/one}]"))


def _history() -> tuple[Database, list[TxResult]]:
    start = Database.new("a")
    results = [transact(start, _schema(), 1)]
    for data in ([{Keyword("x/" + name): value} for name, value in VALUES.items()],
                 read('[{:db/id "p" :x/pair [1.5 :k]} [:db/add "q" :x/string "two"]]'),
                 None):
        if data is None:
            gone = results[-1].tempids["q"]
            data = read(f'[[:db/retract {gone} :x/string "two"] {{:db/id "datomic.tx" :x/long 3}}]')
        results.append(transact(results[-1].db_after, data, len(results) + 1))
    return start, results


def _facts(db: Database) -> set[Any]:
    rows = db.history().all_rows()
    return {(d.e, d.a, repr(d.v), d.tx, d.added) for d in db.to_datoms(rows)}


def test_a_group_makes_the_same_database() -> None:
    """Applied to the value before it, in another process's codes, a group gives the value after it."""
    _, results = _history()
    data = encode_group([Logged(result, f"id-{result.t}") for result in results])
    other = Database.new("a")
    group = decode_group(data, other.dictionary)
    db = group.apply(other)
    after = results[-1].db_after
    assert group_range(data) == (results[0].t, results[-1].t) == (group.first_t, group.last_t)
    assert (db.basis_t, db.next_t, db.next_schema_id) == (after.basis_t, after.next_t, after.next_schema_id)
    assert _facts(db) == _facts(after)


def test_new_attributes_are_indexed_in_the_group_that_defines_them() -> None:
    """Where one group has an attribute's definition and its data, references and values are found as ever."""
    start = Database.new("a")
    schema = transact(start, read("[{:db/ident :x/ref :db/valueType :db.type/ref :db/cardinality :db.cardinality/one}"
                                  " {:db/ident :x/id :db/valueType :db.type/string :db/cardinality"
                                  " :db.cardinality/one :db/unique :db.unique/identity}]"), 1)
    for size in (3, 6000):
        data = transact(schema.db_after, [{Keyword("x/id"): f"n{i}", Keyword("x/ref"): 17592186045418} for i in range(size)], 2)
        other = Database.new("a")
        db = decode_group(encode_group([Logged(schema), Logged(data)]), other.dictionary).apply(other)
        assert len(db.referrers(17592186045418)) == size
        assert db.entid((Keyword("x/id"), "n1")) == data.db_after.entid((Keyword("x/id"), "n1"))
        assert len(db.datoms("vaet", [17592186045418])) == size


def test_transactions_one_by_one() -> None:
    """The transactions of a group keep their datoms' order, their ids and their tempids; each can be applied alone."""
    _, results = _history()
    data = encode_group([Logged(result, "one" if i else None) for i, result in enumerate(results)])
    db = Database.new("a")
    for result, found in zip(results, decode_group(data, db.dictionary).transactions):
        assert (found.es, found.attrs, found.added) == (result.es, result.attrs, result.added)
        assert found.tempids == result.tempids
        db = found.apply(db)
        assert [repr(d.v) for d in result.tx_data()] == [repr(d.v) for d in TxResult(
            db, db, found.t, found.es, found.attrs, found.vs, found.added, {}).tx_data()]
    assert [one.tx_id for one in decode_group(data, db.dictionary).transactions] == [None, "one", "one", "one"]


def test_what_is_there_already_is_left_out() -> None:
    """A group applied to a value that has some of its transactions adds only the others."""
    _, results = _history()
    data = encode_group([Logged(result) for result in results])
    early = Database.new("a")
    first = decode_group(encode_group([Logged(results[0])]), early.dictionary).apply(early)
    group: Group = decode_group(data, early.dictionary)
    assert _facts(group.apply(first)) == _facts(results[-1].db_after)
    assert group.apply(group.apply(first)) is not None


def test_damage_is_refused() -> None:
    """A group with any byte changed or cut off is CorruptValue, never another group."""
    _, results = _history()
    data = encode_group([Logged(result) for result in results[:2]])
    dictionary = Database.new("a").dictionary
    for at in range(0, len(data), 7):
        changed = bytearray(data)
        changed[at] ^= 0x41
        with pytest.raises(CorruptValue):
            decode_group(bytes(changed), dictionary)
        with pytest.raises(CorruptValue):
            decode_group(data[:at], dictionary)
