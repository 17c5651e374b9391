"""Peers and a transactor's port: frames, the handshake, and both over TLS on this machine."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Iterator
from typing import Any

import attrs
import pytest
import pytest_twisted
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred, ensureDeferred, fail, succeed
from twisted.internet.task import Clock, deferLater
from twisted.internet.testing import StringTransport

from peerserver.model.anomaly import Anomaly, conflict
from peerserver.model.values import Keyword
from peerserver.peer.link import Link
from peerserver.transactor.recent import Known
from peerserver.transactor.server import PeerPort
from peerserver.wire.client import Address, Client, dial
from peerserver.wire.frames import STRANGERS_FRAME, FrameBuffer, MessageProtocol
from peerserver.wire.handshake import MAGIC, ClientHandshake, Refused, ServerHandshake
from peerserver.wire.messages import VERSION, BadMessage, anomaly_of, pack, told, unpack
from peerserver.wire.tls import ChannelCertificate

reactor: Any = _reactor
SECRET = b"s" * 32
NONCE = b"n" * 16


# -- frames and messages


@given(st.lists(st.binary(max_size=300), max_size=8), st.lists(st.integers(1, 60), max_size=40))
def test_frames_come_out_as_they_went_in(payloads: list[bytes], cuts: list[int]) -> None:
    """However the bytes are cut, the payloads come out whole and in order."""
    data = b"".join(len(p).to_bytes(4, "big") + p for p in payloads)
    buffer = FrameBuffer(limit=1000)
    found: list[bytes] = []
    for cut in cuts:
        found += buffer.feed(data[:cut])
        data = data[cut:]
    found += buffer.feed(data)
    assert found == payloads


def test_a_frame_that_is_too_long_is_refused_before_it_is_held() -> None:
    """The length alone is enough to refuse it."""
    with pytest.raises(BadMessage):
        list(FrameBuffer().feed((STRANGERS_FRAME + 1).to_bytes(4, "big")))


@given(st.binary(max_size=60))
def test_garbage_is_no_message(data: bytes) -> None:
    """Any bytes are a message or BadMessage."""
    with contextlib.suppress(BadMessage):
        assert isinstance(unpack(data)[0], str)


def test_anomalies_cross() -> None:
    """Category, message, :db/error and data arrive as they were."""
    anomaly = conflict("no", "cas-failed", e=7, v="x")
    there = anomaly_of(unpack(pack("error", 1, told(anomaly)))[2])
    assert (there.category, there.message, there.error, there.data) == (
        "conflict", "no", "cas-failed", {Keyword("e"): 7, Keyword("v"): "x"})


# -- the handshake


def _meet(client_secret: bytes, server_secret: bytes | None, role: str = "peer") -> str:
    server = ServerHandshake(NONCE, lambda _: server_secret)
    client = ClientHandshake(role, client_secret, b"c" * 16)
    met, welcome = server.answer(client.answer(server.hello()))
    client.finish(welcome)
    return met


def test_who_knows_the_secret_is_met() -> None:
    """Both sides know that the other knows it; it was never sent."""
    assert _meet(SECRET, SECRET) == "peer"
    server, client = ServerHandshake(NONCE, lambda _: SECRET), ClientHandshake("peer", SECRET, b"c" * 16)
    hello = client.answer(server.hello())
    assert SECRET not in pack(*hello) and SECRET not in pack(*server.answer(hello)[1])


@pytest.mark.parametrize("client, server, role, why", [
    (b"x" * 32, SECRET, "peer", "secret does not fit"), (SECRET, None, "storage", "storage-access=remote"),
    (b"", SECRET, "storage", "password"),
])
def test_refusals_say_what_to_change(client: bytes, server: bytes | None, role: str, why: str) -> None:
    """A wrong secret, or a role that isn't served, is refused with a sentence."""
    with pytest.raises(Refused, match=why):
        _meet(client, server, role)


def test_versions_must_agree() -> None:
    """Another version is refused on either side, with both numbers."""
    server, client = ServerHandshake(NONCE, lambda _: SECRET), ClientHandshake("peer", SECRET, b"c" * 16)
    with pytest.raises(Refused, match=f"version 99.*version {VERSION}"):
        client.answer(["hello", MAGIC, 99, NONCE])
    with pytest.raises(Refused, match="version 99"):
        server.answer(["hello", MAGIC, 99, "peer", NONCE, b""])


def test_a_false_transactor_is_found_out() -> None:
    """One that doesn't know the secret cannot say welcome; what is no handshake is BadMessage."""
    client = ClientHandshake("peer", SECRET, b"c" * 16)
    client.answer(["hello", MAGIC, VERSION, NONCE])
    with pytest.raises(Refused):
        client.finish(["welcome", b"?" * 32])
    for message in (["hello"], ["hello", "other", VERSION, NONCE], ["x", MAGIC, VERSION, NONCE], ["hello", MAGIC, VERSION, 5]):
        with pytest.raises(BadMessage):
            ClientHandshake("peer", SECRET, b"c" * 16).answer(message)


# -- silence


class _Quiet(MessageProtocol):
    def message(self, message: list[Any]) -> None:
        """Nothing is said to it."""


class _Transport(StringTransport):
    aborted = False

    def abortConnection(self) -> None:
        self.aborted = True


def test_silence_ends_a_connection() -> None:
    """Pings are sent when there is nothing else; after two and a half intervals without a byte it is given up."""
    clock, transport = Clock(), _Transport()
    quiet = _Quiet(clock, 1.0)
    quiet.makeConnection(transport)
    quiet.met()
    for _ in range(8):
        clock.advance(0.25)
    assert b"ping" in transport.value() and not transport.aborted
    quiet.dataReceived(len(pack("ping")).to_bytes(4, "big") + pack("ping"))
    for _ in range(11):
        clock.advance(0.25)
    assert transport.aborted


def test_strangers_have_ten_seconds() -> None:
    """Who is not met in time is cut off, however busy it is."""
    clock, transport = Clock(), _Transport()
    stranger = _Quiet(clock, 1.0)
    stranger.makeConnection(transport)
    for _ in range(44):
        clock.advance(0.25)
        stranger.dataReceived(b"")
    assert transport.aborted


# -- a port and links, for real


@attrs.define(eq=False, slots=False)
class Fake:
    """A host that remembers what it was asked."""

    seen: list[tuple[str, bytes, str]] = attrs.field(factory=list)
    answer: Any = None
    basis: int = 1000

    def basis_t(self, database_id: str) -> int:
        return self.basis

    def index_key(self, database_id: str) -> str | None:
        return None

    def transact(self, database_id: str, data: bytes, tx_id: str) -> Deferred[Any]:
        self.seen.append((database_id, data, tx_id))
        if self.answer is not None:
            return fail(self.answer)
        return succeed(Known(len(self.seen), {"x": 5, -7: 6}))

    def admin(self, op: str, args: list[Any]) -> Deferred[Any]:
        return succeed([op, *args])


@attrs.define(eq=False)
class Told:
    """A follower that remembers what it was told."""

    what: list[Any] = attrs.field(factory=list)

    def up(self) -> None:
        self.what.append("up")

    def following(self, basis_t: int) -> None:
        self.what.append(basis_t)

    def novelty(self, data: bytes) -> None:
        self.what.append(data)

    def gap(self, t: int) -> None:
        self.what.append(("gap", t))

    def indexed(self, key: str) -> None:
        self.what.append(key)


@attrs.define(eq=False)
class House:
    host: Fake
    port: PeerPort
    listening: Any
    certificate: ChannelCertificate

    def address(self, secret: bytes = SECRET, digest: str | None = None) -> Address:
        digest = self.certificate.digest if digest is None else digest
        return Address("127.0.0.1", self.listening.getHost().port, secret, True, digest)

    async def client(self, role: str = "peer", **how: Any) -> Client:
        return await dial(reactor, self.address(**how), 1.0, role, lambda _: None, lambda _: None)


@pytest.fixture
def house() -> Iterator[House]:
    certificate = ChannelCertificate.new(datetime.datetime.now(datetime.UTC))
    host = Fake()
    port = PeerPort(reactor, host, lambda role, _: None if role == "storage" else SECRET, 1.0)
    listening = reactor.listenSSL(0, port, certificate.options, interface="127.0.0.1")
    yield House(host, port, listening, certificate)
    pytest_twisted.blockon(ensureDeferred(_end(port, listening)))


async def _end(port: PeerPort, listening: Any) -> None:
    await listening.stopListening()
    for connection in list(port.connections):
        connection.transport.abortConnection()
    await deferLater(reactor, 0.05)


@pytest_twisted.ensureDeferred
async def test_calls_over_tls(house: House) -> None:
    """Transactions, small and of megabytes, and an administrator's calls are answered, each with its own answer."""
    client = await house.client()
    large = b"x" * 3_000_000
    answers = [client.call("transact", "d", data, f"id{n}") for n, data in enumerate([b"a", large, b"b"] * 20)]
    found = [await answer for answer in answers]
    assert [t for t, _ in found] == list(range(1, 61)) and dict(found[0][1]) == {"x": 5, -7: 6}
    assert house.host.seen[1] == ("d", large, "id1")
    house.host.answer = conflict("no", "cas-failed")
    with pytest.raises(Anomaly, match="no"):
        await client.call("transact", "d", b"", "z")
    admin = await house.client("admin")
    assert (await admin.call("admin", "list-databases", []))[0] == ["list-databases"]


@pytest_twisted.ensureDeferred
async def test_who_is_not_met(house: House) -> None:
    """A wrong secret, a certificate that storage does not name, and storage that isn't served end the attempt."""
    for how in ({"secret": b"?" * 32}, {"digest": "0" * 64}):
        with pytest.raises(Refused):
            await house.client(**how)  # type: ignore[arg-type]
    with pytest.raises(Refused):
        await house.client("storage")


@pytest_twisted.ensureDeferred
async def test_what_a_role_may_not_say(house: House) -> None:
    """A message of another role, or with other arguments, cuts the connection off and harms nobody else."""
    good, bad = await house.client(), await house.client()
    bad.send("admin", 1, "delete-database", ["d"])
    await deferLater(reactor, 0.1)
    assert bad.ended
    assert (await good.call("transact", "d", b"", "1"))[0] == 1


@pytest_twisted.ensureDeferred
async def test_a_link_heals_and_sends_again(house: House) -> None:
    """After its connection was lost a link has another within a second; what had no answer is sent again under its id."""
    link = Link(reactor, lambda: succeed(house.address()))
    follower = Told()
    link.attach("d", follower)
    link.start()
    await _until(lambda: link.is_up)
    link.follow("d", 0)
    await _until(lambda: 1000 in follower.what)
    house.port.novelty("d", b"news", 1001)
    house.port.indexed("d", "key")
    await _until(lambda: "key" in follower.what)
    assert follower.what == ["up", 1000, b"news", "key"]
    never: Deferred[Any] = Deferred()
    house.host.transact, transact = (lambda *_: never), house.host.transact  # type: ignore[method-assign]
    waiting = link.transact("d", b"data", "the-id", 10.0)
    await deferLater(reactor, 0.1)
    house.host.transact = transact  # type: ignore[method-assign]
    for connection in list(house.port.connections):
        connection.transport.abortConnection()
    assert (await waiting)[0] == 1
    assert house.host.seen == [("d", b"data", "the-id")] and follower.what.count("up") == 2
    link.stop()


@pytest_twisted.ensureDeferred
async def test_without_a_transactor() -> None:
    """A transaction waits for one in vain, and is told not to have been sent."""
    link = Link(reactor, lambda: succeed(None))
    link.start()
    with pytest.raises(Anomaly, match="not sent") as caught:
        await link.transact("d", b"", "x", 0.2)
    assert caught.value.category == "unavailable"
    link.stop()


def test_a_slow_peer_is_told_of_a_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Novelty that a peer does not take waits up to a bound; beyond it is left out, and in the end it is told of the gap."""
    monkeypatch.setattr("peerserver.transactor.server.WAITING", 1000)
    port = PeerPort(Clock(), Fake(), lambda role, _: SECRET, 1.0)
    slow, quick = (_joined(port) for _ in range(2))
    slow.pauseProducing()
    for t in range(1, 31):
        port.novelty("d", b"x" * 100, t)
    assert quick.transport.value().count(b"novelty") == 30
    assert slow.transport.value().count(b"novelty") == 0 and slow._waiting_bytes <= 1000
    slow.resumeProducing()
    sent = slow.transport.value()
    assert 5 <= sent.count(b"novelty") < 10 and pack("gap", "d", 30) in sent


def _joined(port: PeerPort) -> Any:
    connection: Any = port.buildProtocol(None)
    connection.makeConnection(_Transport())
    connection.role = "peer"
    connection.met()
    connection.followed.add("d")
    connection.transport.clear()
    return connection


async def _until(true: Any, seconds: float = 5.0) -> None:
    for _ in range(int(seconds / 0.02)):
        if true():
            return
        await deferLater(reactor, 0.02)
    raise AssertionError("it never was so")


