"""Pulls of many entities over columns are pulls of each, whatever the pattern and the data."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from peerserver.database import Database
from peerserver.model.values import EdnList, Keyword, Symbol
from peerserver.pull import parse_pattern, pull, pull_many
from peerserver.transact import transact

K = Keyword
NOW = 1_700_000_000_000
N = 20


def _attribute(name: str, kind: str, many: bool = False, component: bool = False) -> dict[Keyword, Any]:
    return {
        K("db/ident"): K(name),
        K("db/valueType"): K(f"db.type/{kind}"),
        K("db/cardinality"): K("db.cardinality/many" if many else "db.cardinality/one"),
        K("db/isComponent"): component,
    }


def _attributes() -> list[dict[Keyword, Any]]:
    made = [_attribute("x/name", "string"), _attribute("x/n", "long"), _attribute("x/tags", "keyword", many=True),
            _attribute("x/one", "ref"), _attribute("x/many", "ref", many=True),
            _attribute("x/part", "ref", component=True), _attribute("x/parts", "ref", many=True, component=True)]
    for attribute in made:
        if attribute[K("db/valueType")].name != "ref":
            attribute.pop(K("db/isComponent"))
    return made


names = st.sampled_from(["x/name", "x/n", "x/tags", "x/one", "x/many", "x/part", "x/parts", "x/_one", "x/_many", "x/_parts",
                         "x/none"])
scalars = names.map(K)
options = st.lists(
    st.one_of(
        st.tuples(st.just(K("limit")), st.sampled_from([None, 1, 2, 5, 0])),
        st.tuples(st.just(K("default")), st.sampled_from([0, "x", ("a",), None])),
        st.tuples(st.just(K("as")), st.sampled_from(["key", K("other/name"), 7])),
        st.tuples(st.just(K("xform")), st.just(Symbol("str"))),
    ),
    max_size=2,
)
expressions = st.tuples(scalars, options).map(lambda x: (x[0], *(part for pair in x[1] for part in pair)))
refs = st.sampled_from(["x/one", "x/many", "x/part", "x/parts", "x/_one", "x/_many", "x/_parts"]).map(K)


def _unique(items: list[Any]) -> tuple[Any, ...]:
    seen: dict[Any, Any] = {}
    for item in items:
        head = next(iter(item)) if isinstance(item, dict) else item
        seen.setdefault(head[0] if isinstance(head, tuple) else head, item)
    return tuple(seen.values())


patterns = st.recursive(
    st.lists(st.one_of(scalars, expressions, st.just(K("db/id"))), min_size=1, max_size=4).map(_unique),
    lambda inner: st.lists(
        st.one_of(scalars, expressions, st.tuples(refs, inner).map(lambda x: {x[0]: x[1]}), st.just(Symbol("*")),
                  st.tuples(refs, st.just(Symbol("..."))).map(lambda x: {x[0]: x[1]})),
        min_size=1, max_size=4).map(_unique),
    max_leaves=4,
)
values = {
    "x/name": st.sampled_from(["a", "b", "c"]),
    "x/n": st.integers(-3, 3),
    "x/tags": st.sampled_from([K("t/a"), K("t/b"), K("c")]),
}
entities = st.integers(0, N - 1)
facts = st.lists(
    st.one_of(
        *(st.tuples(entities, st.just(name), strategy) for name, strategy in values.items()),
        *(st.tuples(entities, st.just(name), entities) for name in ("x/one", "x/many")),
        st.tuples(entities, st.sampled_from(["x/part", "x/parts"]), entities).filter(lambda f: f[0] < f[2]),
    ),
    max_size=60,
)


def _database(found: list[tuple[int, str, Any]]) -> tuple[Database, list[int]]:
    db = transact(Database.new("pull"), _attributes(), NOW).db_after
    made = transact(db, [{K("db/id"): str(n), K("x/n"): n} for n in range(N)], NOW)
    eids = [made.tempids[str(n)] for n in range(N)]
    db = made.db_after
    latest = {(e, a, v if a in ("x/tags", "x/many", "x/parts") else None): v for e, a, v in found}
    tx = [(K("db/add"), eids[e], K(a), eids[v] if a in ("x/one", "x/many", "x/part", "x/parts") else v)
          for (e, a, _), v in latest.items()]
    return transact(db, tx, NOW).db_after, eids


@given(facts, patterns)
def test_many_are_each(found: list[tuple[int, str, Any]], form: Any) -> None:
    """pull_many of twenty entities gives what twenty pulls give, in their order."""
    db, eids = _database(found)
    pattern = parse_pattern(form)
    for view in (db, db.as_of(db.basis_t - 1)):
        assert pull_many(view, pattern, eids) == [pull(view, pattern, e) for e in eids]


def test_a_component_that_contains_itself_ends() -> None:
    """A cycle of components is shown once around, then as its bare id: no endless map."""
    db, eids = _database([])
    a, b = eids[:2]
    db = transact(db, [(K("db/add"), a, K("x/part"), b), (K("db/add"), b, K("x/part"), a)], NOW).db_after
    found = pull(db, parse_pattern((K("x/part"),)), a)
    assert found == {K("x/part"): {K("db/id"): b, K("x/n"): 1, K("x/part"): {
        K("db/id"): a, K("x/n"): 0, K("x/part"): {K("db/id"): b}}}}


def test_lists_and_vectors_are_alike() -> None:
    """A pattern may be a list, and so may what is in it."""
    db, eids = _database([])
    vector = parse_pattern(((K("x/n"), K("as"), "n"),))
    assert pull(db, vector, eids[3]) == pull(db, parse_pattern(EdnList([EdnList([K("x/n"), K("as"), "n"])])), eids[3])


def test_of_several_owners_the_least_counts() -> None:
    """A component with two owners shows the one with the least id, alone and among many (oracle: pull-owners)."""
    db, eids = _database([(1, "x/parts", 2), (0, "x/parts", 2)])
    pattern = parse_pattern(({K("x/_parts"): (K("db/id"),)},))
    found = {K("x/_parts"): {K("db/id"): eids[0]}}
    assert pull(db, pattern, eids[2]) == found
    assert pull_many(db, pattern, eids)[2] == found
