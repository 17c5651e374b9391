"""Random histories, forks included: every read of every time view equals the naive model's."""

from __future__ import annotations

import os
import uuid
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from peerserver.database import Database
from peerserver.index import attribute_store, content, table, values, words
from peerserver.index.dictionary import exact_key
from peerserver.index.rows import Datom, Rows
from peerserver.model.entity import PART_USER, entity_id, tx_id
from peerserver.model.order import compare_key
from peerserver.model.values import Instant, Keyword

from .naive import Event, Naive, ordered

# More are run by hand: the same cases each time in the suite, others each time beyond it.
EXAMPLES = int(os.environ.get("PEERSERVER_EXAMPLES", "12"))
ENTITIES = [entity_id(PART_USER, 1000 + n) for n in range(7)]
# name, type, many, unique, indexed, values
ATTRIBUTES: list[tuple[str, str, bool, str | None, bool, list[Any]]] = [
    ("one", "long", False, None, True, [1, -5, 7, 2**62, -(2**62)]),
    ("name", "string", False, "identity", False, ["a", "b", "", "long text that shares a prefix, a", "é",
                                                  "\U0001f600"]),
    ("tags", "string", True, None, True, ["x", "y", "long text that shares a prefix, b",
                                          "long text that shares a prefix", "￮", "\U0001f600", "x\0"]),
    ("friend", "ref", True, None, False, ENTITIES[:5]),
    ("boss", "ref", False, None, True, ENTITIES),
    ("size", "double", True, None, True, [0.0, -0.0, 1.5, -1.5, float("inf"), 2.0]),
    ("price", "bigdec", True, None, True, [Decimal("1.5"), Decimal("1.50"), Decimal(-2), Decimal("1E+3")]),
    ("uuid", "uuid", True, None, True, [uuid.UUID(int=n) for n in (0, 1, 1 << 63, 1 << 127, (1 << 128) - 1)]),
    ("key", "keyword", True, None, True, [Keyword(k) for k in ("b", "a/b", "A", "a", "ab/c")]),
    ("at", "instant", False, None, False, [Instant(0), Instant(-1), Instant(10**12)]),
]
FIRST_ID = 72
SIZE, PRICE = FIRST_ID + 5, FIRST_ID + 6
TYPE_IDS = {"long": 22, "string": 23, "ref": 20, "double": 57, "bigdec": 61, "uuid": 56, "keyword": 21, "instant": 25}


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thresholds so low that every path is taken on a handful of datoms."""
    for module, name, value in (
        (content, "_FREEZE_AT", 12), (content, "_BULK", 7), (content, "_MAX_UNDER", 1), (content, "_MAX_VIEWS", 5),
        (content, "_MAX_KEPT_ROWS", 9),
        (attribute_store, "_FANOUT", 2), (attribute_store, "_MAX_PAST", 2), (attribute_store, "_MIN_CARRIED", 2),
        (words, "_FEW", 3), (table, "_MIN_ROWS", 3), (table, "_SORT_PROBES", 3), (values, "_MAX_PLACED", 3),
        (values, "_WIDE", 2),
    ):
        monkeypatch.setattr(module, name, value)


def _start() -> tuple[Database, Naive]:
    db = Database.new("test")
    es, attrs, vs = [], [], []

    def add(e: int, a: int, value: Any) -> None:
        es.append(e)
        attrs.append(a)
        vs.append(db.intern(db.schema.attributes[a].type, value))

    for n, (name, kind, many, unique, index, _) in enumerate(ATTRIBUTES):
        e = FIRST_ID + n
        add(e, 10, Keyword("t/" + name))
        add(e, 40, TYPE_IDS[kind])
        add(e, 41, 36 if many else 35)
        if unique:
            add(e, 42, 38)
        if index:
            add(e, 44, True)
    db = db.with_datoms(es, attrs, vs, tx_id(1000), t=1000, next_t=1001)
    naive = Naive([(d.e, d.a, d.v, d.tx, d.added) for d in db.history().to_datoms(db.history().all_rows())], _key)
    naive.events.sort(key=lambda event: event[3])
    return db, naive


def _key(a: int, value: Any) -> Any:
    return exact_key(value)


Op = tuple[int, int, int, bool]
operation = st.tuples(st.integers(0, len(ENTITIES) - 1), st.integers(0, len(ATTRIBUTES) - 1), st.integers(0, 6),
                      st.booleans())
transaction = st.lists(operation, max_size=12)
# which earlier value to go on from (0: the newest), whether as a fork, and what to do
step = st.tuples(st.integers(0, 3), st.booleans(), transaction)


def _events(naive: Naive, ops: list[Op], tx: int) -> list[Event]:
    """What a transactor would make of the wishes: no redundant datoms, one value for cardinality one."""
    held = {(e, a, _key(a, v)): v for e, a, v, _, _ in naive.current()}
    touched: set[Any] = set()
    events: list[Event] = []

    def say(e: int, a: int, value: Any, added: bool) -> None:
        touched.add((e, a, _key(a, value)))
        events.append((e, a, value, tx, added))
        if added:
            held[(e, a, _key(a, value))] = value
        else:
            held.pop((e, a, _key(a, value)))

    for e_index, n, v_index, added in ops:
        e, a = ENTITIES[e_index], FIRST_ID + n
        _, _, many, unique, _, choices = ATTRIBUTES[n]
        value = choices[v_index % len(choices)]
        fact = (e, a, _key(a, value))
        if fact in touched or (fact in held) == added:
            continue
        if added and unique and any(k[1] == a and k[2] == fact[2] for k in held):
            continue
        if added and not many:
            others = [k for k in held if k[:2] == (e, a)]
            if any(k in touched for k in others):
                continue
            for k in others:
                say(e, a, held[k], False)
        say(e, a, value, added)
    return events


@settings(max_examples=EXAMPLES, deadline=None, derandomize=EXAMPLES < 50,
          suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(step, max_size=14), st.data())
def test_every_read_equals_the_naive_model(steps: list[tuple[int, bool, list[Op]]], data: st.DataObject) -> None:
    """Reads of all values, older ones and forks too, equal those of a list of datoms."""
    made = [_start()]
    for back, fork, ops in steps:
        db, naive = made[-1 - back % len(made)]
        if fork:
            db = db.fork()
        t = db.next_t
        events = _events(naive, ops, tx_id(t))
        types = [db.schema.attributes[a].type for _, a, _, _, _ in events]
        new = db.with_datoms(
            [event[0] for event in events], [event[1] for event in events],
            [db.intern(kind, event[2]) for kind, event in zip(types, events)],
            tx_id(t), [event[4] for event in events], t=t, next_t=t + 1)
        made.append((new, naive.with_events(events)))
        if data.draw(st.integers(0, 3)) == 0:
            _compare(*made[-1], data)
    for db, naive in made[-4:]:
        _compare(db, naive, data)
    for db, naive in made:
        _compare_view(db, naive)


def _compare(db: Database, naive: Naive, data: st.DataObject) -> None:
    _compare_view(db, naive)
    point = data.draw(st.integers(999, db.next_t))
    for view in (db.as_of(point), db.since(point), db.history(), db.history().since(point), db.as_of(point).history(),
                 db.since(point).as_of(data.draw(st.integers(point, db.next_t)))):
        _compare_view(view, naive)
    for view in (db, db.as_of(point), db.since(point)):
        _compare_points(view, naive)
    _compare_log(db, naive)
    assert sum(db.stats().values()) == len(naive.events)


def _texts(events: list[Event]) -> list[str]:
    return [repr((e, a, v, tx, added)) for e, a, v, tx, added in events]


def _plain(datoms: list[Datom]) -> list[Event]:
    return [(d.e, d.a, d.v, d.tx, d.added) for d in datoms]


def _same(db: Database, rows: Rows, events: list[Event], aid: int | None = None) -> None:
    found = _plain(db.to_datoms(rows if aid is None else rows.with_a(aid)))
    assert sorted(_texts(found)) == sorted(_texts(events))


def _compare_view(db: Database, naive: Naive) -> None:
    shown = naive.view(db)
    _same(db, db.all_rows(), shown)
    users = range(FIRST_ID, FIRST_ID + len(ATTRIBUTES))
    es = np.array([ENTITIES[3], ENTITIES[0], 5, ENTITIES[3], ENTITIES[6], ENTITIES[1], 2**50], np.int64)
    for n, aid in enumerate(users):
        events = [event for event in shown if event[1] == aid]
        rows = db.rows(aid)
        _same(db, rows, events, aid)
        assert len(rows) <= db.count(aid)
        pairs = list(zip(rows.e.tolist(), rows.v.tolist(), (-rows.tx).tolist()))
        assert pairs == sorted(pairs)
        at, found = db.rows_of_entities(aid, es)
        assert (es[at] == found.e).all()
        _same(db, found, [event for e in es.tolist() for event in events if event[0] == e], aid)
        kind = db.schema.attributes[aid].type
        choices = [v for v in ATTRIBUTES[n][5] if db.encode(kind, v) is not None]
        codes = np.array([db.encode(kind, v) for v in [*choices, *choices[:1]]], np.int64)
        at, found = db.rows_of_values(aid, codes)
        assert (codes[at] == found.v).all()
        probes = [*choices, *choices[:1]]
        _same(db, found, [x for v in probes for x in events if exact_key(x[2]) == exact_key(v)], aid)
        _compare_ranges(db, aid, events, ATTRIBUTES[n][5])
    _compare_entities(db, shown)
    for index in ("eavt", "aevt"):
        found_range = db.datoms(index)
        assert _texts(_plain(list(found_range))) == _texts(ordered(shown, index))
        assert _texts(_plain(found_range.slice(3, 4))) == _texts(ordered(shown, index))[3:7]
    refs = {a for a, attribute in db.schema.attributes.items() if attribute.is_ref}
    expected = ordered([event for event in shown if event[1] in refs], "vaet")
    assert _texts(_plain(list(db.datoms("vaet")))) == _texts(expected)
    avet = {a for a, attribute in db.schema.attributes.items() if attribute.has_avet}
    expected = ordered([event for event in shown if event[1] in avet], "avet")
    _same_order(_plain(list(db.datoms("avet"))), expected)


def _same_order(found: list[Event], expected: list[Event]) -> None:
    # Values that are one place in the order (1.5M and 1.50M, the two zeros) may come either way.
    assert sorted(_texts(found)) == sorted(_texts(expected))

    def places(events: list[Event]) -> list[Any]:
        # An entity with 1.5M and 1.50M at once: transactions see to it that there is none.
        return [(a, compare_key(v), e, tx if a != PRICE and a != SIZE else 0) for e, a, v, tx, _ in events]

    assert places(found) == places(expected)


def _compare_ranges(db: Database, aid: int, events: list[Event], choices: list[Any]) -> None:
    for lo in (None, choices[0], choices[1]):
        for hi in (None, choices[-1], choices[0]):
            for open_ends in (False, True):
                expected = [event for event in events if _between(event[2], lo, hi, open_ends)]
                rows = db.rows_in_range(aid, lo, hi, open_ends, open_ends).with_a(aid)
                _same_order(_plain(db.to_datoms(rows)), ordered(expected, "avet"))


def _between(value: Any, lo: Any, hi: Any, open_ends: bool) -> bool:
    key = compare_key(value)
    if lo is not None and (key < compare_key(lo) or (open_ends and key == compare_key(lo))):
        return False
    return hi is None or key < compare_key(hi) or (not open_ends and key == compare_key(hi))


def _compare_entities(db: Database, shown: list[Event]) -> None:
    for e in ENTITIES:
        _same(db, db.entity_rows(e), [event for event in shown if event[0] == e])
        refs = {a for a, attribute in db.schema.attributes.items() if attribute.is_ref}
        _same(db, db.referring_rows(e), [event for event in shown if event[1] in refs and event[2] == e])
    wanted = np.array([ENTITIES[2], ENTITIES[0]], np.int64)
    at, rows = db.entities_rows(wanted)
    assert (wanted[at] == rows.e).all()
    _same(db, rows, [event for event in shown if event[0] in (ENTITIES[0], ENTITIES[2])])


def _compare_points(db: Database, naive: Naive) -> None:
    if db.is_history:
        return
    now = naive.view(db)
    attributes = db.schema.attributes
    for e in ENTITIES:
        mine = [(a, db.encode(attributes[a].type, v)) for x, a, v, _, _ in now if x == e]
        assert sorted(db.entity_codes(e)) == sorted(mine)  # type: ignore[type-var]
        refs = [(x, a) for x, a, v, _, _ in now if attributes[a].is_ref and v == e]
        assert sorted(db.referrers(e)) == sorted(refs)
        for n in range(len(ATTRIBUTES)):
            aid = FIRST_ID + n
            assert sorted(db.codes(e, aid)) == sorted(code for a, code in mine if a == aid)  # type: ignore[type-var]
            for value in ATTRIBUTES[n][5]:
                code = db.encode(attributes[aid].type, value)
                if code is None:
                    continue
                holding = [x for x, a, v, _, _ in now if a == aid and exact_key(v) == exact_key(value)]
                holder = db.holder(aid, code)
                assert holder in holding if holding else holder is None
                txs = [tx for x, a, v, tx, _ in now if (x, a) == (e, aid) and exact_key(v) == exact_key(value)]
                assert db.datom_of(e, aid, code) == (txs[0] if txs else None)


def _compare_log(db: Database, naive: Naive) -> None:
    txs = np.array([tx_id(t) for t in (db.basis_t, 1001, 1000, 1003) if t <= db.basis_t], np.int64)
    txs = np.array(list(dict.fromkeys(txs.tolist())), np.int64)
    for view in (db.history(), db, db.as_of(1002)):
        at, rows = view.rows_of_txs(txs)
        assert (txs[at] == rows.tx).all()
        _same(db, rows, [event for event in naive.view(view) if event[3] in txs.tolist()])
