"""Order of datoms and of new entity ids, as a new database of Datomic gives them."""

from __future__ import annotations

from peerserver.database import Database
from peerserver.model.entity import PART_USER, entity_id, implicit_partition
from peerserver.transact import transact

from .world import NOW, SCHEMA, facts, kw, new, run


def test_first_transaction_has_datomics_ids() -> None:
    """The first user transaction is t 1000, the first attribute 72, and installs stand at the end."""
    result = run(Database.new("x"), SCHEMA)
    assert result.t == 1000
    assert result.db_after.next_t == 1001
    assert result.es[0] == result.tx
    assert result.attrs[0] == 50
    assert result.es[1] == 72
    assert list(zip(result.es, result.attrs, result.vs))[-9:] == [(0, 13, 72 + i) for i in range(9)]


def test_new_value_comes_before_the_retraction_of_the_old() -> None:
    """Datoms stand as their forms do; the replaced value is retracted right after the new one."""
    db = run(new(), '[{:db/id "x" :p/name "X" :p/age 1 :p/nick ["a"]}]').db_after
    e = db.entid((kw("p/name"), "X"))
    assert e is not None
    result = run(db, '[[:db/add [:p/name "X"] :p/age 2] [:db/retract [:p/name "X"] :p/nick "a"] '
                     '[:db/add "datomic.tx" :db/doc "d"] {:db/id "n" :p/name "N"}]')
    assert facts(result) == [
        (e, "p/age", 2, True), (e, "p/age", 1, False), (e, "p/nick", "a", False),
        (result.tx, "db/doc", "d", True), (result.tempids["n"], "p/name", "N", True)]


def test_ids_follow_the_order_in_which_entities_are_met() -> None:
    """A tempid that is met first as a value gets its id where it is met as an entity."""
    result = run(new(), '[{:db/id "q" :p/boss "r" :p/name "Q"} {:db/id "s" :p/name "S"} {:db/id "r" :p/name "R"}]')
    assert [result.tempids[key] for key in "qsr"] == [entity_id(PART_USER, 1002 + i) for i in range(3)]


def test_parents_get_ids_before_nested_maps() -> None:
    """Nested maps are numbered depth first, after their parent."""
    result = run(new(), '[{:db/id "a" :p/home {:db/id "b" :p/age 1 :p/home {:db/id "c" :p/age 2}}} '
                        '{:db/id "d" :p/age 3}]')
    assert sorted(result.tempids, key=result.tempids.__getitem__) == ["a", "b", "c", "d"]


def test_entities_that_exist_take_no_number() -> None:
    """An upsert does not use up an id."""
    db = run(new(), '[{:p/name "X"}]').db_after
    result = run(db, '[{:db/id "u" :p/name "X" :p/age 1} {:db/id "n" :p/name "N"}]')
    assert result.tempids["n"] == entity_id(PART_USER, result.t + 1)
    assert result.db_after.next_t == result.t + 2


def test_schema_entities_take_no_number_of_the_shared_counter() -> None:
    """Attributes have a counter of their own."""
    result = run(new(), '[{:db/id "d" :p/age 1} {:db/ident :s/a :db/valueType :db.type/long '
                        ':db/cardinality :db.cardinality/one} {:db/id "e" :p/age 2}]')
    assert result.tempids["e"] == result.tempids["d"] + 1
    assert result.db_after.entid(kw("s/a")) == 81


def test_explicit_instant_stands_where_it_is_given() -> None:
    """The automatic instant comes first; an explicit one stays in its place."""
    result = transact(new(), ((kw("db/add"), "o", kw("p/age"), 1),
                              (kw("db/add"), "datomic.tx", kw("db/txInstant"), run(new(), "[]").tx_data()[0].v)), NOW)
    assert result.attrs == [74, 50]


def test_forced_partition_holds_for_nested_maps() -> None:
    """Nested maps go where their parent goes."""
    part = implicit_partition(5)
    result = transact(new(), ({kw("db/id"): "a", kw("p/home"): {kw("p/age"): 1}},
                              {kw("db/force-partition"): {"a": part << 42}}), NOW)
    assert {e >> 42 for e in result.es[1:]} == {part}


def test_numbers_of_tempids_say_their_partition() -> None:
    """A negative number is a tempid; it is reported under itself."""
    number = -(1 << 63) | PART_USER << 42 | 5
    result = transact(new(), ((kw("db/add"), number, kw("p/age"), 1),), NOW)
    assert result.tempids == {number: entity_id(PART_USER, 1002)}
