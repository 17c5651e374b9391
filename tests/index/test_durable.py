"""Segments, directories and merges: a database opened from them reads as the one that they were made from."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from peerserver.codec.edn import read
from peerserver.database import Database
from peerserver.index import durable as durable_module
from peerserver.index import segments as segments_module
from peerserver.model.anomaly import Anomaly
from peerserver.model.values import Keyword
from peerserver.transact import transact

from .durable import Kept

SCHEMA = """[
 {:db/ident :p/name :db/valueType :db.type/string :db/cardinality :db.cardinality/one :db/unique :db.unique/identity}
 {:db/ident :p/age :db/valueType :db.type/long :db/cardinality :db.cardinality/one :db/index true}
 {:db/ident :p/score :db/valueType :db.type/double :db/cardinality :db.cardinality/one}
 {:db/ident :p/note :db/valueType :db.type/string :db/cardinality :db.cardinality/many}
 {:db/ident :p/friend :db/valueType :db.type/ref :db/cardinality :db.cardinality/many}
 {:db/ident :p/id :db/valueType :db.type/uuid :db/cardinality :db.cardinality/one :db/unique :db.unique/value}
 {:db/ident :p/pair :db/valueType :db.type/tuple :db/cardinality :db.cardinality/one :db/tupleTypes [:db.type/long :db.type/string]}
 {:db/ident :p/kind :db/valueType :db.type/keyword :db/cardinality :db.cardinality/one}]"""
K = Keyword


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Segments of eight rows, so that a few entities make many of them."""
    monkeypatch.setattr(segments_module, "_ROWS", 8)
    yield


def _step(db: Database, rng: random.Random, people: list[int], now: int) -> Database:
    data: list[Any] = []
    for n in range(rng.randrange(1, 6)):
        chance = rng.random()
        if chance < 0.5 or not people:
            name = f"n{rng.randrange(10**6)}"
            data.append({K("db/id"): f"p{n}", K("p/name"): name, K("p/age"): rng.randrange(30),
                         K("p/note"): tuple(f"note {rng.randrange(20)}" for _ in range(rng.randrange(4))),
                         K("p/id"): uuid.UUID(int=rng.getrandbits(128))})
        elif chance < 0.8:
            e = rng.choice(people)
            data.append({K("db/id"): e, K("p/age"): rng.randrange(30), K("p/score"): rng.random() - 0.5,
                         K("p/friend"): tuple(rng.sample(people, min(2, len(people)))),
                         K("p/pair"): (rng.randrange(5), "x"), K("p/kind"): K(f"kind/{rng.randrange(4)}")})
        else:
            e = rng.choice(people)
            a = rng.choice(["p/name", "p/age", "p/note", "p/friend", "p/id", "p/kind"])
            data.append((K("db/retract"), e, K(a)))
    try:
        result = transact(db, data, now)
    except Anomaly:  # two things of one entity: another day
        return db
    people += result.tempids.values()
    return result.db_after


def _texts(datoms: Any) -> list[tuple[Any, ...]]:
    return [(d.e, d.a, repr(d.v), d.tx, d.added) for d in datoms]


def _same(left: Database, right: Database, people: list[int]) -> None:
    assert (left.basis_t, left.next_t, left.next_schema_id) == (right.basis_t, right.next_t, right.next_schema_id)
    for view in (lambda db: db, lambda db: db.as_of(right.basis_t - 3), lambda db: db.history(),
                 lambda db: db.since(right.basis_t - 4)):
        for index in ("eavt", "aevt", "avet", "vaet"):
            assert _texts(view(left).datoms(index)) == _texts(view(right).datoms(index))
    assert left.stats() == right.stats()


def _same_points(left: Database, right: Database, people: list[int]) -> None:
    for e in people:
        for a, attribute in right.schema.attributes.items():
            values = [sorted(map(repr, db.decode(attribute.type, np.array(db.codes(e, a), np.int64)))) for db in (left, right)]
            assert values[0] == values[1], (e, attribute.ident)
        for name in ("p/name", "p/id"):
            type = right.schema.attributes[right.schema.entids[K(name)]].type
            for code in right.codes(e, right.schema.entids[K(name)]):
                ref = (K(name), right.decode_one(type, code))
                assert left.entid(ref) == right.entid(ref) == e
        assert sorted(left.referrers(e)) == sorted(right.referrers(e))
        assert _texts(left.datoms("eavt", [e])) == _texts(right.datoms("eavt", [e]))
        assert _texts(left.history().datoms("eavt", [e])) == _texts(right.history().datoms("eavt", [e]))
        past = right.basis_t - 2
        assert _texts(left.as_of(past).datoms("eavt", [e])) == _texts(right.as_of(past).datoms("eavt", [e]))
    last = list(right.tx_range(right.basis_t - 3))
    assert [(t, sorted(_texts(found))) for t, found in left.tx_range(right.basis_t - 3)] == [
        (t, sorted(_texts(found))) for t, found in last]


@pytest.mark.parametrize("seed", range(6))
def test_random_histories(seed: int, small: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """After any history and any merges on the way, all reads of the opened database are those of the other, whether
    attributes are read whole or by pieces, and with more datoms on top."""
    rng = random.Random(seed)
    db = transact(Database.new("d"), read(SCHEMA), 1).db_after
    kept, laid, people = Kept(), -1, list[int]()
    for now in range(2, 60):
        db = _step(db, rng, people, now)
        if now == 30:
            db = transact(db, read("[{:db/id :p/kind :db/index true} {:db/id :p/age :db/index false}]"), now).db_after
        if rng.random() < 0.15 or now == 59:
            kept.lay(db, laid)
            laid = db.basis_t
    for whole in (0, 1 << 30):
        monkeypatch.setattr(durable_module, "_WHOLE", whole)
        _same_points(kept.database(), db, people)
        _same(kept.database(), db, people)
    opened, start = kept.database(), len(people)
    # What follows is applied to both, in the codes of each.
    for now in range(60, 80):
        after = _step(db, random.Random(now), people, now)
        data = [d for _, found in after.tx_range(db.basis_t + 1) for d in found]
        if data:
            codes = [opened.intern(after.schema.attributes[d.a].type, d.v) for d in data]
            opened = opened.with_datoms([d.e for d in data], [d.a for d in data], codes, [d.tx for d in data],
                                        [d.added for d in data], t=after.basis_t, next_t=after.next_t,
                                        next_schema_id=after.next_schema_id)
        db = after
    assert len(people) > start
    _same_points(opened, db, people)
    _same(opened, db, people)


@pytest.mark.parametrize("seed", range(4))
def test_frozen_news_on_top(seed: int, small: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """News that was frozen above attributes that are not in memory is seen, by pieces and whole, and again after the
    attribute was forgotten."""
    from peerserver.index import content

    rng = random.Random(seed)
    db = transact(Database.new("d"), read(SCHEMA), 1).db_after
    people: list[int] = []
    for now in range(2, 30):
        db = _step(db, rng, people, now)
    kept = Kept(cache_bytes=3000)
    kept.lay(db)
    monkeypatch.setattr(content, "_FREEZE_AT", 80)
    opened = kept.database()
    for now in range(30, 90):
        after = _step(db, rng, people, now)
        data = [d for _, found in after.tx_range(db.basis_t + 1) for d in found]
        if data:
            codes = [opened.intern(after.schema.attributes[d.a].type, d.v) for d in data]
            opened = opened.with_datoms([d.e for d in data], [d.a for d in data], codes, [d.tx for d in data],
                                        [d.added for d in data], t=after.basis_t, next_t=after.next_t,
                                        next_schema_id=after.next_schema_id)
        db = after
    monkeypatch.setattr(durable_module, "_WHOLE", 0)
    _same_points(opened, db, people)
    _same(opened, db, people)
    _same_points(opened, db, people)


def test_a_point_read_fetches_little() -> None:
    """Reading one entity of many, or looking one up, fetches a few segments of each attribute at most."""
    db = transact(Database.new("d"), read(SCHEMA), 1).db_after
    data = [{K("p/name"): f"name {i:06}", K("p/age"): i % 90, K("p/note"): (f"note {i}",)} for i in range(60_000)]
    for lot in range(0, len(data), 5000):
        db = transact(db, data[lot:lot + 5000], lot + 2).db_after
    kept = Kept()
    kept.lay(db)
    segments = sum(key.startswith(("live", "value")) for key in kept.values)
    opened = kept.database()
    kept.asked.clear()
    e = opened.entid((K("p/name"), "name 031234"))
    assert e == db.entid((K("p/name"), "name 031234"))
    assert _texts(opened.datoms("eavt", [e])) == _texts(db.datoms("eavt", [e]))
    assert len(kept.asked) <= 6 < segments
    assert max(len(kept.values[key]) for key in kept.values) <= segments_module.MAX_BYTES


def test_merges_leave_untouched_segments_alone() -> None:
    """A merge writes again only the segments that the news touches."""
    db = transact(Database.new("d"), read(SCHEMA), 1).db_after
    data = [{K("p/age"): i} for i in range(60_000)]
    for lot in range(0, len(data), 5000):
        db = transact(db, data[lot:lot + 5000], lot + 2).db_after
    kept = Kept()
    kept.lay(db)
    before, laid = set(kept.values), db.basis_t
    e = db.datoms("aevt", [K("p/age")]).slice(100, 1)[0].e
    db = transact(db, [(K("db/add"), e, K("p/score"), 1.0), (K("db/add"), e, K("p/age"), 10**6)], 10**6).db_after
    kept.lay(db, laid)
    new = [key for key in kept.values if key not in before]
    age = kept.index().entries[db.schema.entids[K("p/age")]]
    assert len(age.live) >= 4 and sum(key in before for key in age.live.keys) == len(age.live) - 1
    assert len(new) <= 9
    assert set(kept.index().root.retired) <= before and kept.index().root.retired


def test_damage_is_told_and_touches_nothing_else() -> None:
    """A damaged segment is an anomaly that names it; attributes beside it are read as before."""
    db = transact(Database.new("d"), read(SCHEMA), 1).db_after
    db = transact(db, [{K("p/name"): "a", K("p/age"): 1}], 2).db_after
    kept = Kept()
    kept.lay(db)
    key = kept.index().entries[db.schema.entids[K("p/name")]].live.keys[0]
    damaged = bytearray(kept.values[key])
    damaged[-1] ^= 1
    kept.values[key] = bytes(damaged)
    opened = kept.database()
    with pytest.raises(Anomaly, match=key):
        list(opened.datoms("aevt", [K("p/name")]).slice(0, 10))
    assert len(opened.datoms("aevt", [K("p/age")]).slice(0, 10)) == 1
