"""Replays the transactions of recorded cases on the engine alone: what Datomic answered, without server and wire.

Reading steps are left to ``bin/conformance``. The format is that of the case files: tags stand for ids of
this case, entities are named by their tempids, or ``~T.n`` by transaction and order of their ids.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from peerserver.codec import edn
from peerserver.database import Database
from peerserver.index.dictionary import exact_key
from peerserver.model.anomaly import Anomaly
from peerserver.model.entity import implicit_partition, is_tx, t_of, tx_id
from peerserver.model.values import URI, EdnList, Float32, Instant, Keyword, Ratio, Tagged
from peerserver.transact import TxResult, transact

from .world import NOW, kw

_IDENT = 10
_TX_INSTANT = 50


class Names:
    """What the tags of one case stand for, on one line of its history."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.entities: dict[str, int] = {}
        self.txs: dict[int, int] = {0: tx_id(66)}
        self.instants: dict[int, int] = {}

    def copy(self) -> Names:
        """The same names, to go on apart."""
        other = Names(self.db)
        other.entities, other.txs, other.instants = dict(self.entities), dict(self.txs), dict(self.instants)
        return other

    def value(self, x: Any) -> Any:
        """A value of the case file as the engine takes it."""
        if isinstance(x, Tagged):
            return self._tagged(x.tag, x.value)
        if isinstance(x, EdnList):
            return EdnList(self.value(item) for item in x)
        if isinstance(x, tuple):
            return tuple(self.value(item) for item in x)
        if isinstance(x, frozenset):
            return frozenset(self.value(item) for item in x)
        if isinstance(x, dict):
            return {self.value(k): self.value(v) for k, v in x.items()}
        return x

    def _tagged(self, tag: str, x: Any) -> Any:
        plain: dict[str, Any] = {
            "case/eid": lambda: self.entities[x], "case/id": lambda: self.db.entid(x), "case/tx": lambda: self.txs[x],
            "case/t": lambda: t_of(self.txs[x]), "case/inst": lambda: Instant(self.instants[x]),
            "case/float": lambda: Float32(_number(x)), "case/double": lambda: _number(x),
            "case/bytes": lambda: bytes.fromhex(x), "case/uri": lambda: URI(x),
            "case/ratio": lambda: Ratio(*map(int, x.split("/"))), "case/tempid": lambda: Tagged("db/id", x),
            "case/implicit-part": lambda: implicit_partition(x) << 42,
        }
        return plain[tag]()

    def learn(self, result: TxResult) -> None:
        """Name what a transaction made."""
        number = len(self.txs)
        self.db = result.db_after
        self.txs[number] = result.tx
        known = {eid: name for name, eid in self.entities.items()}
        for tempid, eid in sorted(_tempids(result).items()):
            if eid not in known:
                name, n = tempid, 2
                while name in self.entities:
                    name, n = f"{tempid}#{n}", n + 1
                self.entities[name] = eid
                known[eid] = name
        met = set()
        for datom in result.tx_data():
            met.add(datom.e)
            if result.db_after.schema.attributes[datom.a].is_ref:
                met.add(datom.v)
            if datom.a == _TX_INSTANT and datom.e == result.tx:
                self.instants[number] = datom.v.ms
        fresh = [e for e in sorted(met) if e not in known and not is_tx(e) and not result.db_after.codes(e, _IDENT)]
        for n, eid in enumerate(fresh, 1):
            self.entities[f"~{number}.{n}"] = eid


def _number(text: str) -> float:
    return float(text.replace("Infinity", "inf"))


def _tempids(result: TxResult) -> dict[str, int]:
    return {key: eid for key, eid in result.tempids.items() if isinstance(key, str) and not key.startswith("datomic.")}


def cases(path: Path) -> list[dict[Keyword, Any]]:
    """The cases of a file that have transactions."""
    found = [case for item in edn.read_all(path.read_text(encoding="utf-8"))
             for case in (item if isinstance(item, tuple) else (item,))]
    return [case for case in found if any(step[kw("op")] in _WRITES for step in case[kw("steps")])]


_WRITES = (kw("transact"), kw("with"))


class Replay:
    """One case on a database of its own."""

    def __init__(self, fixture: tuple[Any, ...]) -> None:
        self.names = Names(Database.new("case"))
        self.withs: dict[str, Names] = {}
        self.now = NOW
        for step in fixture:
            self.step(step, check=False)

    def step(self, step: dict[Keyword, Any], check: bool = True) -> None:
        """Do one step, and compare its answer with the recorded one."""
        if step[kw("op")] not in _WRITES or kw("history") in step.get(kw("db"), {}):
            return
        names = self.names
        if step[kw("op")] is kw("with"):
            saved = step.get(kw("db"), {}).get(kw("with"))
            names = (self.withs[saved] if saved else names).copy()
            names.db = names.db.fork()
        self.now += 10
        try:
            result = transact(names.db, names.value(step[kw("tx-data")]), self.now)
        except Anomaly as problem:
            assert check and kw("error") in step, problem
            self._same_error(problem, step[kw("error")])
            return
        assert not check or kw("error") not in step, step[kw("error")]
        names.learn(result)
        if kw("save") in step:
            self.withs[step[kw("save")]] = names
        if check and isinstance(step[kw("result")], dict):
            self._same_result(names, result, step[kw("result")])

    def _same_error(self, problem: Anomaly, wanted: dict[Keyword, Any]) -> None:
        if kw("db/error") in wanted:
            assert problem.error == wanted[kw("db/error")].name, problem
        if kw("category") in wanted:
            assert problem.category == wanted[kw("category")].name, problem
        if kw("pred-return") in wanted:
            assert problem.data[kw("db.error/pred-return")] == wanted[kw("pred-return")]

    def _same_result(self, names: Names, result: TxResult, wanted: dict[Keyword, Any]) -> None:
        attribute = result.db_after.schema.entids
        datoms = {(names.value(e), attribute.get(a, a), exact_key(names.value(v)), names.value(tx), added)
                  for e, a, v, tx, added in wanted[kw("tx-data")]}
        got = [(d.e, d.a, exact_key(d.v), d.tx, d.added) for d in result.tx_data()]
        assert set(got) == datoms
        assert len(got) == len(datoms)
        assert _tempids(result) == names.value(wanted[kw("tempids")])
