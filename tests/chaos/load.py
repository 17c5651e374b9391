"""The load: writers that move money and append to lists, readers that look, each a session with a thread of its own.

Every transaction carries a mark (``:chaos/id``, the ``:tx-id`` too) that is not unique in the database, so that one
that is there twice shows. Half of the writers try again with the same ``:tx-id`` until they know; the others leave an
unknown outcome unknown.
"""

from __future__ import annotations

import hashlib
import random
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID, uuid5

from peerserver.codec import edn
from peerserver.conformance.client import DbRef
from peerserver.model.anomaly import Anomaly
from peerserver.model.values import Instant, Keyword

from .clients import Broken, Session, healthy, run
from .history import APPEND, BANK, LISTS, LOG, REPEAT, SETUP, TRANSFER, Change, Operation, Recorder

__all__ = ("EACH", "Load", "patiently", "read_log")

K = Keyword
ACCOUNTS, EACH = 24, 1000
_ACTIVE_KEYS, _LIST_LENGTH = 5, 24
_SPACE = UUID("6f1ea1de-9d0b-4c8e-9d8a-0c3d5a1c7b11")
#: seconds: how long a writer that wants to know tries.
PATIENCE = 45.0
_TX_TIMEOUT = 5000
_REFUSALS = frozenset({"conflict", "incorrect"})
_SCHEMA = edn.read("""[
 {:db/ident :chaos/id :db/valueType :db.type/uuid :db/cardinality :db.cardinality/one}
 {:db/ident :list/key :db/valueType :db.type/long :db/cardinality :db.cardinality/one :db/unique :db.unique/identity}
 {:db/ident :list/element :db/valueType :db.type/long :db/cardinality :db.cardinality/many}
 {:db/ident :account/number :db/valueType :db.type/long :db/cardinality :db.cardinality/one
  :db/unique :db.unique/identity}
 {:db/ident :account/balance :db/valueType :db.type/long :db/cardinality :db.cardinality/one}]""")
_LISTS = edn.read("[:find ?k ?x ?tx :in $ [?k ...] :where [?l :list/key ?k] [?l :list/element ?x ?tx]]")
_BANK = edn.read("[:find ?n ?b :where [?a :account/number ?n] [?a :account/balance ?b]]")
_IDENTS = edn.read("[:find ?i ?a :where [?a :db/ident ?i]]")


class _Keys:
    """Which lists are appended to now; elements are numbers that are never used twice."""

    def __init__(self, rng: random.Random) -> None:
        self._lock = threading.Lock()
        self._rng = rng
        self._next = 0
        self._left = dict.fromkeys(range(_ACTIVE_KEYS), _LIST_LENGTH)
        self._made = _ACTIVE_KEYS

    def elements(self, count: int) -> list[list[int]]:
        """``count`` pairs of a key and a new element, of different keys."""
        with self._lock:
            pairs = []
            for key in self._rng.sample(list(self._left), count):
                self._next += 1
                pairs.append([key, self._next])
                self._left[key] -= 1
                if not self._left[key]:
                    del self._left[key]
                    self._left[self._made] = _LIST_LENGTH
                    self._made += 1
            return pairs

    def some(self, rng: random.Random, count: int) -> list[int]:
        """Keys to read: those of now and the last few."""
        with self._lock:
            return sorted(rng.sample(range(max(0, self._made - 3 * _ACTIVE_KEYS), self._made), count))


class _Newest:
    """The newest t that anybody was told: what a reader that asks for sync waits for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.t = 0

    def told(self, t: int) -> None:
        with self._lock:
            self.t = max(self.t, t)


class Load:
    """Writers and readers on one database of several servers, from ``start`` to ``stop``.

    ``servers``: label → port; sessions are shared out among them. ``pace``: seconds between two operations of a
    session, on average. ``total``: what the balances sum to.
    """

    total = ACCOUNTS * EACH

    def __init__(self, servers: Mapping[str, int], name: str, seed: int, writers: int = 8, readers: int = 8,
                 pace: float = 0.08) -> None:
        self._servers, self._name, self._seed, self._pace = dict(servers), name, seed, pace
        self.recorder = Recorder()
        self._keys = _Keys(random.Random(f"{seed} keys"))
        self._newest = _Newest()
        self._stop = threading.Event()
        self.attributes: dict[str, int] = {}
        self.first_t = 0
        labels = list(servers)
        #: session → the server that it is on whenever that is healthy
        self.homes = {n: labels[n % len(labels)] for n in range(writers + readers)}
        self._threads = [threading.Thread(target=self._session, args=(n, self.homes[n], n < writers),
                                          name=f"session-{n}", daemon=True) for n in range(writers + readers)]
        self._threads.append(threading.Thread(target=self._balance, name="balancer", daemon=True))
        self._healthy: frozenset[str] = frozenset(servers)
        self.crashes: list[str] = []

    def set_up(self) -> None:
        """The schema and the accounts; waits for a server that serves."""
        session = Session(self._servers, next(iter(self._servers)), self._name)
        patiently(lambda: run(session.client.connect()), session)
        patiently(lambda: run(session.client.transact(_SCHEMA)), session)
        worker = _Worker(self, -1, session, random.Random(self._seed))
        accounts = [[n, EACH] for n in range(ACCOUNTS)]
        worker.write(SETUP, accounts, [{K("account/number"): n, K("account/balance"): b} for n, b in accounts], True)
        done = [op for op in self.recorder.operations() if op.outcome == "ok"]
        if not done or done[0].t is None:
            raise RuntimeError(f"the accounts could not be made: {self.recorder.operations()}")
        self.first_t = done[0].t
        self.attributes = {ident.text: eid for ident, eid in run(session.client.q(_IDENTS, [DbRef()]))}
        session.close()

    def _balance(self) -> None:
        """As a balancer does: who had to go to another server comes back when its own is healthy again."""
        while not self._stop.wait(0.5):
            self._healthy = frozenset(label for label, port in self._servers.items() if healthy(port))

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Ends the sessions; waits for what is under way."""
        self._stop.set()
        for thread in self._threads:
            thread.join(PATIENCE + 60)
            if thread.is_alive():
                self.crashes.append(f"{thread.name} never ended")

    def _session(self, number: int, server: str, writes: bool) -> None:
        rng = random.Random(f"{self._seed} session {number}")
        session = Session(self._servers, server, self._name)
        try:
            patiently(lambda: run(session.client.connect()), session)
            worker = _Worker(self, number, session, rng)
            while not self._stop.is_set():
                if session.server != server and server in self._healthy:
                    session.go(server)
                worker.one_write() if writes else worker.one_read()
                self._stop.wait(rng.random() * 2 * self._pace)
        except Exception as problem:
            self.crashes.append(f"session {number}: {type(problem).__name__}: {problem}")
        finally:
            session.close()

    # -- what the workers share

    @property
    def keys(self) -> _Keys:
        return self._keys

    @property
    def newest(self) -> _Newest:
        return self._newest

    def wait(self, seconds: float) -> None:
        self._stop.wait(seconds)


def patiently(work: Any, session: Session) -> Any:
    """What the work returns, once it does not fail; on either server."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return work()
        except Anomaly as anomaly:
            if time.monotonic() > end:
                raise
            if not isinstance(anomaly, Broken):
                session.elsewhere()
            time.sleep(0.2)


class _Worker:
    """One session at work."""

    def __init__(self, load: Load, number: int, session: Session, rng: random.Random) -> None:
        self._load, self._number, self._session, self._rng = load, number, session, rng
        self._persistent = number % 2 == 0
        self._last: tuple[str, Any, int] | None = None
        self._count = 0

    # -- writing

    def one_write(self) -> None:
        what = self._rng.random()
        if what < 0.04 and self._last is not None:
            self._repeat(*self._last)
        elif what < 0.5:
            pairs = self._load.keys.elements(self._rng.choice((1, 1, 2)))
            self.write(APPEND, pairs, [{K("list/key"): k, K("list/element"): x} for k, x in pairs], self._persistent)
        else:
            self._transfer()

    def _transfer(self) -> None:
        found = self._bank()
        if found is None:
            return
        one, other = self._rng.sample(sorted(found), 2)
        amount = self._rng.randint(1, 20)
        given = [[one, found[one], found[one] - amount], [other, found[other], found[other] + amount]]
        self.write(TRANSFER, given, [(K("db/cas"), (K("account/number"), account), K("account/balance"), old, new)
                                     for account, old, new in given], self._persistent)

    def write(self, kind: str, given: Any, forms: Sequence[Any], persistent: bool) -> None:
        """One transaction with its mark, until its outcome is known or patience ends."""
        self._count += 1
        mark = uuid5(_SPACE, f"{self._load.recorder!r} {self._number} {self._count}")
        tx_data = (*forms, {K("db/id"): "datomic.tx", K("chaos/id"): mark})
        start = last = time.monotonic()
        outcome, t, error = "unknown", None, None
        while True:
            server = self._session.server
            try:
                t = self._send(tx_data, mark)
                outcome, error = "ok", None
                break
            except Anomaly as anomaly:
                error = f"{anomaly.category}: {anomaly.message}"[:300]
                if anomaly.category in _REFUSALS:
                    outcome = "fail"
                    break
                if not persistent or time.monotonic() - start > PATIENCE:
                    break
                self._after(anomaly)
            last = time.monotonic()
        end = time.monotonic()
        self._load.recorder.add(Operation(self._number, kind, start, end, outcome, server, t, str(mark), given,
                                          None, last, error))
        if t is not None:
            self._load.newest.told(t)
            self._last = (str(mark), tx_data, t)

    def _send(self, tx_data: Any, mark: UUID) -> int:
        client = self._session.client
        answer = run(client.request("transact", database_id=client.id, t=client.t, tx_data=tx_data, tx_id=mark,
                                    timeout=_TX_TIMEOUT))
        t: int = answer[K("db-after")][K("t")]
        client.t = max(client.t, t)
        return t

    def _repeat(self, mark: str, tx_data: Any, first: int) -> None:
        start, server = time.monotonic(), self._session.server
        outcome, t, error = "ok", None, None
        try:
            t = self._send(tx_data, UUID(mark))
        except Anomaly as anomaly:
            outcome, error = "fail" if anomaly.category in _REFUSALS else "unknown", repr(anomaly)[:300]
            self._after(anomaly)
        self._load.recorder.add(Operation(self._number, REPEAT, start, time.monotonic(), outcome, server, t, mark, first,
                                          None, start, error))

    def _after(self, anomaly: Anomaly) -> None:
        if not isinstance(anomaly, Broken) and self._rng.random() < 0.5:
            self._session.elsewhere()
        self._load.wait(0.05 + 0.1 * self._rng.random())

    # -- reading

    def one_read(self) -> None:
        what = self._rng.random()
        if self._rng.random() < 0.5:  # what sync does: this server must have what anybody was told
            self._session.client.t = max(self._session.client.t, self._load.newest.t)
        if what < 0.55:
            self._lists()
        elif what < 0.85:
            self._bank()
        else:
            self._log()

    def _read(self, kind: str, given: Any, ask: Any) -> Any:
        t, start, server = self._session.client.t, time.monotonic(), self._session.server
        try:
            found = ask(t)
        except Anomaly as anomaly:
            self._load.recorder.add(Operation(self._number, kind, start, time.monotonic(), "unknown", server, t, None,
                                              given, None, start, f"{anomaly.category}: {anomaly.message}"[:300]))
            self._after(anomaly)
            return None
        self._load.recorder.add(Operation(self._number, kind, start, time.monotonic(), "ok", server, t, None, given,
                                          found, start))
        return found

    def _lists(self) -> None:
        keys = self._load.keys.some(self._rng, 3)

        def ask(t: int) -> Any:
            rows = sorted(run(self._session.client.q(_LISTS, [DbRef(), tuple(keys)], limit=-1)), key=lambda r: (r[2], r[1]))
            return [[key, [x for k, x, _ in rows if k == key]] for key in keys]

        self._read(LISTS, keys, ask)

    def _bank(self) -> dict[int, int] | None:
        def ask(t: int) -> Any:
            return sorted(list(row) for row in run(self._session.client.q(_BANK, [DbRef()], limit=-1)))

        found = self._read(BANK, None, ask)
        return None if found is None else dict(found)

    def _log(self) -> None:
        t = self._session.client.t
        start = max(self._load.first_t, t - 60)

        def ask(t: int) -> Any:
            return [[t, _digest(datoms)] for t, datoms in _transactions(self._session, start, t + 1)]

        self._read(LOG, [start, t + 1], ask)


# -- the log


def read_log(servers: Mapping[str, int], server: str, load: Load, name: str) -> list[Change]:
    """A server's whole log since the set-up, at least up to what anybody was told."""
    session = Session({server: servers[server]}, server, name)
    patiently(lambda: run(session.client.connect()), session)
    session.client.t = max(session.client.t, load.newest.t)
    log = patiently(lambda: _transactions(session, load.first_t, None), session)
    session.close()
    names = {eid: ident for ident, eid in load.attributes.items()}
    numbers: dict[int, int] = {}
    return [_change(t, datoms, names, numbers) for t, datoms in log]


def _transactions(session: Session, start: int, end: int | None) -> list[tuple[int, list[tuple[Any, ...]]]]:
    return run(session.client.tx_range(start=start, limit=-1, **({} if end is None else {"end": end})))


def _digest(datoms: Sequence[tuple[Any, ...]]) -> str:
    return hashlib.sha256(repr(sorted(datoms, key=repr)).encode()).hexdigest()[:16]


def _change(t: int, datoms: Sequence[tuple[Any, ...]], names: Mapping[int, str], numbers: dict[int, int]) -> Change:
    """``numbers``: entity id → key of a list or number of an account, so far; what is new is added."""
    mark, instant = "", 0
    old: dict[int, int] = {}
    facts = [(e, names.get(a, str(a)), v, added) for e, a, v, _, added in datoms]
    numbers.update((e, v) for e, a, v, added in facts if a in ("list/key", "account/number") and added)
    for e, a, v, added in facts:
        if a == "chaos/id":
            mark = str(v)
        elif a == "db/txInstant" and isinstance(v, Instant):
            instant = v.ms
        elif a == "account/balance" and not added:
            old[e] = v
    appends = sorted((numbers[e], v) for e, a, v, added in facts if a == "list/element" and added)
    balances = sorted((numbers[e], old.get(e), v) for e, a, v, added in facts if a == "account/balance" and added)
    return Change(t, mark, instant, tuple(appends), tuple(balances), _digest(datoms))
