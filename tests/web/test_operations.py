"""Every operation through the dispatcher: shapes of requests and responses, pages, time, forks, errors.

What an engine answers is held to the oracle elsewhere (``bin/conformance``); here it is what the protocol adds.
"""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from peerserver.model.values import Instant, Tagged
from peerserver.web.settings import Settings

from .house import House, kw, read
from .signing import NOW

CATEGORY, MESSAGE, ERROR = kw("cognitect.anomalies/category"), kw("cognitect.anomalies/message"), kw("db/error")
DATA, TOKEN, NEXT_OFFSET, CHUNK, DBS, T = map(kw, ("data", "next-token", "next-offset", "chunk", "dbs", "t"))
COUNT, RESULT, TEMPIDS, AFTER, BEFORE = map(kw, ("count", "result", "tempids", "db-after", "db-before"))

SCHEMA = """[{:db/ident :p/name :db/valueType :db.type/string :db/cardinality :db.cardinality/one
              :db/unique :db.unique/identity}
             {:db/ident :p/age :db/valueType :db.type/long :db/cardinality :db.cardinality/one :db/index true}
             {:db/ident :p/friend :db/valueType :db.type/ref :db/cardinality :db.cardinality/many}]"""
NAMES = "[:find ?n :where [_ :p/name ?n]]"


@pytest.fixture
def house() -> House:
    """A server with three people."""
    house = House()
    house.transact(SCHEMA)
    house.transact('[{:p/name "Ann" :p/age 30} {:p/name "Bob" :p/age 20} {:p/name "Cy" :p/age 40}]')
    return house


def is_anomaly(response: Any, category: str, error: str | None = None) -> str:
    """Checks an error's shape; its message."""
    assert response.get(CATEGORY) is kw("cognitect.anomalies/" + category), response
    assert error is None or response[ERROR] is kw("db.error/" + error)
    assert isinstance(response[kw("datomic.client-spi/request-id")], str)
    message = response[MESSAGE]
    assert isinstance(message, str)
    return message


def names(response: Any) -> set[str]:
    assert DATA in response, response
    return {row[0] for row in response[DATA]}


# -- catalog


def test_connect(house: House) -> None:
    """resolve-db gives the id, status the descriptor; both without knowing more than name and id."""
    answer = house.ask("datomic.catalog/resolve-db", '{:db-name "hello"}')
    assert answer == {kw("database-id"): house.connection.database_id}
    status = house.ask("status", '{:db-name "hello"}')
    db = house.connection.db()
    assert status == {kw("database-id"): db.id, T: db.basis_t, kw("next-t"): db.next_t, kw("history"): False,
                      DBS: status[DBS]}


def test_unknown_names(house: House) -> None:
    """An unknown name or id is not-found and named; an unknown operation is unsupported and named."""
    assert "nowhere" in is_anomaly(house.ask("datomic.catalog/resolve-db", '{:db-name "nowhere"}'), "not-found")
    gone = house.ask("status", database_id="gone")
    assert "gone" in is_anomaly(gone, "not-found")
    assert gone[kw("database-id")] == "gone"
    assert "frob" in is_anomaly(house.ask("frob"), "unsupported")
    is_anomaly(house.ask("datomic.catalog/resolve-db", "{:db-name 5}"), "incorrect")


@pytest.mark.parametrize("op", ["datomic.catalog/create-db", "datomic.catalog/delete-db",
                                "datomic.catalog/administer-system", "administer-system"])
def test_what_a_peer_server_does_not_do(house: House, op: str) -> None:
    """Making and deleting databases is refused, with what to do."""
    is_anomaly(house.ask(op, '{:db-name "hello" :action :upgrade-schema}'), "unsupported")


@pytest.mark.parametrize("form", [5, (), {}, {kw("op"): "status"}, {kw("op"): None}, {"op": kw("status")}])
def test_what_is_no_request(house: House, form: Any) -> None:
    """A request is a map with a keyword :op."""
    is_anomaly(house.result(house.dispatcher.dispatch(form)), "incorrect")


# -- q


def test_q(house: House) -> None:
    """Rows as vectors, :count the total, no paging keys where all fits, :dbs for the client's t."""
    answer = house.q(NAMES)
    assert names(answer) == {"Ann", "Bob", "Cy"}
    assert answer[COUNT] == 3
    assert not {TOKEN, NEXT_OFFSET, CHUNK} & answer.keys()
    assert answer[DBS][0][T] == house.connection.db().basis_t


def test_query_forms(house: House) -> None:
    """List, map and text, rules and collections as arguments."""
    assert names(house.ask("q", query=NAMES, args=(house.db(),))) == {"Ann", "Bob", "Cy"}
    assert names(house.q("{:find [?n] :where [[_ :p/name ?n]]}")) == {"Ann", "Bob", "Cy"}
    rules = read("[[(old ?e) [?e :p/age ?a] [(> ?a 25)]]]")
    query = "[:find ?n :in $ % [?n ...] :where (old ?e) [?e :p/name ?n]]"
    assert names(house.q(query, house.db(), rules, ("Ann", "Bob"))) == {"Ann"}


def test_an_empty_result(house: House) -> None:
    """It has a count of 0 and an empty vector."""
    answer = house.q('[:find ?e ?x :where [?e :p/name "Nobody"] [?e :p/age ?x]]')
    assert (answer[DATA], answer[COUNT]) == ((), 0)


def test_keys_make_maps(house: House) -> None:
    """The JavaScript client leaves :keys in the query, and expects maps."""
    answer = house.q("[:find ?n ?a :keys name age :where [?e :p/name ?n] [?e :p/age ?a] [(< ?a 25)]]")
    assert answer[DATA] == ({kw("name"): "Bob", kw("age"): 20},)


@pytest.mark.parametrize("find", ["?n .", "[?n ...]", "[?n ?e]"])
def test_only_relations(house: House, find: str) -> None:
    """Other find specs are refused, in the words of the real server."""
    message = is_anomaly(house.q(f"[:find {find} :where [_ :p/name ?n]]"), "incorrect")
    assert message == "Only find-rel elements are allowed in client :find"


def test_a_query_needs_a_database(house: House) -> None:
    """As the client API says."""
    assert is_anomaly(house.q("[:find ?x :in ?x]", 5), "incorrect") == "Query args must include a database"
    is_anomaly(house.ask("q", args=(house.db(),)), "incorrect")
    is_anomaly(house.ask("q", query=read(NAMES), args=5), "incorrect")


def test_two_databases_in_one_query(house: House) -> None:
    """Both are waited for, and both are in :dbs."""
    other = house.ask("status", database_id=house.dispatcher._context.databases.named["other"].database_id)
    described = {kw("database-id"): other[kw("database-id")], T: other[T]}
    answer = house.q("[:find ?n ?d :in $ $o :where [?e :p/name ?n] [$o ?x :db/ident :db/doc] [$o ?x :db/id ?d]]"
                     .replace("[$o ?x :db/id ?d]", "[$o ?x :db/valueType ?d]"), house.db(), described)
    assert names(answer) == {"Ann", "Bob", "Cy"}
    assert len(answer[DBS]) == 2


def test_the_log_as_an_argument(house: House) -> None:
    """``{:log database-id}`` stands for the log, beside a database or alone."""
    log = {kw("log"): house.connection.database_id}
    t = house.connection.db().basis_t
    query = "[:find ?tx :in ?log ?t :where [(tx-ids ?log ?t nil) [?tx ...]]]"
    assert house.q(query, log, t)[DATA] == ((3 << 42 | t,),)
    data = house.q("[:find ?v :in $ ?log ?t :where [(tx-data ?log ?t) [[?e ?a ?v]]] [?e :p/age ?v]]", house.db(), log, t)
    assert {row[0] for row in data[DATA]} == {20, 30, 40}
    is_anomaly(house.q(query, {kw("log"): "gone"}, t), "not-found")


def test_maps_that_only_look_like_databases(house: House) -> None:
    """A map without a database's id is the user's own."""
    answer = house.q("[:find ?x :in $ ?m ?k :where [(get ?m ?k) ?x]]", house.db(), {kw("log"): 5}, kw("log"))
    assert answer[DATA] == ((5,),)


def test_a_query_s_time(house: House) -> None:
    """A query that is out of time is incorrect: a client would repeat anything else."""
    clauses = " ".join(f"[?{x} :db/ident]" for x in "abcde")
    query = f"[:find (count ?a) :with ?b ?c ?d ?e :where {clauses}]"
    message = is_anomaly(house.q(query, timeout=100), "incorrect")
    assert "cancel" in message.lower()


def test_stats(house: House) -> None:
    """query-stats and io-stats come as metadata of the first response, so that the client returns a map."""
    answer = house.q(NAMES, query_stats=True, io_context=kw("test/io"))
    metadata = answer[kw("metadata")]
    assert metadata[kw("io-stats")][kw("io-context")] is kw("test/io")
    assert metadata[kw("query-stats")][kw("phases")]
    assert "metadata" not in {key.text for key in house.q(NAMES)}
    is_anomaly(house.q(NAMES, io_context=5), "incorrect")


# -- pages


def many(house: House, n: int = 25) -> None:
    house.transact("[" + " ".join(f"{{:p/age {1000 + i}}}" for i in range(n)) + "]")


def all_pages(house: House, answer: Any) -> list[Any]:
    """The rows of all pages, as the clients read them."""
    rows = list(answer[DATA])
    while TOKEN in answer:
        assert type(answer[TOKEN]) is str
        answer = house.ask("next", next_token=answer[TOKEN], offset=answer[NEXT_OFFSET], chunk=answer[CHUNK])
        assert DATA in answer, answer
        rows.extend(answer[DATA])
    return rows


ALL = "[:find ?a :where [_ :p/age ?a] [(>= ?a 1000)]]"


@pytest.mark.parametrize(("offset", "limit", "chunk", "expected"), [
    (0, -1, 7, 25), (0, -1, 25, 25), (0, -1, 1000, 25), (20, -1, 2, 5), (3, 10, 4, 10), (30, -1, 4, 0), (0, 0, 4, 0),
    (24, 5, 1, 1)])
def test_offset_limit_and_chunk(house: House, offset: int, limit: int, chunk: int, expected: int) -> None:
    """Rows offset to offset + limit are delivered, once each, in chunks; :count is the total of the result."""
    many(house)
    first = house.q(ALL, offset=offset, limit=limit, chunk=chunk)
    assert first[COUNT] == 25
    assert len(first[DATA]) == min(chunk, expected)
    rows = all_pages(house, first)
    assert len(rows) == len(set(rows)) == expected
    assert rows == all_pages(house, house.q(ALL, limit=-1))[offset:offset + expected]


def test_the_longest_page() -> None:
    """A chunk of millions is given in pages that the server can afford."""
    house = House(Settings(longest_page=10))
    house.transact(SCHEMA)
    many(house)
    first = house.q(ALL, chunk=10**9, limit=-1)
    assert len(first[DATA]) == 10
    assert len(all_pages(house, first)) == 25


def test_the_default_limit_is_1000(house: House) -> None:
    """For queries of the async API too, which sends none."""
    many(house, 1100)
    assert len(all_pages(house, house.q(ALL))) == 1000
    assert len(all_pages(house, house.q(ALL, limit=-1))) == 1100
    datoms = house.ask("datoms", "{:index :avet :a :p/age}", t=house.connection.db().basis_t)
    assert len(all_pages(house, datoms)) == 1000


@pytest.mark.parametrize("text", [":offset -1", ':offset "1"', ":limit -2", ":chunk 0", ":limit true", ":offset 1N",
                                  ":t -1", ':t "1"'])
def test_paging_arguments_are_checked(house: House, text: str) -> None:
    """Numbers where numbers belong."""
    is_anomaly(house.ask("datoms", "{:index :eavt " + text + "}"), "incorrect")
    is_anomaly(house.q(NAMES, timeout=-1), "incorrect")


def test_an_iteration_is_fixed_at_its_start(house: House) -> None:
    """Later writes don't show in it; several go on at once."""
    many(house)
    first = house.ask("datoms", "{:index :avet :a :p/age :limit -1 :chunk 5}")
    second = house.q(ALL, chunk=3)
    house.transact("[{:p/age 1003} {:p/age 5000}]")
    assert len(all_pages(house, first)) == 28
    assert len(all_pages(house, second)) == 25


def test_a_forgotten_iteration_goes_on(house: House) -> None:
    """Half-read results are let go after a while; a token that carries its request makes the result again."""
    many(house)
    first = house.q(ALL, chunk=10)
    house.transact("[{:p/age 1003}]")
    house.clock.advance(house.settings.pages_age + 1)
    assert len(all_pages(house, first)) == 25
    assert len(house.dispatcher._continuations) == 0


def test_another_server_goes_on(house: House) -> None:
    """A token is good at a server with the same keys and the same database, without sticky sessions."""
    from peerserver.web.dispatcher import Dispatcher

    from .signing import KEY, SECRET

    many(house)
    first = house.ask("datoms", "{:index :avet :a :p/age :chunk 10}")
    named = house.dispatcher._context.databases.named
    house.dispatcher = Dispatcher(named, {KEY: SECRET}, house.settings, now=house.clock.seconds)
    assert len(all_pages(house, first)) == 28
    house.dispatcher = Dispatcher(named, {KEY: "another"}, house.settings, now=house.clock.seconds)
    is_anomaly(house.ask("next", next_token=first[TOKEN], offset=10), "incorrect")


def test_a_large_request_forgotten_says_so(house: House) -> None:
    """A request that is too large for a token can't be made again; the message says what to do."""
    many(house)
    args = (house.db(), tuple(range(1000, 2000)))
    first = house.q("[:find ?a :in $ [?a ...] :where [_ :p/age ?a]]", *args, chunk=10)
    house.clock.advance(house.settings.pages_age + 1)
    answer = house.ask("next", next_token=first[TOKEN], offset=10, chunk=10)
    assert ":offset" in is_anomaly(answer, "incorrect")


# -- indexes and log


def test_datoms_by_position(house: House) -> None:
    """:e :a :v mean the index's components in its order; :components is the same, as the JavaScript client sends it."""
    by_name = house.ask("datoms", "{:index :avet :a :p/age :v 30}")
    by_position = house.ask("datoms", "{:index :avet :components [:p/age 30]}")
    assert by_name[DATA] == by_position[DATA]
    (datom,) = by_name[DATA]
    assert isinstance(datom, Tagged)
    assert datom.tag == "datom"
    e, a, v, tx, added = datom.value
    assert (a, v, added) == (house.connection.db().entid(kw("p/age")), 30, True)
    entity = house.ask("datoms", "{:index :eavt}", e=e)[DATA]
    assert [x.value[2] for x in entity] == ["Ann", 30]
    assert house.ask("datoms", "{:index :eavt}", e=e, a=kw("p/age"), v=31)[DATA] == ()
    assert tx > 1 << 42


def test_datoms_errors(house: House) -> None:
    """An unknown attribute is empty, an unknown index an error."""
    assert house.ask("datoms", "{:index :avet :a :no/such}")[DATA] == ()
    is_anomaly(house.ask("datoms", "{:index :vate}"), "incorrect")
    is_anomaly(house.ask("datoms"), "incorrect")
    is_anomaly(house.ask("datoms", "{:index :avet :a :p/friend :v 1 :components 5}"), "incorrect")


def test_index_range(house: House) -> None:
    """The start is in it, the end isn't, both may be absent."""
    def ages(text: str) -> list[int]:
        return [d.value[2] for d in house.ask("index-range", text)[DATA]]

    assert ages("{:attrid :p/age :start 20 :end 40}") == [20, 30]
    assert ages("{:attrid :p/age}") == [20, 30, 40]
    assert ages("{:attrid :p/age :start 30 :offset 1}") == [40]
    is_anomaly(house.ask("index-range", "{:attrid :no/such}"), "incorrect", "not-an-entity")
    is_anomaly(house.ask("index-range"), "incorrect")


def test_index_pull(house: House) -> None:
    """Maps in the order of the index, forwards and backwards."""
    def ages(text: str) -> list[Any]:
        return [row[kw("p/age")] for row in all_pages(house, house.ask("index-pull", text))]

    assert ages("{:index :avet :selector [:p/age] :start [:p/age]}") == [20, 30, 40]
    assert ages("{:index :avet :selector [:p/age] :start [:p/age 30] :reverse true :chunk 1}") == [30, 20]
    assert ages('{:index :avet :selector "[:p/age]" :start [:p/age 21] :limit 1}') == [30]
    is_anomaly(house.ask("index-pull", "{:index :avet :start [:p/age]}"), "incorrect")
    is_anomaly(house.ask("index-pull", "{:index :aevt :selector [*] :start [:p/name]}"), "incorrect", "invalid-pull")


def test_tx_range(house: House) -> None:
    """Transactions from start to before end, each with its t and datoms; paged."""
    first, second = (house.transact(f"[{{:p/age {n}}}]") for n in (50, 51))
    def ts(text: str, **more: Any) -> list[int]:
        return [tx[T] for tx in all_pages(house, house.ask("tx-range", text, **more))]

    t1, t2 = first[AFTER][T], second[AFTER][T]
    assert ts("{}", start=t1) == [t1, t2]
    assert ts("{}", start=t1, end=t2) == [t1]
    assert ts("{:chunk 1}")[-2:] == [t1, t2]
    assert ts("{}", start=Instant(int(NOW * 1000) + 10**6)) == []
    assert [d.tag for d in house.ask("tx-range", start=t2)[DATA][0][DATA]] == ["datom", "datom"]
    is_anomaly(house.ask("tx-range", '{:start "x"}'), "incorrect")


def test_db_stats(house: House) -> None:
    """Datoms in all, and by attribute."""
    result = house.ask("db-stats")[RESULT]
    assert result[kw("attrs")][kw("p/age")] == {COUNT: 3}
    assert result[kw("datoms")] > 200


# -- pull


def test_pull(house: House) -> None:
    """Selector as data or text; any entity identifier; nil where there is nothing."""
    ann = read('[:p/name "Ann"]')
    assert house.ask("pull", "{:selector [:p/age]}", eid=ann)[RESULT] == {kw("p/age"): 30}
    assert house.ask("pull", '{:selector "[:p/age]"}', eid=ann)[RESULT] == {kw("p/age"): 30}
    assert not house.ask("pull", "{:selector [:p/age]}", eid=read('[:p/name "No"]'))[RESULT]
    stats = house.ask("pull", "{:selector [:p/age] :io-context :a/b}", eid=ann)[RESULT]
    assert stats[kw("ret")] == {kw("p/age"): 30}
    assert stats[kw("io-stats")][kw("api")] is kw("pull")
    for text in ("{:selector [:p/age]}", "{:eid 1}", "{:selector 5 :eid 1}", "{:selector [:p/age 5] :eid 1}"):
        is_anomaly(house.ask("pull", text), "incorrect")
    is_anomaly(house.ask("pull", "{:selector [:p/age] :eid 1 :history true}"), "incorrect")


# -- transact


def test_transact(house: House) -> None:
    """The answer has four keys and :dbs, and nothing else; the first datom is the transaction's instant."""
    before = house.connection.db()
    answer = house.transact('[{:db/id "x" :p/name "Dot"} {:p/age 1}]')
    assert answer.keys() == {BEFORE, AFTER, kw("tx-data"), TEMPIDS, DBS}
    assert answer[BEFORE][T] == before.basis_t
    assert answer[AFTER][T] == answer[DBS][0][T] > before.basis_t
    first = answer[kw("tx-data")][0].value
    assert isinstance(first[2], Instant)
    assert first[0] == first[3]
    assert {type(key) for key in answer[TEMPIDS]} == {str, int}
    assert answer[TEMPIDS]["x"] > 1 << 42


def test_a_repeated_transaction_has_one_answer(house: House) -> None:
    """By its :tx-id."""
    name = uuid4()
    first, again = (house.ask("transact", "{:tx-data [{:p/age 1}]}", tx_id=name) for _ in range(2))
    assert first == again


@pytest.mark.parametrize(("tx", "category", "error"), [
    ("[[:db/cas [:p/name \"Ann\"] :p/age 1 2]]", "conflict", "cas-failed"),
    ("[[:db/add [:p/name \"Ann\"] :p/name \"Bob\"]]", "conflict", "unique-conflict"),
    ("[{:p/name 5}]", "incorrect", "wrong-type-for-attribute"),
    ("[{:p/none 5}]", "incorrect", "not-an-entity"),
    ("[42]", "incorrect", "not-transaction-data"),
    ("[[:no/fn 1]]", "incorrect", "not-a-data-function"),
    ("5", "incorrect", None),
])
def test_refused_transactions(house: House, tx: str, category: str, error: str | None) -> None:
    """The category and the code of each, and nothing has changed; :dbs is there too."""
    t = house.connection.db().basis_t
    answer = house.ask("transact", tx_data=read(tx), tx_id=uuid4())
    is_anomaly(answer, category, error)
    assert answer[DBS][0][T] == house.connection.db().basis_t == t


def test_no_tx_data(house: House) -> None:
    """It is said, not guessed."""
    is_anomaly(house.ask("transact", tx_id=uuid4()), "incorrect")
    stats = house.ask("transact", "{:tx-data [] :io-context :a/b}")
    assert stats[kw("io-stats")][kw("api")] is kw("tx-with")


# -- time


def test_a_value_stays_the_same(house: House) -> None:
    """Rows at a t are the same for ever; since, history and the smaller of t and as-of."""
    then = house.db()
    house.transact('[{:p/name "Dot"} [:db/add [:p/name "Ann"] :p/age 31]]')
    assert names(house.q(NAMES, then)) == {"Ann", "Bob", "Cy"}
    assert names(house.q(NAMES)) == {"Ann", "Bob", "Cy", "Dot"}
    assert names(house.q(NAMES, house.db(as_of=then[T]))) == {"Ann", "Bob", "Cy"}
    assert names(house.q(NAMES, {**then, kw("as-of"): 10**6})) == {"Ann", "Bob", "Cy"}
    assert names(house.q(NAMES, house.db(as_of=1000))) == set()
    assert names(house.q(NAMES, house.db(since=then[T]))) == {"Dot"}
    assert names(house.q(NAMES, house.db(as_of=Instant(0)))) == set()
    ages = house.q('[:find ?a ?op :where [?e :p/name "Ann"] [?e :p/age ?a _ ?op]]', house.db(history=True))
    assert set(ages[DATA]) == {(30, True), (30, False), (31, True)}
    is_anomaly(house.q(NAMES, house.db(as_of="yesterday")), "incorrect")


def test_a_t_that_arrives_is_waited_for(house: House) -> None:
    """A t ahead of the server is what sync makes; the answer comes with the transaction."""
    ahead = {**house.db(), T: house.connection.db().next_t}
    form = {kw("op"): kw("q"), kw("query"): read(NAMES), kw("args"): (ahead,)}
    waiting = house.dispatcher.dispatch(form)
    assert not waiting.called
    house.transact('[{:p/name "Dot"}]')
    assert "Dot" in names(house.result(waiting))


def test_a_t_that_does_not_arrive(house: House) -> None:
    """After a while the answer is busy, with both t."""
    form = {kw("op"): kw("status"), kw("database-id"): house.connection.database_id, T: 10**6}
    waiting = house.dispatcher.dispatch(form)
    house.clock.advance(Settings().sync_timeout / 1000 + 1)
    answer = house.result(waiting)
    is_anomaly(answer, "busy")
    assert (answer[T], answer[kw("basis-t")]) == (10**6, house.connection.db().basis_t)


# -- with


def test_with_chains_and_branches(house: House) -> None:
    """Each value is its own; chains go on, branches part, the database doesn't change, later writes don't show."""
    start = house.ask("with-db")
    assert start[T] == house.connection.db().basis_t

    def with_(value: Any, text: str) -> Any:
        answer = house.ask("with", tx_data=read(text), next_token=value[TOKEN])
        assert AFTER in answer, answer
        assert {BEFORE, AFTER, kw("tx-data"), TEMPIDS} <= answer.keys()
        assert type(answer[BEFORE][TOKEN]) is type(answer[AFTER][TOKEN]) is str
        return answer[AFTER]

    left = with_(start, '[{:p/name "L"}]')
    right = with_(start, '[{:p/name "R"}]')
    house.transact('[{:p/name "Later"}]')
    longer = left
    for n in range(20):
        longer = with_(longer, f'[{{:p/name "L{n}"}}]')
    assert names(house.q(NAMES, start)) == {"Ann", "Bob", "Cy"}
    assert names(house.q(NAMES, left)) == {"Ann", "Bob", "Cy", "L"}
    assert names(house.q(NAMES, right)) == {"Ann", "Bob", "Cy", "R"}
    assert len(names(house.q(NAMES, longer))) == 24
    assert names(house.q(NAMES)) == {"Ann", "Bob", "Cy", "Later"}
    assert names(house.q(NAMES, {**longer, kw("as-of"): start[T]})) == {"Ann", "Bob", "Cy"}
    assert names(house.q(NAMES, {**longer, kw("since"): left[T]})) == {f"L{n}" for n in range(20)}
    two = house.q("[:find ?x ?y :in $l $r :where [$l _ :p/name ?x] [$r _ :p/name ?y] [(= ?x \"L\")] [(= ?y \"R\")]]",
                  left, right)
    assert two[DATA] == (("L", "R"),)
    pulled = house.ask("pull", "{:selector [:p/name]}", eid=read('[:p/name "R"]'),
                       next_token=right[TOKEN], t=right[T])
    assert pulled[RESULT] == {kw("p/name"): "R"}


def test_with_errors(house: House) -> None:
    """A transaction that is refused leaves the value as it was; a value that is gone says what to do."""
    start = house.ask("with-db")
    refused = house.ask("with", '{:tx-data [{:p/name 5}]}', next_token=start[TOKEN])
    is_anomaly(refused, "incorrect", "wrong-type-for-attribute")
    assert names(house.q(NAMES, start)) == {"Ann", "Bob", "Cy"}
    assert "with-db" in is_anomaly(house.ask("with", "{:tx-data []}"), "incorrect")
    house.clock.advance(house.settings.forks_age + 1)
    assert "with-db" in is_anomaly(house.ask("with", "{:tx-data []}", next_token=start[TOKEN]), "incorrect")
    assert "with-db" in is_anomaly(house.q(NAMES, start), "incorrect")
