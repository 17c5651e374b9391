"""Laws of transactions, on random ones: with equals transact, replay equals state, ways of saying a thing agree."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from peerserver.database import Database
from peerserver.model.anomaly import Anomaly
from peerserver.model.values import Instant
from peerserver.transact import TxResult, transact

from .world import NOW, kw, new, state

NAMES = ["Ann", "Bob", "Cyd", "Dan"]
TEMPIDS = ["a", "b", "c"]
BASE = new()

names = st.sampled_from(NAMES)
tempids = st.sampled_from(TEMPIDS)
refs = st.one_of(tempids, st.tuples(st.just(kw("p/name")), names))
PLAIN: dict[str, Any] = {
    "p/name": names, "p/email": st.sampled_from(["e1", "e2"]), "p/age": st.integers(-2, 2), "p/ok": st.booleans(),
    "p/size": st.sampled_from([0.0, -0.0, 1.5, float("inf")]), "p/boss": refs,
}
MANY: dict[str, Any] = {"p/nick": st.sampled_from(["x", "y", "z"]), "p/friend": refs}


@st.composite
def maps(draw: Any) -> dict[Any, Any]:
    """A map form with random attributes."""
    form: dict[Any, Any] = {}
    if draw(st.booleans()):
        form[kw("db/id")] = draw(refs)
    for name in draw(st.lists(st.sampled_from([*PLAIN, *MANY]), unique=True, min_size=1, max_size=4)):
        if name in PLAIN:
            form[kw(name)] = draw(PLAIN[name])
        else:
            form[kw(name)] = tuple(draw(st.lists(MANY[name], max_size=3)))
    return form


@st.composite
def lists(draw: Any) -> tuple[Any, ...]:
    """A list form: add, retract with and without value, retractEntity, cas."""
    op = draw(st.sampled_from(["add", "add", "retract", "retract-all", "retractEntity", "cas"]))
    e = draw(refs)
    name = draw(st.sampled_from([*PLAIN, *MANY]))
    value = draw(PLAIN[name] if name in PLAIN else MANY[name])
    if op in ("add", "retract"):
        return (kw(f"db/{op}"), e, kw(name), value)
    known = (kw("p/name"), draw(names))
    if op == "retract-all":
        return (kw("db/retract"), known, kw(name))
    if op == "cas":
        old = draw(st.one_of(st.none(), st.integers(-2, 2)))
        return (kw("db/cas"), known, kw("p/age"), old, draw(st.integers(-2, 2)))
    return (kw("db/retractEntity"), known)


transactions = st.lists(st.lists(st.one_of(maps(), maps(), lists()), min_size=1, max_size=4), min_size=1, max_size=8)


def attempt(db: Database, forms: Any, now: int = NOW) -> TxResult | None:
    """The result, or None when the transaction is refused."""
    try:
        return transact(db, tuple(forms), now)
    except Anomaly as problem:
        assert problem.category in ("incorrect", "conflict"), problem
        return None


def datoms(result: TxResult) -> list[Any]:
    """Datoms with Python values that keep zeros apart."""
    return [(d.e, d.a, repr(d.v), d.tx, d.added) for d in result.tx_data()]


@settings(max_examples=150, deadline=None)
@given(transactions)
def test_with_equals_transact(history: list[Any]) -> None:
    """``with`` on a fork gives the same datoms, ids and values, and changes nothing else."""
    db = BASE
    for i, forms in enumerate(history):
        fork = db.fork()
        tried = attempt(fork, forms, NOW + i)
        kept = state(db)
        done = attempt(db, forms, NOW + i)
        assert (tried is None) == (done is None)
        if tried is None or done is None:
            assert state(db) == kept
            continue
        assert datoms(tried) == datoms(done)
        assert tried.tempids == done.tempids
        assert state(db) == kept
        db = done.db_after


@settings(max_examples=150, deadline=None)
@given(transactions)
def test_datoms_say_what_changed(history: list[Any]) -> None:
    """The state after is the state before with the retractions taken away and the assertions put in; no datom is
    redundant, and of cardinality one there is one."""
    db = BASE
    for i, forms in enumerate(history):
        before = state(db)
        result = attempt(db, forms, NOW + i)
        if result is None:
            continue
        gone = {(e, a, v) for e, a, v, op in zip(result.es, result.attrs, result.vs, result.added) if not op}
        made = {(e, a, v) for e, a, v, op in zip(result.es, result.attrs, result.vs, result.added) if op}
        assert len(gone) + len(made) == len(result.es)
        assert gone <= before
        assert not made & before
        assert not made & gone
        assert state(result.db_after) == (before - gone) | made
        attributes = result.db_after.schema.attributes
        ones = [(e, a) for e, a, _ in state(result.db_after) if e >> 42 and not attributes[a].many]
        assert len(ones) == len(set(ones))
        uniques = [(a, v) for _, a, v in state(result.db_after) if attributes[a].unique]
        assert len(uniques) == len(set(uniques))
        db = result.db_after


@settings(max_examples=60, deadline=None)
@given(transactions)
def test_replaying_the_log_and_as_of(history: list[Any]) -> None:
    """Datoms replayed give the same database, and as-of any t is the value that was at t."""
    db = replayed = BASE
    values = []
    for i, forms in enumerate(history):
        result = attempt(db, forms, NOW + i)
        if result is None:
            continue
        db = result.db_after
        values.append((result.t, state(db)))
        replayed = replayed.with_datoms(result.es, result.attrs, result.vs, result.tx, result.added, t=result.t,
                                        next_t=db.next_t, next_schema_id=db.next_schema_id)
    assert state(replayed) == state(db)
    for t, then in values:
        assert state(db.as_of(t)) == then


def spelled(form: Any) -> Any:
    """A map form with its keys as text, which take the longer way."""
    return {f":{key.text}": value for key, value in form.items()} if isinstance(form, dict) else form


@settings(max_examples=150, deadline=None)
@given(transactions)
def test_spelling_makes_no_difference(history: list[Any]) -> None:
    """Keys as keywords (the short way) and as text (the longer one) give the same datoms and ids."""
    db = BASE
    for i, forms in enumerate(history):
        short = attempt(db.fork(), forms, NOW + i)
        long = attempt(db.fork(), [spelled(form) for form in forms], NOW + i)
        assert (short is None) == (long is None)
        if short is None or long is None:
            continue
        assert datoms(short) == datoms(long)
        assert short.tempids == long.tempids
        done = attempt(db, forms, NOW + i)
        assert done is not None
        db = done.db_after


def listed(forms: list[Any]) -> list[Any]:
    """Map forms as list forms: one per value."""
    result: list[Any] = []
    for n, form in enumerate(forms):
        if not isinstance(form, dict):
            result.append(form)
            continue
        e = form.get(kw("db/id"), f"anonymous {n}")
        for key, value in form.items():
            if key is kw("db/id"):
                continue
            many = key.text in MANY
            result.extend((kw("db/add"), e, key, item) for item in (value if many else [value]))
    return result


@settings(max_examples=150, deadline=None)
@given(transactions)
def test_maps_are_their_lists(history: list[Any]) -> None:
    """A map form says what its list forms say."""
    db = BASE
    for i, forms in enumerate(history):
        short = attempt(db.fork(), forms, NOW + i)
        long = attempt(db.fork(), listed(forms), NOW + i)
        if short is not None:
            assert long is not None
            assert datoms(short) == datoms(long)
        done = attempt(db, forms, NOW + i)
        db = db if done is None else done.db_after


@settings(max_examples=100, deadline=None)
@given(transactions)
def test_retracting_undoes_adding(history: list[Any]) -> None:
    """Retracting what a transaction asserted and asserting what it retracted gives the state before."""
    db = BASE
    for i, forms in enumerate(history):
        result = attempt(db, forms, NOW + i)
        if result is None:
            continue
        back = [
            (kw("db/retract" if d.added else "db/add"), d.e, d.a, d.v) for d in result.tx_data()
            if d.a != 50
        ]
        undone = transact(result.db_after, tuple(back), NOW + i)
        own = {(undone.tx, 50), (result.tx, 50)}
        assert {x for x in state(undone.db_after) if x[:2] not in own} == state(db)
        db = result.db_after


@settings(max_examples=100, deadline=None)
@given(transactions, st.integers(-5, 5))
def test_instants_never_go_back(history: list[Any], drift: int) -> None:
    """Whatever the clock does, instants ascend with t."""
    db = BASE
    last = 0
    for i, forms in enumerate(history):
        result = attempt(db, forms, NOW + drift * i)
        if result is None:
            continue
        instant = next(d.v for d in result.tx_data() if d.a == 50)
        assert isinstance(instant, Instant)
        assert instant.ms >= last
        last = instant.ms
        db = result.db_after
