"""The database value: identifiers, time points, snapshots, forks, raw index access."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

from peerserver.database import Database
from peerserver.index import content as content_module
from peerserver.index.table import Table
from peerserver.model.anomaly import Anomaly
from peerserver.model.entity import PART_USER, entity_id, tx_id
from peerserver.model.values import BigInt, EdnList, Instant, Keyword

NAME, AGE, FRIEND, TAGS, PAIR = 72, 73, 74, 75, 76
ANN, BOB, CYD = (entity_id(PART_USER, n) for n in (1002, 1003, 1004))
K = Keyword


def add(db: Database, *facts: tuple[Any, ...], ms: int | None = None) -> Database:
    """The next value with facts ``(e, a, value)`` or ``(e, a, value, added)``."""
    t = db.next_t
    facts = ((tx_id(t), 50, Instant(t if ms is None else ms)), *facts)
    codes = [db.intern(db.schema.attributes[a].type, value) for _, a, value, *_ in facts]
    return db.with_datoms([f[0] for f in facts], [f[1] for f in facts], codes, tx_id(t),
                          [len(f) < 4 or f[3] for f in facts], t=t, next_t=t + 10)


def attribute(e: int, name: str, kind: int, *more: tuple[int, Any], many: bool = False) -> list[tuple[Any, ...]]:
    return [(e, 10, K(name)), (e, 40, kind), (e, 41, 36 if many else 35), *((e, a, v) for a, v in more)]


@pytest.fixture
def db() -> Database:
    """Ann 30, Bob 40 with a friend Ann, tags; a composite."""
    start = add(Database.new("test"), *attribute(NAME, "p/name", 23, (42, 38)),
                *attribute(AGE, "p/age", 22, (44, True)), *attribute(FRIEND, "p/friend", 20, many=True),
                *attribute(TAGS, "p/tags", 21, (44, True), many=True))
    start = add(start, *attribute(PAIR, "p/age+friend", 63, (42, 38), (67, (K("p/age"), K("p/friend")))))
    return add(start, (ANN, NAME, "Ann"), (ANN, AGE, 30), (BOB, NAME, "Bob"), (BOB, AGE, 40), (BOB, FRIEND, ANN),
               (BOB, PAIR, (40, ANN)), (BOB, TAGS, K("b")), (BOB, TAGS, K("a/b")))


def texts(datoms: Any) -> list[str]:
    return [f"{d.e} {d.a} {d.v} {'+' if d.added else '-'}" for d in datoms]


class TestIdentifiers:
    """What names an entity (oracle: index-points/lookup-forms)."""

    @pytest.mark.parametrize("name, found", [
        (5, 5), (-5, -5), (K("p/name"), NAME), (":p/name", NAME), (K("no/such"), None), ((K("p/name"), "Ann"), ANN),
        (EdnList((K("p/name"), "Ann")), ANN), ((":p/name", "Ann"), ANN), ((NAME, "Ann"), ANN),
        ((K("p/name"), "Zoe"), None),
        ((K("p/name"), None), None), ((K("p/name"), 5), None), ((K("db/ident"), ":p/age"), AGE),
        ((K("p/age+friend"), (40, ANN)), BOB), ((K("p/age+friend"), (BigInt(40), ANN)), BOB),
        ((K("p/age+friend"), (40, (K("p/name"), "Ann"))), None), (None, None), (True, None), (1.5, None), ({}, None),
    ])
    def test_entid(self, db: Database, name: Any, found: int | None) -> None:
        """Ids pass through, idents and lookup refs resolve, everything else names nothing."""
        assert db.entid(name) == found

    @pytest.mark.parametrize("name, error", [
        ("p/name", "not-a-keyword"), ((K("p/age"), 40), "lookup-ref-attr-not-unique"),
        ((K("no/such"), 4), "not-an-entity"),
        ((K("p/name"),), "invalid-lookup-ref"), ((), "invalid-lookup-ref"),
    ])
    def test_malformed_names_are_refused(self, db: Database, name: Any, error: str) -> None:
        """A malformed identifier is an anomaly with Datomic's code."""
        with pytest.raises(Anomaly) as caught:
            db.entid(name)
        assert (caught.value.category, caught.value.error) == ("incorrect", error)

    def test_unknown_names_can_be_demanded(self, db: Database) -> None:
        """entid_or_raise says which name it could not resolve."""
        assert db.entid_or_raise(K("p/name")) == NAME
        with pytest.raises(Anomaly, match='Unable to resolve entity: \\[:p/name "Zoe"\\]'):
            db.entid_or_raise((K("p/name"), "Zoe"))

    def test_lookup_refs_follow_the_time_filters(self, db: Database) -> None:
        """An identity that was not there yet names nothing."""
        assert db.as_of(1010).entid((K("p/name"), "Ann")) is None
        gone = add(db, (ANN, NAME, "Ann", False))
        assert gone.entid((K("p/name"), "Ann")) is None
        assert gone.as_of(db.basis_t).entid((K("p/name"), "Ann")) == ANN

    def test_renamed_idents_resolve_until_taken(self, db: Database) -> None:
        """An old name resolves until another entity takes it."""
        renamed = add(db, (AGE, 10, K("p/age"), False), (AGE, 10, K("p/years")))
        assert renamed.entid(K("p/age")) == renamed.entid(K("p/years")) == AGE
        assert renamed.ident(AGE) == K("p/years")
        assert db.ident(AGE) == K("p/age")
        taken = add(renamed, (ANN, 10, K("p/age")))
        assert taken.entid(K("p/age")) == ANN

    def test_a_retracted_ident_stays_the_name(self, db: Database) -> None:
        """An attribute without ident is still an attribute, under its last name."""
        nameless = add(db, (AGE, 10, K("p/age"), False))
        assert nameless.ident(AGE) == K("p/age")
        found = nameless.attribute(K("p/age"))
        assert found is not None and found.id == AGE


class TestSchema:
    """The schema is derived from the datoms."""

    def test_properties(self, db: Database) -> None:
        """What the datoms of an attribute say is what the attribute is."""
        name, friend = db.attribute(":p/name"), db.attribute(FRIEND)
        pair = db.attribute((K("db/ident"), K("p/age+friend")))
        assert name is not None and friend is not None and pair is not None
        assert (name.unique, name.many, name.has_avet, name.type.name) == ("identity", False, True, "string")
        assert (friend.is_ref, friend.many, friend.has_avet) == (True, True, False)
        assert pair.tuple_attrs == (AGE, FRIEND)
        assert db.schema.composites[AGE] == (pair,)

    def test_an_index_added_later_finds_older_datoms(self, db: Database) -> None:
        """Making an attribute unique makes its datoms found by value, those before included."""
        assert db.holder(FRIEND, ANN) == BOB
        assert add(db, (FRIEND, 42, 37)).holder(FRIEND, ANN) == BOB
        assert len(add(db, (FRIEND, 44, True)).datoms("avet", [K("p/friend")])) == 1

    def test_older_values_keep_their_schema(self, db: Database) -> None:
        """A schema change shows in the values after it, not before."""
        changed = add(db, (AGE, 44, True, False))
        before, after = db.attribute(AGE), changed.attribute(AGE)
        assert before is not None and after is not None and (before.index, after.index) == (True, False)
        assert changed.next_schema_id == db.next_schema_id == PAIR + 1


class TestTime:
    """Points in time, and views of a value."""

    def test_points(self, db: Database) -> None:
        """A point is a t, a transaction id, or an instant."""
        t = db.basis_t
        assert db.as_of(t).as_of_t == db.as_of(tx_id(t)).as_of_t == db.as_of(Instant(t)).as_of_t == t
        assert db.as_of(Instant(t - 1)).as_of_t == t - 10
        assert db.as_of(Instant(-1)).as_of_t == -1
        assert db.as_of(t - 1).basis_t == t

    def test_a_shared_instant_is_its_first_transaction(self, db: Database) -> None:
        """Where transactions share an instant, the instant means the first; a later one means the last."""
        one = add(db, (ANN, TAGS, K("x")), ms=5000)
        two = add(one, (ANN, TAGS, K("y")), ms=5000)
        assert two.as_of(Instant(5000)).as_of_t == one.basis_t
        assert two.as_of(Instant(5001)).as_of_t == two.basis_t
        assert len(two.since(Instant(5000)).rows(TAGS)) == 1

    def test_before_everything_there_is_nothing(self, db: Database) -> None:
        """As of an instant before the first transaction a database is empty."""
        assert len(db.as_of(Instant(-5)).all_rows()) == len(db.as_of(-1).all_rows()) == 0
        assert len(db.as_of(Instant(-5)).history().all_rows()) == 0

    @pytest.mark.parametrize("point", [True, "2020", 1.5, None])
    def test_other_points_are_refused(self, db: Database, point: Any) -> None:
        """What is no point in time is an anomaly."""
        with pytest.raises(Anomaly, match="Not a point in time"):
            db.as_of(point)

    def test_filters_combine_and_come_off(self, db: Database) -> None:
        """Filters add up; unfiltered takes them off; adding datoms to a filtered value is refused."""
        view = db.as_of(1020).since(1000).history()
        assert (view.as_of_t, view.since_t, view.is_history, view.is_filtered) == (1020, 1000, True, True)
        assert not view.unfiltered().is_filtered
        assert db.unfiltered() is db
        with pytest.raises(Anomaly):
            view.with_datoms([ANN], [AGE], [1], tx_id(5000), t=5000, next_t=5001)

    def test_history_shows_retractions_first(self, db: Database) -> None:
        """In history the newest transaction comes first within a fact."""
        changed = add(db, (ANN, AGE, 30, False), (ANN, AGE, 31))
        changed = add(changed, (ANN, AGE, 31, False), (ANN, AGE, 30))
        found = changed.history().datoms("eavt", [ANN, AGE])
        assert [(d.v, d.added) for d in found] == [(30, True), (30, False), (30, True), (31, False), (31, True)]

    def test_the_log(self, db: Database) -> None:
        """tx_range goes from a point (inclusive) to a point (exclusive), and begins with the first user transaction."""
        assert [t for t, _ in db.tx_range()] == [1000, 1010, 1020]
        assert [t for t, _ in db.tx_range(1010)] == [t for t, _ in db.tx_range(tx_id(1001))] == [1010, 1020]
        assert [t for t, _ in db.tx_range(Instant(1000), Instant(1011))] == [1000, 1010]
        assert [t for t, _ in db.as_of(1000).tx_range(None, 1010)] == [1000]
        assert list(db.tx_range(2000)) == list(db.tx_range(1010, 1000)) == []
        (_, datoms), = db.tx_range(1020)
        assert len(datoms) == 9


class TestForks:
    """Values share what they have in common, and nothing else."""

    def test_with_leaves_no_trace(self, db: Database) -> None:
        """What is added to a fork, values included, the original never sees."""
        fork = add(db.fork(), (ANN, NAME, "Ann", False), (ANN, NAME, "Anna"))
        assert fork.entid((K("p/name"), "Anna")) == ANN
        assert db.encode(db.schema.attributes[NAME].type, "Anna") is None
        assert db.entid((K("p/name"), "Ann")) == ANN
        later = add(db, (CYD, NAME, "Anna"))
        assert later.entid((K("p/name"), "Anna")) == CYD
        assert fork.entid((K("p/name"), "Anna")) == ANN

    def test_forks_of_forks(self, db: Database) -> None:
        """A fork can be gone on from many times over."""
        value = db
        for n in range(20):
            value = add(value.fork(), (BOB, TAGS, K(f"n{n}")))
        assert len(value.codes(BOB, TAGS)) == 22
        assert len(value.rows(TAGS)) == 22
        assert len(db.codes(BOB, TAGS)) == 2

    def test_an_older_value_can_be_gone_on_from(self, db: Database) -> None:
        """Adding to a value that isn't the newest makes a branch of its own."""
        left = add(db, (ANN, AGE, 30, False), (ANN, AGE, 1))
        right = add(db, (ANN, AGE, 30, False), (ANN, AGE, 2))
        assert (list(left.codes(ANN, AGE)), list(right.codes(ANN, AGE)), list(db.codes(ANN, AGE))) == ([1], [2], [30])

    def test_a_filtered_fork_is_of_the_present(self, db: Database) -> None:
        """``with`` on an as-of value sees the present."""
        assert not db.as_of(0).fork().is_filtered


def grown(db: Database, count: int, size: int) -> Database:
    """``count`` transactions of ``size`` people each, past all thresholds."""
    number = 2000
    for _ in range(count):
        t = db.next_t
        es = [entity_id(PART_USER, number + i) for i in range(size)]
        number += size
        string = db.schema.attributes[NAME].type
        db = db.with_datoms(
            [e for e in es for _ in range(3)], [NAME, AGE, FRIEND] * size,
            [code for e in es for code in (db.intern(string, f"P{e}"), e % 100, ANN)],
            tx_id(t), t=t, next_t=t + 1)
    return db


class TestGrowth:
    """Values past the sizes at which their form changes."""

    @pytest.mark.parametrize("count, size", [(40, 150), (3, 2000)])
    def test_large_values_answer_as_small_ones(self, db: Database, count: int, size: int) -> None:
        """After freezing and merging every read is as it was, and older values too."""
        middle = grown(db, count // 2, size)
        large = grown(db, count, size)
        people = count * size
        assert large.count(NAME) == people + 2
        assert len(large.referrers(ANN)) == people + 1
        es = large.rows(AGE).e
        at, rows = large.rows_of_entities(NAME, es)
        assert len(rows) == people + 2 and (rows.e == es[at]).all()
        assert large.entid((K("p/name"), f"P{entity_id(PART_USER, 2000 + people - 1)}")) == entity_id(
            PART_USER, 2000 + people - 1)
        assert len(large.rows_in_range(AGE, 10, 10)) == int((large.rows(AGE).v == 10).sum())
        assert middle.count(NAME) == (count // 2) * size + 2
        assert len(middle.referrers(ANN)) == (count // 2) * size + 1
        retracted = add(large, (ANN, NAME, "Ann", False), (int(es[5]), AGE, int(large.rows(AGE).v[5]), False))
        assert retracted.count(AGE) == people + 1 and len(retracted.rows(AGE)) == people + 1
        assert not retracted.codes(int(es[5]), AGE) and large.codes(int(es[5]), AGE)
        assert len(retracted.datoms("eavt", [])) == len(large.datoms("eavt", [])) - 1

    def test_one_large_transaction(self, db: Database) -> None:
        """A transaction past the bulk size, given as arrays, does not pass through the tail."""
        n = content_module._BULK
        es = np.arange(n) + entity_id(PART_USER, 5000)
        t = db.next_t
        large = db.with_datoms(es, np.full(n, AGE), np.arange(n), tx_id(t), t=t, next_t=t + n)
        assert large.count(AGE) == n + 2
        assert large.codes(int(es[77]), AGE) == [77]
        assert large.datom_of(int(es[77]), AGE, 77) == tx_id(t)
        assert [d.v for d in large.datoms("avet", [K("p/age"), 77])] == [77]
        assert [t_ for t_, _ in large.tx_range(t)] == []

    def test_readers_do_not_mind_a_writer(self, db: Database) -> None:
        """A value read in one thread while another adds to its successors does not change."""
        wrong: list[int] = []
        stop = threading.Event()

        def read() -> None:
            while not stop.is_set():
                if len(db.rows(AGE)) != 2 or list(db.codes(ANN, AGE)) != [30] or len(db.referrers(ANN)) != 1:
                    wrong.append(1)

        reader = threading.Thread(target=read)
        reader.start()
        try:
            grown(db, 30, 300)
        finally:
            stop.set()
            reader.join()
        assert not wrong


class TestDatoms:
    """Raw index access (oracle: indexes/*, index-points/components, index-odd/components-2)."""

    @pytest.mark.parametrize("index, components, count", [
        ("eavt", [BOB], 6), ("eavt", [BOB, K("p/age")], 1), ("eavt", [BOB, K("p/age"), 40.0], 1),
        ("eavt", [BOB, K("p/age"), 41], 0), ("eavt", [BOB, None], 6), ("eavt", [None, K("p/age")], 0),
        ("eavt", [BOB, None, 40], 0), ("eavt", [K("no/such")], 0), ("eavt", [True], 0), ("eavt", [BOB, 5.5], 0),
        ("eavt", [BOB, K("p/age"), 40, 1020], 1), ("eavt", [BOB, K("p/age"), 40, tx_id(1010)], 0),
        ("eavt", [BOB, K("p/age"), None, 5], 1), ("eavt", [(K("p/name"), "Bob"), (K("db/ident"), K("p/age"))], 1),
        ("eavt", [BOB, K("p/friend"), (K("p/name"), "Ann")], 1), ("aevt", [K("p/tags")], 2),
        ("aevt", [":p/tags", BOB], 2),
        ("aevt", [K("no/such")], 0), ("avet", [K("p/age")], 2), ("avet", [K("p/age"), 40], 1),
        ("avet", [K("p/age"), BigInt(40), BOB], 1), ("avet", [K("p/age"), 40, ANN], 0), ("avet", [K("p/age"), "x"], 0),
        ("avet", [K("p/tags"), ":b"], 0), ("vaet", [ANN], 1), ("vaet", [ANN, K("p/friend")], 1),
        ("vaet", [ANN, K("p/age")], 0),
        ("vaet", [ANN, None, BOB], 1), ("vaet", [ANN, None, ANN], 0), ("vaet", [(K("p/name"), "Ann")], 1),
    ])
    def test_components(self, db: Database, index: str, components: list[Any], count: int) -> None:
        """Components select, what names nothing selects nothing."""
        found = db.datoms(index, components)
        assert len(found) == len(list(found)) == len(found.slice(0, 100)) == count

    @pytest.mark.parametrize("index, components, error", [
        ("tave", [], None), ("avet", [K("p/friend")], "attribute-not-indexed"), ("vaet", ["Bob"], "not-a-keyword"),
        ("eavt", ["bob"], "not-a-keyword"), ("vaet", [K("no/such")], "not-an-entity"), ("vaet", [1.5], "not-an-entity"),
        ("eavt", [BOB, K("p/friend"), K("no/such")], "not-an-entity"),
        ("eavt", [(K("p/age"), 4)], "lookup-ref-attr-not-unique"),
    ])
    def test_errors(self, db: Database, index: str, components: list[Any], error: str | None) -> None:
        """What Datomic refuses is refused, before anything is read."""
        with pytest.raises(Anomaly) as caught:
            db.datoms(index, components)
        assert (caught.value.category, caught.value.error) == ("incorrect", error)

    def test_index_range(self, db: Database) -> None:
        """From start (inclusive) to end (exclusive), in the order of values, across families of values."""
        assert [d.v for d in db.index_range(K("p/age"), 30, 40)] == [30]
        assert [d.v for d in db.index_range(K("p/age"), 30.5, "x")] == [40]
        assert [d.v for d in db.index_range(K("p/age"), "x")] == []
        assert [d.v for d in db.index_range(K("p/tags"), K("b"))] == [K("b"), K("a/b")]
        for name in (K("no/such"), None):
            with pytest.raises(Anomaly, match="Unable to resolve entity"):
                db.index_range(name)
        for name in (K("p/friend"), ANN):
            with pytest.raises(Anomaly, match="is not indexed"):
                db.index_range(name)

    def test_slices_are_parts_of_the_whole(self, db: Database) -> None:
        """Any slice of any index is what the whole has there."""
        large = grown(db, 4, 1500)
        for index in ("eavt", "aevt", "avet", "vaet"):
            found = large.datoms(index)
            whole = texts(found)
            again = large.datoms(index)
            for start, n in ((0, 5), (4000, 3), (len(whole) - 2, 10), (len(whole), 5), (250, 1200)):
                assert texts(again.slice(start, n)) == whole[start:start + n]

    def test_a_first_page_makes_only_its_block(self, db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
        """The first datoms of everything do not wait for the rest."""
        large = grown(db, 4, 1500)
        found = large.datoms("eavt")
        assert len(found.slice(0, 10)) == 10
        assert sum(len(block) for block in found._made) < len(large.all_rows()) / 2

    def test_seek(self, db: Database) -> None:
        """Seeking goes on to the end of the index."""
        found = list(db.seek_datoms("avet", [K("p/age"), 35]))
        assert [d.v for d in found[:1]] == [40] and {d.a for d in found} >= {AGE, TAGS}
        assert [d.v for d in list(db.seek_datoms("eavt", [BOB, K("p/age"), 35]))[:2]] == [40, ANN]


def test_tables_are_shared_not_copied(db: Database) -> None:
    """Reading a whole frozen attribute hands out the frozen columns themselves."""
    large = grown(db, 2, 2000)
    assert isinstance(large._content.store.tables(NAME)[0], Table)
    base = large._content.view(FRIEND).facts.base
    again = add(large, (ANN, NAME, "Ann", False))
    assert again._content.view(FRIEND).facts.base is base
    assert again.rows(FRIEND).e is base.e


def test_stats_count_history(db: Database) -> None:
    """Statistics count every datom of an attribute, retractions too, whatever the filters."""
    changed = add(db, (ANN, AGE, 30, False), (ANN, AGE, 31))
    assert changed.stats()[AGE] == changed.as_of(0).stats()[AGE] == 4
    assert changed.count(AGE) == 2


def test_estimates(db: Database) -> None:
    """Estimates know how many rows an entity or a value has on average."""
    large = grown(db, 2, 2000)
    assert large.estimate(NAME, False, True) == large.estimate(NAME, True, False) == 1.0
    assert 30 < large.estimate(AGE, False, True) < 50
    assert large.estimate(FRIEND, False, True) > 3900
    assert large.estimate(AGE, False, False) == large.count(AGE)
    assert large.estimate(99999, True, False) == 0.0
