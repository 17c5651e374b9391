"""Malformed requests of all kinds: whatever is in a signed request, the answer is an anomaly and never a fault."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from peerserver.codec import transit
from peerserver.model.values import URI, BigInt, Char, EdnList, Float32, Instant, Keyword, Symbol, Tagged
from peerserver.web.operations import ANSWERED, PAGED

from .house import House, kw, read

CATEGORY = kw("cognitect.anomalies/category")
#: things that mean something somewhere, in the wrong places more often than not.
WORDS = [
    None, True, False, 0, 1, -1, 5, 66, 1000, 2**42, 2**63 - 1, -(2**63), BigInt(2**70), 1.5, float("nan"), Float32(0.5),
    Decimal("1.50"), "", "x", ":p/name", "?e", "[:find ?e :where [?e :p/name]]", "[*]", "(", "datomic.tx", Char("c"),
    Instant(0), Instant(2**60), UUID(int=1), URI("http://x"), b"\x00", Tagged("unknown", 1), Symbol("?e"), Symbol("$"),
    Symbol("%"), Symbol("."), Symbol("..."), Symbol("_"), Symbol("*"), Symbol("pull"), Symbol("count"), Symbol("q"),
    *(Keyword(text) for text in (
        "p/name", "p/age", "p/friend", "p/_friend", "db/id", "db/ident", "db/add", "db/retract", "db/cas", "db/retractEntity",
        "db/valueType", "db.type/long", "eavt", "avet", "find", "where", "in", "with", "limit", "as", "default", "database-id",
        "keys", "db.part/tx")),
]
KEYS = [Keyword(name) for name in (
    "query", "args", "offset", "limit", "chunk", "timeout", "t", "as-of", "since", "history", "next-token", "index", "e", "a",
    "v", "components", "attrid", "start", "end", "selector", "eid", "reverse", "tx-data", "tx-id", "io-context", "query-stats",
    "db-name", "action", "log")]
FORMS = [read(text) for text in (
    "[:find ?e :where [?e :p/name]]", "[:find (count ?e) :in $ ?x :where [?e :p/age ?x]]", "[:p/name \"Ann\"]",
    "[{:p/name \"Zed\" :p/age 1}]", "[[:db/add \"x\" :p/age 5]]", "[:p/name {:p/friend 2}]", "[[(r ?x) [?x :p/age]]]",
    "[:find ?x :in $ [?x ...] :where [(> ?x 1)]]", "[[:db/cas 1 :p/age nil 2]]", "[{:db/id #{1} :db/ident :a/b}]")]

words = st.sampled_from(WORDS)


def collections(inner: Any) -> Any:
    lists = st.lists(inner, max_size=4)
    return st.one_of(lists.map(tuple), lists.map(EdnList), st.dictionaries(st.sampled_from(WORDS[-24:]), inner, max_size=3),
                     st.lists(words, max_size=3).map(lambda x: Tagged("#{}", tuple(x))))


values = st.recursive(st.one_of(words, st.sampled_from(FORMS)), collections, max_leaves=10)


@st.composite
def broken(draw: Any, form: Any) -> Any:
    """A form with one place of it replaced."""
    if not isinstance(form, tuple) or not form or draw(st.integers(0, 3)) == 0:
        return draw(values)
    at = draw(st.integers(0, len(form) - 1))
    return type(form)((*form[:at], draw(broken(form[at])), *form[at + 1:]))


arguments = st.one_of(values, st.sampled_from(FORMS).flatmap(broken))


@pytest.fixture(scope="module")
def house() -> House:
    """One server for all examples: none of them may spoil it."""
    house = House()
    house.transact("[{:db/ident :p/name :db/valueType :db.type/string :db/cardinality :db.cardinality/one "
                   ":db/unique :db.unique/identity} "
                   "{:db/ident :p/age :db/valueType :db.type/long :db/cardinality :db.cardinality/one :db/index true} "
                   "{:db/ident :p/friend :db/valueType :db.type/ref :db/cardinality :db.cardinality/many}]")
    house.transact('[{:p/name "Ann" :p/age 1}]')
    return house


@settings(max_examples=300, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(op=st.sampled_from([*ANSWERED, *PAGED, kw("next")]), given=st.dictionaries(st.sampled_from(KEYS), arguments, max_size=6),
       with_db=st.booleans(), need=arguments, fmt=st.sampled_from([transit.msgpack, transit.json]))
def test_no_request_is_a_fault(house: House, op: Keyword, given: dict[Keyword, Any], with_db: bool, need: Any,
                               fmt: transit.Format) -> None:
    """Each operation with what belongs to it, to others or nowhere; and the answer can be written."""
    form = {kw("op"): op, kw("database-id"): house.connection.database_id, **given}
    if op is kw("q"):
        form.setdefault(kw("query"), need)
        if with_db:
            form[kw("args")] = (house.db(), need)
        form[kw("timeout")] = 3000
    elif op.text in ("transact", "with"):
        form.setdefault(kw("tx-data"), need if isinstance(need, tuple) else (need,))
        if op is kw("with") and with_db:
            form[kw("next-token")] = house.ask("with-db")[kw("next-token")]
    elif op is kw("pull"):
        form.setdefault(kw("selector"), need)
        form.setdefault(kw("eid"), read('[:p/name "Ann"]'))
    if form.get(kw("t")) is not None:
        form[kw("t")] = 66
    found: list[Any] = []
    house.dispatcher.dispatch(form).addCallback(found.append)
    assert found, "waits for ever"
    (response,) = found
    fmt.encode(response)
    category = response.get(CATEGORY)
    assert category is None or category.name not in ("fault", "unavailable", "interrupted"), (form, response)
