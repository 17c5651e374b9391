"""Whatever a client sends is transacted or refused with an anomaly; nothing else ever comes out."""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from peerserver.database import Database
from peerserver.model.anomaly import Anomaly
from peerserver.model.values import (
    INT64_MAX,
    INT64_MIN,
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
)
from peerserver.transact import transact

from .world import NOW, new, run, state

NAMES = [
    "db/id",
    "db/ident",
    "db/valueType",
    "db/cardinality",
    "db/unique",
    "db/index",
    "db/isComponent",
    "db/noHistory",
    "db/fulltext",
    "db/doc",
    "db/tupleAttrs",
    "db/tupleTypes",
    "db/tupleType",
    "db.attr/preds",
    "db.entity/attrs",
    "db.entity/preds",
    "db/ensure",
    "db/fn",
    "db/txInstant",
    "db.install/attribute",
    "db.install/_attribute",
    "db.install/_partition",
    "db.alter/attribute",
    "db/excise",
    "db/force-partition",
    "db/match-partition",
    "db/lang",
    "db.part/db",
    "db.part/user",
    "db.part/tx",
    "db.type/long",
    "db.type/tuple",
    "db.type/ref",
    "db.type/string",
    "db.type/fn",
    "db.type/bytes",
    "db.cardinality/one",
    "db.cardinality/many",
    "db.unique/identity",
    "db.unique/value",
    "p/name",
    "p/email",
    "p/age",
    "p/nick",
    "p/friend",
    "p/boss",
    "p/home",
    "p/ok",
    "p/size",
    "p/_boss",
    "p/_home",
    "p/pair",
    "p/both",
    "p/_name",
    "no/such",
    "x",
    "_",
    "/",
]
OPS = ["db/add", "db/retract", "db/retractEntity", "db/cas", "db.fn/cas", "db/frob", "p/name", "db.part/user"]

keywords = st.sampled_from([Keyword(name) for name in NAMES])
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 100),
    st.sampled_from([INT64_MAX, INT64_MIN, 1 << 62, 1 << 64, -(1 << 70)]),
    st.sampled_from([17592186045417, 17592186045418, 13194139534312, 13194139534313, -9223354444668731387]),
    st.floats(),
    st.sampled_from(["", ":", "a", "b", ":p/name", "datomic.tx", "p/name", "~", "\0", "Ann"]),
    keywords,
    keywords,
    st.sampled_from([Symbol("p/name"), Symbol("pos?"), Symbol("a.b/c")]),
    st.sampled_from(
        [
            BigInt(5),
            BigInt(1 << 80),
            Decimal("1.50"),
            Decimal("NaN"),
            Float32(1.5),
            Ratio(1, 3),
            Ratio(1, 0),
            Char("c"),
            Instant(0),
            Instant(NOW + 10),
            uuid.UUID(int=5),
            URI("http://a"),
            b"",
            b"\1",
        ]
    ),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4).map(tuple),
        st.lists(inner, max_size=4).map(EdnList),
        st.lists(inner, max_size=3),
        st.frozensets(scalars, max_size=3),
        st.dictionaries(st.one_of(keywords, scalars), inner, max_size=3),
        st.tuples(keywords, inner),
        st.builds(Tagged, st.sampled_from(["db/id", "db/fn", "x"]), inner),
    ),
    max_leaves=6,
)


def mostly(good: Any, bad: Any = values) -> Any:
    """Seldom bad: otherwise the first thing wrong hides the rest."""
    return st.integers(0, 24).flatmap(lambda n: bad if n == 0 else good)


refs = st.one_of(
    st.sampled_from(
        ["a", "b", "c", "datomic.tx", ":p/name", 17592186045417, 17592186045418, 72, 5, 0, -9223354444668731387]
    ),
    st.sampled_from(
        [
            (Keyword("p/name"), "Ann"),
            (Keyword("p/name"), "Bob"),
            EdnList((Keyword("db/ident"), Keyword("p/age"))),
            (Keyword("p/both"), (1, 17592186045418)),
            Keyword("p/age"),
            Keyword("x"),
            Tagged("db/id", (Keyword("db.part/user"), -1)),
        ]
    ),
)
idents = st.sampled_from([Keyword(name) for name in ("x", "y", "p/age", "p/name", "p/both", "p/nick", "q/z")])
types = st.sampled_from(
    [Keyword("db.type/" + name) for name in ("long", "ref", "string", "tuple", "bytes", "fn", "double")]
)
flags = st.booleans()
texts = st.sampled_from(["Ann", "Bob", "New", "", "e1"])
members = st.lists(idents, min_size=1, max_size=3).map(tuple)
fn = Tagged("db/fn", {Keyword("lang"): Keyword("clojure"), Keyword("code"): ("x",)})
TYPED: dict[str, Any] = {
    "db/ident": idents,
    "db/valueType": types,
    "db/doc": texts,
    "db/index": flags,
    "db/isComponent": flags,
    "db/cardinality": st.sampled_from(
        [Keyword("db.cardinality/one"), Keyword("db.cardinality/many"), 35, Keyword("p/age")]
    ),
    "db/unique": st.sampled_from([Keyword("db.unique/identity"), Keyword("db.unique/value"), 37]),
    "db/noHistory": flags,
    "db/fulltext": flags,
    "db/tupleAttrs": members,
    "db/tupleTypes": st.lists(types, max_size=3).map(tuple),
    "db/tupleType": types,
    "db.attr/preds": st.sampled_from([Symbol("pos?"), Symbol("clojure.core/string?"), Symbol("no/such")]),
    "db.entity/attrs": members,
    "db.entity/preds": st.just(Symbol("clojure.core/not=")),
    "db/ensure": refs,
    "db/fn": st.just(fn),
    "db/txInstant": st.sampled_from([Instant(NOW), Instant(0), Instant(NOW + 1)]),
    "db.install/_attribute": refs,
    "db.install/_partition": refs,
    "db.alter/_attribute": refs,
    "db/excise": refs,
    "db.install/partition": refs,
    "db/force-partition": st.dictionaries(
        st.sampled_from(["a", "b"]), st.sampled_from([Keyword("db.part/user"), 4, 0, 3, (1 << 19) << 42])
    ),
    "db/match-partition": st.dictionaries(st.sampled_from(["a", "b"]), refs),
    "p/name": texts,
    "p/email": texts,
    "p/age": st.integers(-2, 2),
    "p/nick": st.lists(texts, max_size=2).map(tuple),
    "p/friend": st.lists(refs, max_size=2).map(tuple),
    "p/boss": refs,
    "p/home": refs,
    "p/ok": flags,
    "p/size": st.sampled_from([0.0, -0.0, 1.5, float("nan")]),
    "p/_boss": refs,
    "p/_home": refs,
    "p/pair": st.lists(st.tuples(refs, texts), max_size=2).map(tuple),
    "p/both": st.tuples(st.integers(0, 2), refs),
}


@st.composite
def maps(draw: Any, depth: int = 0) -> dict[Any, Any]:
    """A map form, mostly well typed, with nested maps."""
    form: dict[Any, Any] = {}
    if draw(st.booleans()):
        form[Keyword("db/id")] = draw(mostly(refs))
    for name in draw(st.lists(st.sampled_from(list(TYPED)), max_size=4, unique=True)):
        key = draw(mostly(st.sampled_from([Keyword(name), Keyword(name), ":" + name]), scalars))
        if name in ("p/home", "p/boss", "p/friend") and depth < 2 and draw(st.booleans()):
            form[key] = draw(maps(depth + 1))
        else:
            form[key] = draw(mostly(TYPED[name]))
    return form


@st.composite
def lists(draw: Any) -> Any:
    """A list form, mostly well typed."""
    op = draw(
        mostly(
            st.sampled_from([Keyword(op) for op in ("db/add", "db/add", "db/retract", "db/retractEntity", "db/cas")]),
            st.one_of(values, st.sampled_from([Keyword(op) for op in OPS])),
        )
    )
    e = draw(mostly(refs))
    if op is Keyword("db/retractEntity"):
        return (op, e)
    name = draw(st.sampled_from(list(TYPED)))
    found = draw(mostly(TYPED[name]))
    value = found[0] if isinstance(found, tuple) and found and name in ("p/nick", "p/friend", "p/pair") else found
    form = (op, e, draw(mostly(st.just(Keyword(name)))), value)
    if op is Keyword("db/cas"):
        return (*form[:3], draw(st.one_of(st.none(), mostly(TYPED[name]))), value)
    return form[:3] if op is Keyword("db/retract") and draw(st.booleans()) else form


forms = st.lists(mostly(st.one_of(maps(), lists())), max_size=3)


def start() -> Database:
    """A database with tuples too."""
    db = run(
        new(),
        """[{:db/ident :p/pair :db/valueType :db.type/tuple :db/tupleTypes [:db.type/ref :db.type/string]
                         :db/cardinality :db.cardinality/many}
                        {:db/ident :p/both :db/valueType :db.type/tuple :db/tupleAttrs [:p/age :p/boss]
                         :db/cardinality :db.cardinality/one :db/unique :db.unique/identity}]""",
    ).db_after
    return run(db, '[{:p/name "Ann" :p/age 1 :p/boss "b"} {:db/id "b" :p/name "Bob" :p/nick ["x"]}]').db_after


BASE = start()


def attempt(db: Database, data: Any) -> Database:
    """The next value, or the same when the transaction is refused."""
    before = state(db)
    try:
        return transact(db, data, NOW).db_after
    except Anomaly as problem:
        assert problem.category in ("incorrect", "conflict", "not-found", "unsupported"), problem
        assert isinstance(problem.message, str)
        assert state(db) == before
        return db


@settings(max_examples=300, deadline=None)
@given(st.lists(forms, min_size=1, max_size=3))
def test_garbage_is_refused_with_an_anomaly(history: list[Any]) -> None:
    """Random forms are transacted, or refused as the client's fault without a trace."""
    db = BASE
    for data in history:
        db = attempt(db, tuple(data))


@settings(max_examples=100, deadline=None)
@given(values)
def test_anything_as_transaction_data(data: Any) -> None:
    """Transaction data that is no list of forms is refused."""
    attempt(BASE, data)
