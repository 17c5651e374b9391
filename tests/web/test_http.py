"""HTTP over in-memory transports: signatures, formats, sizes and times. The last ring, with sockets and TLS, is in
``tests/interop`` and ``test_sockets``."""

from __future__ import annotations

import os
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from peerserver.codec import edn, transit
from peerserver.codec.transit import Format
from peerserver.query import Budget
from peerserver.web.resource import STATUSES
from peerserver.web.settings import Settings

from .house import House, kw
from .signing import NOW, signed_headers

LIST = {kw("op"): kw("datomic.catalog/list-dbs")}
CATEGORY, MESSAGE = kw("cognitect.anomalies/category"), kw("cognitect.anomalies/message")
REQUEST_ID = kw("datomic.client-spi/request-id")


def category(body: Any) -> str:
    assert isinstance(body[MESSAGE], str)
    return str(body[CATEGORY].name)


@pytest.mark.parametrize("fmt", [transit.msgpack, transit.json])
def test_the_answer_is_in_the_format_of_the_request(fmt: Format) -> None:
    """The content type is exactly the format's, with nothing behind it: clients compare for equality."""
    status, body, headers = House().post(LIST, fmt)
    assert (status, body) == (200, {kw("result"): ("hello", "other")})
    assert headers.getRawHeaders("content-type") == [fmt.content_type]


def test_edn_is_read_too() -> None:
    """application/edn in, application/edn out, errors also."""
    house = House()
    for form, status in ((LIST, 200), ({kw("op"): kw("nope")}, 400)):
        wire = house.connect()
        body = edn.write(form).encode()
        wire.send(body, signed_headers(body, kind="application/edn"))
        assert wire.answer()[0] == status
        assert wire.answer()[2].getRawHeaders("content-type") == ["application/edn"]


def test_health() -> None:
    """GET /health needs no signature."""
    wire = House().connect()
    wire.write(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n")
    status, body, headers = wire.answer()
    assert (status, body, headers.getRawHeaders("content-type")) == (200, b"OK", ["text/plain"])


@pytest.mark.parametrize("line", [b"GET / HTTP/1.1", b"POST /other HTTP/1.1", b"PUT / HTTP/1.1", b"GET /a/b HTTP/1.1"])
def test_nothing_else_is_there(line: bytes) -> None:
    """Other paths and methods answer an anomaly."""
    wire = House().connect()
    wire.write(line + b"\r\nhost: x\r\ncontent-length: 0\r\n\r\n")
    status, body, _ = wire.answer()
    assert (status, category(body)) == (404, "not-found")


def refused(house: House, body: bytes, headers: dict[str, str]) -> Any:
    wire = house.connect()
    wire.send(body, headers)
    status, answer, _ = wire.answer()
    assert (status, category(answer)) == (403, "forbidden")
    return answer


def test_refusals_are_all_alike() -> None:
    """Unsigned, tampered, wrong key, wrong secret, stale: 403 each, and the answer doesn't say which."""
    house = House()
    body = transit.msgpack.encode(LIST)
    good = signed_headers(body)
    unsigned = {name: value for name, value in good.items() if name != "authorization"}
    answers = [
        refused(house, body, unsigned),
        refused(house, transit.msgpack.encode({kw("op"): kw("status")}), good),
        refused(house, body, signed_headers(body, key="nobody")),
        refused(house, body, signed_headers(body, secret="guess")),
        refused(house, body, signed_headers(body, at=NOW - 3600)),
        refused(house, body, {**good, "x-amz-date": "20261123T033653Z"}),
    ]
    assert len({answer[MESSAGE] for answer in answers}) == 1


def test_a_replay_after_the_window_is_refused() -> None:
    """The very bytes that were good are refused when the window has passed."""
    house = House(Settings(clock_skew=60))
    body = transit.msgpack.encode(LIST)
    headers = signed_headers(body)
    wire = house.connect()
    wire.send(body, headers)
    assert wire.answer()[0] == 200
    house.clock.advance(61)
    refused(house, body, headers)


@pytest.mark.parametrize(("name", "value", "status"), [
    ("x_nano_op", "datomic.catalog/list-dbs", 200), ("x_nano_op", "datomic.client.protocol/transact", 403),
    ("x_nano_target", "another", 403), ("x_nano_next", "token", 403)])
def test_unsigned_headers_must_agree_with_the_signed_body(name: str, value: str, status: int) -> None:
    """Who changes a header that isn't signed must not change what is done."""
    assert House().post(LIST, **{name: value})[0] == status


def test_the_protocol_s_own_header_names() -> None:
    """x-nano-op of the Clojure client has the protocol's namespace, x-nano-target the database's id."""
    house = House()
    form = {kw("op"): kw("status"), kw("database-id"): house.connection.database_id}
    status, body, _ = house.post(form, x_nano_op="datomic.client.protocol/status",
                                 x_nano_target=house.connection.database_id)
    assert (status, body[kw("t")]) == (200, 66)


@pytest.mark.parametrize("body", [
    os.urandom(200), b"", b"\x00" * 200, b"[" * 200, b"\xdd\xff\xff\xff\xff", b"{\"~:op\":"])
@pytest.mark.parametrize("kind", ["application/transit+msgpack", "application/transit+json", "application/edn"])
def test_random_bytes(body: bytes, kind: str) -> None:
    """A body that is no request is incorrect, signed as it may be; the next request on the connection is served."""
    house = House()
    wire = house.connect()
    wire.send(body, signed_headers(body, kind=kind))
    status, answer, _ = wire.answer()
    assert (status, category(answer)) == (400, "incorrect")
    assert isinstance(answer[REQUEST_ID], str)
    wire.transport.clear()
    again = transit.json.encode(LIST)
    wire.send(again, signed_headers(again, kind="application/transit+json"))
    assert wire.answer()[0] == 200


def test_an_unknown_content_type() -> None:
    """It is told which there are."""
    house = House()
    wire = house.connect()
    wire.send(b"{}", signed_headers(b"{}", kind="text/html"))
    status, body, _ = wire.answer()
    assert (status, category(body)) == (400, "incorrect")
    assert "application/transit+json" in body[MESSAGE]


def test_a_declared_length_that_is_too_large() -> None:
    """It is answered and cut off before its body is there."""
    wire = House(Settings(max_body=1000)).connect()
    wire.write(b"POST / HTTP/1.1\r\ncontent-type: application/transit+msgpack\r\ncontent-length: 100000000\r\n\r\n")
    status, body, _ = wire.answer()
    assert (status, category(body)) == (413, "incorrect")
    assert wire.closed


def test_chunks_that_become_too_large() -> None:
    """A body without a declared length is held only up to the limit."""
    wire = House(Settings(max_body=1000)).connect()
    wire.write(b"POST / HTTP/1.1\r\ncontent-type: application/transit+json\r\ntransfer-encoding: chunked\r\n\r\n")
    for _ in range(3):
        assert not wire.closed
        wire.write(b"190\r\n" + b"x" * 400 + b"\r\n")
    status, body, _ = wire.answer()
    assert (status, category(body)) == (413, "incorrect")
    assert wire.closed


def test_all_bodies_together() -> None:
    """Many connections together hold no more than the server may; what one held is free again when it ends."""
    house = House(Settings(max_body=1000, held_bodies=1500))
    head = b"POST / HTTP/1.1\r\ncontent-type: application/transit+json\r\ncontent-length: 900\r\n\r\n"
    first, second, third = (house.connect() for _ in range(3))
    first.write(head + b"x" * 800)
    second.write(head + b"x" * 800)
    status, body, _ = second.answer()
    assert (status, category(body)) == (429, "busy")
    assert second.closed
    first.transport.loseConnection()
    third.write(head + b"x" * 800)
    assert not third.closed
    third.write(b"x" * 100)
    assert third.answer()[0] == 403
    assert house.site.held == 0


def test_a_client_that_goes_away_midway() -> None:
    """Its query is told to end, and the server doesn't take it for an error of its own."""
    house = House()
    waiting: Deferred[Any] = Deferred()
    budgets: list[Any] = []

    class Never:
        def run(self, function: Any, *args: Any) -> Deferred[Any]:
            budgets.append(next(c.cell_contents for c in args[0].__closure__ if isinstance(c.cell_contents, Budget)))
            return waiting

    object.__setattr__(house.dispatcher._context, "queries", Never())
    form = {kw("op"): kw("q"), kw("query"): "[:find ?e :where [?e :db/ident]]", kw("args"): (house.db(),)}
    body = transit.msgpack.encode(form)
    wire = house.connect()
    wire.send(body, signed_headers(body))
    assert not waiting.called
    wire.transport.loseConnection()
    assert waiting.called
    assert budgets[0].deadline == 0
    assert house.site.held == 0


def test_the_largest_body_that_may_be() -> None:
    """A body of exactly the limit is read."""
    body = transit.msgpack.encode(LIST)
    house = House(Settings(max_body=len(body)))
    assert house.post(LIST)[0] == 200


def test_a_request_that_trickles_is_cut_off() -> None:
    """However it is spread, a request must be complete in time; a byte now and then doesn't help."""
    house = House(Settings(receive_timeout=60))
    wire = house.connect()
    wire.write(b"POST / HTTP/1.1\r\n")
    for _ in range(12):
        assert not wire.closed
        house.clock.advance(5)
        if not wire.closed:
            wire.write(b"x: y\r\n")
    assert wire.closed


def test_an_idle_connection_ends() -> None:
    """Before and after a request, silence is bounded; nothing is left running."""
    house = House()
    silent, used = house.connect(), house.connect()
    body = transit.msgpack.encode(LIST)
    used.send(body, signed_headers(body))
    house.clock.advance(69)
    assert silent.closed
    assert used.closed
    assert not house.clock.getDelayedCalls()


def test_half_a_request_leaves_nothing() -> None:
    """A client that goes away midway is forgotten."""
    house = House()
    wire = house.connect()
    wire.write(b"POST / HTTP/1.1\r\ncontent-length: 10\r\n\r\n123")
    wire.transport.loseConnection()
    assert not house.clock.getDelayedCalls()


@pytest.mark.parametrize("name", STATUSES)
def test_every_category_has_its_status(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients act on the status where a body is lost, so the two agree."""
    from peerserver.model.anomaly import Anomaly
    from peerserver.web.operations import catalog

    def fail(*_: Any) -> Any:
        raise Anomaly(name, "why", "some-error", {kw("entity"): 5})

    house = House()
    monkeypatch.setattr(type(house.dispatcher._context.databases), "by_name", fail)
    assert catalog is not None
    status, body, _ = house.post({kw("op"): kw("datomic.catalog/resolve-db")})
    assert (status, category(body)) == (STATUSES[name], name)
    assert body[kw("db/error")] is kw("db.error/some-error")
    assert body[kw("entity")] == 5


def test_an_internal_error_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """What should not happen is a fault with a request id; the details are for the log."""

    def fail(*_: Any) -> Any:
        raise RuntimeError("password=hunter2")

    house = House()
    monkeypatch.setattr(type(house.dispatcher._context.databases), "by_name", fail)
    status, body, _ = house.post({kw("op"): kw("datomic.catalog/resolve-db")})
    assert (status, category(body)) == (500, "fault")
    assert "hunter2" not in repr(body)
