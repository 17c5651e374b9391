"""Groups: transactions that became durable together, as bytes; what the log holds and what peers are sent.

A group says all that is needed to apply it to a database that has the transactions before it: datoms in Datomic's
order, with their values (codes mean nothing outside of the process that gave them), what the counters are afterwards,
and for those who repeat a transaction its :tx-id and tempids.
What is not decided here: where groups are kept (``durable.log``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
import numpy as np

from peerserver.codec.columns import CorruptValue, pack, peek, unpack
from peerserver.codec.stored import BINARY, from_stored, to_stored
from peerserver.database import Database
from peerserver.index.dictionary import Dictionary
from peerserver.index.rows import Bools, Ints
from peerserver.index.schema_view import SCHEMA_ATTRIBUTES
from peerserver.model.entity import tx_id
from peerserver.model.schema import VALUE_TYPES, Schema, ValueType
from peerserver.transact import TxResult

__all__ = ("CorruptValue", "Group", "Logged", "LoggedTransaction", "answers_in", "decode_group", "encode_group", "group_of",
           "group_range", "one_group")

_KIND = "group"
_SCHEMA = np.array(sorted(SCHEMA_ATTRIBUTES), np.int64)


@attrs.frozen(eq=False)
class Logged:
    """A transaction that is going to be logged. ``tx_id``: the text of the client's ``:tx-id``."""

    result: TxResult
    tx_id: str | None = None


@attrs.frozen(eq=False)
class LoggedTransaction:
    """A transaction out of a group. ``es``, ``attrs``, ``vs`` (codes), ``added``: its datoms, parallel; ``tempids``:
    tempid → entity id."""

    t: int
    next_t: int
    next_schema_id: int
    tx_id: str | None
    tempids: dict[Any, int]
    es: list[int]
    attrs: list[int]
    vs: list[int]
    added: list[bool]

    def apply(self, db: Database) -> Database:
        """The value after it, from the value before it."""
        return db.with_datoms(self.es, self.attrs, self.vs, tx_id(self.t), self.added, t=self.t, next_t=self.next_t,
                              next_schema_id=self.next_schema_id)


@attrs.frozen(eq=False)
class Group:
    """A group that was read. ``counts[i]`` datoms belong to transaction ``ts[i]``; ``v`` holds codes."""

    ts: Ints
    next_ts: Ints
    next_schema_ids: Ints
    counts: Ints
    e: Ints
    a: Ints
    v: Ints
    added: Bools
    tx_ids: Sequence[str | None]
    tempids: Sequence[dict[Any, int]]

    @property
    def first_t(self) -> int:
        """The t of its first transaction."""
        return int(self.ts[0])

    @property
    def last_t(self) -> int:
        """The t of its last transaction."""
        return int(self.ts[-1])

    @property
    def tx(self) -> Ints:
        """The transaction id of each datom."""
        return np.repeat(self.ts + tx_id(0), self.counts)

    def apply(self, db: Database, after_t: int | None = None) -> Database:
        """The value after it; transactions up to ``after_t`` (by default the value's basis) are left out."""
        first = int(self.ts.searchsorted(db.basis_t if after_t is None else after_t, "right"))
        for stop in (*(i for i in self._schema_changes() if i > first), len(self.ts)):
            if first < stop:
                db = self._part(db, first, stop)
                first = stop
        return db

    def _schema_changes(self) -> list[int]:
        # The places after transactions that change the schema: what follows them must find it changed.
        rows = np.flatnonzero(np.isin(self.a, _SCHEMA))
        found: list[int] = (np.unique(self.counts.cumsum().searchsorted(rows, "right")) + 1).tolist()
        return found

    def _part(self, db: Database, first: int, stop: int) -> Database:
        ends = np.concatenate([[0], self.counts.cumsum()])
        part = slice(int(ends[first]), int(ends[stop]))
        txs = np.repeat(self.ts[first:stop] + tx_id(0), self.counts[first:stop])
        return db.with_datoms(self.e[part], self.a[part], self.v[part], txs, self.added[part], t=int(self.ts[stop - 1]),
                              next_t=int(self.next_ts[stop - 1]), next_schema_id=int(self.next_schema_ids[stop - 1]))

    @property
    def transactions(self) -> list[LoggedTransaction]:
        """Its transactions one by one."""
        ends = self.counts.cumsum().tolist()
        es, attributes, vs, added = self.e.tolist(), self.a.tolist(), self.v.tolist(), self.added.tolist()
        found = []
        start = 0
        for i, end in enumerate(ends):
            found.append(LoggedTransaction(
                int(self.ts[i]), int(self.next_ts[i]), int(self.next_schema_ids[i]), self.tx_ids[i], self.tempids[i],
                es[start:end], attributes[start:end], vs[start:end], added[start:end]))
            start = end
        return found


def group_of(logged: Sequence[Logged]) -> Group:
    """Transactions that follow one another as a group, in the codes of their own dictionary; at least one."""
    results = [one.result for one in logged]
    return Group(
        _column(result.t for result in results), _column(r.db_after.next_t for r in results),
        _column(r.db_after.next_schema_id for r in results), _column(len(result.es) for result in results),
        _column(e for result in results for e in result.es), _column(a for result in results for a in result.attrs),
        _column(v for result in results for v in result.vs),
        np.array([op for result in results for op in result.added], np.bool_),
        [one.tx_id for one in logged], [result.tempids for result in results])


def one_group(groups: Sequence[Group]) -> Group:
    """Groups that follow one another as one; at least one. Applying it at once is much cheaper than applying each."""
    if len(groups) == 1:
        return groups[0]
    columns = [np.concatenate([getattr(group, name) for group in groups])
               for name in ("ts", "next_ts", "next_schema_ids", "counts", "e", "a", "v")]
    added = np.concatenate([group.added for group in groups])
    ts, next_ts, next_schema_ids, counts, e, a, v = columns
    return Group(ts, next_ts, next_schema_ids, counts, e, a, v, added,
                 [tx_id_ for group in groups for tx_id_ in group.tx_ids],
                 [tempids for group in groups for tempids in group.tempids])


def encode_group(logged: Sequence[Logged]) -> bytes:
    """The bytes of transactions that follow one another; at least one."""
    results = [one.result for one in logged]
    group = group_of(logged)
    a, v = group.a, group.v.copy()
    last = results[-1].db_after
    types = _types(set(a.tolist()), last.schema, results[0].db_before.schema)
    texts: dict[str, list[str]] = {}
    blobs: dict[str, list[bytes]] = {}
    for name in sorted({type.name for type in types.values() if type.coded == "dictionary"}):
        kind = VALUE_TYPES[name]
        rows = np.flatnonzero(np.isin(a, [aid for aid, found in types.items() if found is kind]))
        codes, v[rows] = np.unique(v[rows], return_inverse=True)
        stored = to_stored(name, last.dictionary.values_of(kind, codes))
        (blobs if name in BINARY else texts)["=" + name] = stored
    ints = {"t": group.ts, "next-t": group.next_ts, "next-schema-id": group.next_schema_ids, "count": group.counts,
            "e": group.e, "a": a, "v": v, "added": group.added.astype(np.int64)}
    _put_tempids(results, ints, texts)
    texts["tx-id"] = [one.tx_id or "" for one in logged]
    meta = {"first": results[0].t, "last": results[-1].t,
            "types": {str(aid): type.name for aid, type in types.items()}}
    return pack(_KIND, meta, ints, texts, blobs)


def answers_in(data: bytes) -> list[tuple[str, int, dict[Any, int]]]:
    """The (tx-id, t, tempids) of a group's transactions that have a tx-id, without their datoms. CorruptValue when it
    is damaged."""
    file = unpack(data)
    try:
        tempids = _tempids(file.texts["tempid"], file.ints)
        return [one for one in zip(file.texts["tx-id"], file.ints["t"].tolist(), tempids) if one[0]]
    except (KeyError, IndexError) as error:
        raise CorruptValue("its transactions cannot be read") from error


def group_range(data: bytes) -> tuple[int, int]:
    """The first and the last t of a group; nothing else of it is read or checked."""
    meta = peek(data)
    return int(meta["first"]), int(meta["last"])


def decode_group(data: bytes, dictionary: Dictionary) -> Group:
    """Reads a group; new values get codes of ``dictionary``. CorruptValue when it is damaged."""
    file = unpack(data)
    if file.kind != _KIND:
        raise CorruptValue(f"it holds a {file.kind}, not a group of transactions")
    ints = file.ints
    try:
        types = {int(aid): VALUE_TYPES[name] for aid, name in file.meta["types"].items()}
        v = ints["v"]
        dictionaries: dict[str, Sequence[Any]] = {**file.texts, **file.blobs}
        for key, stored in dictionaries.items():
            if key.startswith("="):
                kind = VALUE_TYPES[key[1:]]
                codes = dictionary.intern_all(kind, from_stored(kind.name, stored))
                rows = np.flatnonzero(np.isin(ints["a"], [aid for aid, found in types.items() if found is kind]))
                v[rows] = codes[v[rows]]
        return Group(ints["t"], ints["next-t"], ints["next-schema-id"], ints["count"], ints["e"], ints["a"], v,
                     ints["added"].astype(np.bool_), [text or None for text in file.texts["tx-id"]],
                     _tempids(file.texts["tempid"], ints))
    except (KeyError, IndexError, ValueError, ArithmeticError) as error:
        raise CorruptValue(f"its transactions cannot be read: {type(error).__name__}") from error


def _types(aids: set[int], *schemas: Schema) -> dict[int, ValueType]:
    found = {}
    for aid in sorted(aids):
        found[aid] = next(schema.attributes[aid].type for schema in schemas if aid in schema.attributes)
    return found


def _column(numbers: Any) -> Ints:
    return np.array(list(numbers), np.int64)


def _put_tempids(results: Sequence[TxResult], ints: dict[str, Ints], texts: dict[str, list[str]]) -> None:
    # Named ones and numbered ones apart: the numbered ones are columns, and there may be very many.
    named = [[item for item in result.tempids.items() if isinstance(item[0], str)] for result in results]
    numbered = [[item for item in result.tempids.items() if not isinstance(item[0], str)] for result in results]
    ints["named"] = _column(map(len, named))
    ints["numbered"] = _column(map(len, numbered))
    ints["named-e"] = _column(e for items in named for _, e in items)
    ints["number"] = _column(key for items in numbered for key, _ in items)
    ints["numbered-e"] = _column(e for items in numbered for _, e in items)
    texts["tempid"] = [key for items in named for key, _ in items]


def _tempids(names: Sequence[str], ints: dict[str, Ints] | Any) -> list[dict[Any, int]]:
    named_e, numbers, numbered_e = (ints[name].tolist() for name in ("named-e", "number", "numbered-e"))
    found = []
    at = to = 0
    for named, numbered in zip(ints["named"].tolist(), ints["numbered"].tolist()):
        tempids: dict[Any, int] = dict(zip(names[at:at + named], named_e[at:at + named]))
        tempids.update(zip(numbers[to:to + numbered], numbered_e[to:to + numbered]))
        found.append(tempids)
        at, to = at + named, to + numbered
    return found
