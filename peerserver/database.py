"""The database value: immutable, cheap to derive, free to hold and to read from any thread.

Reads follow the value's time filters (``as_of``, ``since``, ``history``). Reads in bulk return columns
of codes (:class:`~peerserver.index.rows.Rows`); point reads return plain ints.
What is not decided here: whether datoms may be added (``transact``), and how they are stored (``index``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import numpy as np

from peerserver.index import codes as number_codes
from peerserver.index import identifiers, schema_view
from peerserver.index.bounds import code_bound, same_family
from peerserver.index.dictionary import Dictionary
from peerserver.index.intervals import Intervals, from_events, view_current, view_history
from peerserver.index.ranges import DatomRange, datoms, index_range
from peerserver.index.rows import NO_INTS, NO_ROWS, Datom, Ints, Rows, concat
from peerserver.index.table import Table
from peerserver.index.tail import BY_VALUE, MANY, REF, Tail
from peerserver.model import anomaly, entity
from peerserver.model.bootstrap import BOOTSTRAP_DATOMS
from peerserver.model.order import compare_key
from peerserver.model.schema import VALUE_TYPES, Attribute, Schema, ValueType
from peerserver.model.values import Instant, Keyword

__all__ = ("Database", "Datom", "DatomRange", "Rows")

_INT64_MAX: Final = 2**63 - 1


class Database:
    """One value of a database. Make the first with :meth:`new`, later ones with :meth:`with_datoms`."""

    def __init__(self, id: str, dictionary: Dictionary, tail: Tail, n: int, schema: Schema, basis_t: int, next_t: int,
                 next_schema_id: int, filters: tuple[int | None, int | None, bool] = (None, None, False)) -> None:
        self.id = id
        self.dictionary = dictionary
        self.schema = schema
        self.basis_t = basis_t
        #: next value of the counter that transactions and entities share
        self.next_t = next_t
        #: next entity id of partition 0 (attributes and other schema entities)
        self.next_schema_id = next_schema_id
        self.as_of_t, self.since_t, self.is_history = filters
        self.is_filtered = filters != (None, None, False)
        self._tail = tail
        self._n = n
        self._facts_cache: dict[int, Intervals] = {}
        self._tables: dict[int, Table] = {}
        self._flags = _flags(schema)

    # -- making values

    @classmethod
    def new(cls, id: str) -> Database:
        """A new database: the bootstrap datoms and nothing else; basis-t 66, next-t 1000."""
        empty = cls(id, Dictionary(), Tail(), 0, _BOOT_SCHEMA, 0, entity.FIRST_T, entity.FIRST_USER_SCHEMA_ID)
        es, attrs, vs, txs, added = [], [], [], [], []
        for e, a, value, t, op in BOOTSTRAP_DATOMS:
            kind = _BOOT_SCHEMA.attributes[a].type
            es.append(e)
            attrs.append(a)
            vs.append(empty.intern(kind, value))
            txs.append(entity.tx_id(t))
            added.append(op)
        return empty.with_datoms(es, attrs, vs, txs, added, t=entity.BOOT_T, next_t=entity.FIRST_T,
                                 next_schema_id=entity.FIRST_USER_SCHEMA_ID)

    def _derive(self, filters: tuple[int | None, int | None, bool]) -> Database:
        db = Database(self.id, self.dictionary, self._tail, self._n, self.schema, self.basis_t, self.next_t,
                      self.next_schema_id, filters)
        db._facts_cache = self._facts_cache
        return db

    def as_of(self, point: int | Instant) -> Database:
        """The value as of a time point (inclusive): a t, a transaction id, or an instant."""
        return self._derive((self._t_of(point), self.since_t, self.is_history))

    def since(self, point: int | Instant) -> Database:
        """Only datoms added after a time point (exclusive)."""
        return self._derive((self.as_of_t, self._t_of(point), self.is_history))

    def history(self) -> Database:
        """All assertions and retractions, across time."""
        return self._derive((self.as_of_t, self.since_t, True))

    def unfiltered(self) -> Database:
        """The same basis without time filters."""
        return self._derive((None, None, False)) if self.is_filtered else self

    def fork(self) -> Database:
        """The same value, for ``with``: what is added to it never grows what others share. Time filters
        are dropped (oracle: ``with`` on an as-of database transacts against the present)."""
        db = self.unfiltered()._derive((None, None, False))
        db.dictionary = self.dictionary.fork()
        return db

    def with_datoms(self, es: Sequence[int] | Ints, attrs: Sequence[int] | Ints, vs: Sequence[int] | Ints,
                    txs: Sequence[int] | Ints | int, added: Sequence[bool] | None = None, *, t: int, next_t: int,
                    next_schema_id: int | None = None) -> Database:
        """The next value. Parallel sequences (lists or int64 arrays) of checked, non-redundant datoms;
        ``vs`` are codes (see :meth:`intern`); ``txs`` may be one tx for all; ``added`` None: all are
        assertions. ``t`` is the new basis-t. A retraction precedes the assertion that replaces it or
        follows it, either will do; the datoms of earlier transactions come first."""
        if self.is_filtered:
            raise anomaly.fault("Datoms can only be added to an unfiltered database value")
        es, attrs, vs = _ints(es), _ints(attrs), _ints(vs)
        if not isinstance(txs, int):
            txs = _ints(txs)
        tail = self._tail
        if tail.n != self._n:
            tail = self._copied_tail(self._flags)
        n = tail.append(es, attrs, vs, txs, added, self._flags)
        db = Database(self.id, self.dictionary, tail, n, self.schema, t, next_t, next_schema_id or self.next_schema_id)
        if not schema_view.SCHEMA_ATTRIBUTES.isdisjoint(attrs):
            db._renew_schema(es, attrs, vs, added)
        return db

    def _renew_schema(self, es: Sequence[int], attrs: Sequence[int], vs: Sequence[int],
                      added: Sequence[bool] | None) -> None:
        changes = []
        touched: dict[int, dict[int, list[Any]]] = {}
        boot = self.schema.attributes or _BOOT_SCHEMA.attributes
        for i, (e, a, v) in enumerate(zip(es, attrs, vs)):
            if a in schema_view.SCHEMA_ATTRIBUTES:
                changes.append((e, a, self.decode_one(boot[a].type, v), added is None or bool(added[i])))
                touched[e] = {}
        for e, values in touched.items():
            for a in schema_view.SCHEMA_ATTRIBUTES:
                found = self.codes(e, a)
                if found:
                    values[a] = [self.decode_one(boot[a].type, code) for code in found]
        self.schema = schema_view.derive(self.schema, changes, touched)
        flags = _flags(self.schema)
        if any(flags.get(a, 0) & ~bits for a, bits in self._flags.items()):
            self._tail = self._copied_tail(flags)
        self._flags = flags
        top = max((e + 1 for e in touched if entity.partition_of(e) == entity.PART_DB), default=0)
        self.next_schema_id = max(self.next_schema_id, top)

    def _copied_tail(self, flags: dict[int, int]) -> Tail:
        e, a, v, tx, added = (col.tolist() for col in self._tail.columns(self._n))
        tail = Tail()
        tail.append(e, a, v, tx, added, flags)
        return tail

    # -- identifiers

    def entid(self, x: Any) -> int | None:
        """The entity id that ``x`` names: an int passes through; keyword, ":a/b", lookup ref. None if
        unknown; Anomaly for what can't name an entity. Lookup refs follow the time filters."""
        return identifiers.entid(self, x)

    def entid_or_raise(self, x: Any) -> int:
        """As :meth:`entid`, but an unknown name is an Anomaly ``not-an-entity``."""
        found = identifiers.entid(self, x)
        if found is None:
            raise anomaly.incorrect(f"Unable to resolve entity: {x}", "not-an-entity")
        return found

    def ident(self, eid: int) -> Keyword | None:
        """The newest ident of an entity, or None."""
        return self.schema.idents.get(eid)

    def attribute(self, x: Any) -> Attribute | None:
        """The attribute that a keyword, an id or text ":a/b" names, or None."""
        return identifiers.attribute_of(self.schema, x)

    def _t_of(self, point: int | Instant) -> int:
        if isinstance(point, Instant):
            rows = self.unfiltered().rows(schema_view.TX_INSTANT)
            return identifiers.t_of_point(point, (rows.e, rows.v))
        return identifiers.t_of_point(point)

    # -- codes and values

    def encode(self, type: ValueType, value: Any) -> int | None:
        """The code of a value; None if it is of another type, or was never seen (nothing can match)."""
        if type.coded == "dictionary":
            return self.dictionary.code_of(type, value)
        return number_codes.code_of(type, value)

    def intern(self, type: ValueType, value: Any) -> int:
        """The code of a value that is going to be stored; ValueError for a value of another type."""
        if type.coded == "dictionary":
            return self.dictionary.intern(type, value)
        code = number_codes.code_of(type, value)
        if code is None:
            raise ValueError(f"{value!r} is not a {type.name}")
        return code

    def decode(self, type: ValueType, codes: Ints) -> list[Any]:
        """The values of codes, in order."""
        if type.coded == "dictionary":
            return self.dictionary.values_of(type, codes)
        return number_codes.values_of(type, codes)

    def decode_one(self, type: ValueType, code: int) -> Any:
        """The value of one code."""
        if type.coded == "dictionary":
            return self.dictionary.value_of(type, code)
        return number_codes.value_of(type, code)

    # -- bulk reads

    def rows(self, aid: int) -> Rows:
        """All rows of an attribute by (e, v code); history ones by (e, v code, tx descending)."""
        return self._table(aid).rows

    def rows_of_entities(self, aid: int, es: Ints) -> tuple[Ints, Rows]:
        """Join by entity: ``at[i]`` is the index into ``es`` of row i. ``es`` in any order, repeats
        allowed. The result is NOT sorted by ``at``."""
        table = self._table(aid)
        at, index = table.of_entities(np.asarray(es, np.int64))
        return at, table.rows.take(index)

    def rows_of_values(self, aid: int, codes: Ints) -> tuple[Ints, Rows]:
        """Join by value code, for any attribute. ``at`` as in :meth:`rows_of_entities`."""
        table = self._table(aid)
        at, index = table.of_values(np.asarray(codes, np.int64))
        return at, table.rows.take(index)

    def rows_in_range(self, aid: int, lo: Any = None, hi: Any = None, lo_open: bool = False,
                      hi_open: bool = False) -> Rows:
        """Rows by (value in Datomic's order, e) with ``lo <= value <= hi``; None is no bound."""
        attribute = self.schema.attributes.get(aid)
        if attribute is None:
            return NO_ROWS
        kind = attribute.type
        if any(bound is not None and not same_family(kind, bound) for bound in (lo, hi)):
            return NO_ROWS
        rows = self.rows(aid)
        if kind.coded == "dictionary":
            return self._range_of_words(kind, rows, lo, hi, lo_open, hi_open)
        keep = np.ones(len(rows), np.bool_)
        if lo is not None:
            least = code_bound(kind, lo, lo_open)
            keep &= (rows.v >= least) if least <= _INT64_MAX else False
        if hi is not None:
            beyond = code_bound(kind, hi, not hi_open)
            keep &= (rows.v < beyond) if beyond <= _INT64_MAX else True
        rows = rows.take(keep)
        return rows.take(np.lexsort((np.arange(len(rows)), rows.e, rows.v)))

    def _range_of_words(self, kind: ValueType, rows: Rows, lo: Any, hi: Any, lo_open: bool, hi_open: bool) -> Rows:
        keys = [compare_key(value) for value in self.decode(kind, rows.v)]
        low = None if lo is None else compare_key(lo)
        high = None if hi is None else compare_key(hi)
        picked = [
            i for i, key in enumerate(keys)
            if (low is None or key > low or (key == low and not lo_open))
            and (high is None or key < high or (key == high and not hi_open))
        ]
        es = rows.e.tolist()
        picked.sort(key=lambda i: (keys[i], es[i], i))
        return rows.take(np.array(picked, np.int64))

    def entity_rows(self, e: int) -> Rows:
        """All rows of an entity, with an ``a`` column; by (a, v code)."""
        return self.entities_rows(np.array([e], np.int64))[1]

    def entities_rows(self, es: Ints) -> tuple[Ints, Rows]:
        """All rows of entities, with an ``a`` column; ``at[i]`` is the index into ``es`` of row i."""
        return self._gather(sorted(self.attribute_ids()), lambda aid: self.rows_of_entities(aid, es))

    def referring_rows(self, v: int) -> Rows:
        """The rows of any reference attribute whose value is ``v``, with an ``a`` column."""
        wanted = np.array([v], np.int64)
        refs = [a for a in sorted(self.attribute_ids()) if self.schema.attributes[a].is_ref]
        return self._gather(refs, lambda aid: self.rows_of_values(aid, wanted))[1]

    def rows_of_txs(self, txs: Ints) -> tuple[Ints, Rows]:
        """The rows whose tx is one of ``txs``, with an ``a`` column; ``at`` indexes ``txs``."""
        txs = np.asarray(txs, np.int64)
        order = np.argsort(txs)
        probes = txs[order]

        def of(aid: int) -> tuple[Ints, Rows]:
            rows = self.rows(aid)
            lo = np.searchsorted(probes, rows.tx, "left")
            found = np.flatnonzero(np.searchsorted(probes, rows.tx, "right") > lo)
            return order[lo[found]], rows.take(found)

        return self._gather(sorted(self.attribute_ids()), of)

    def all_rows(self) -> Rows:
        """Every row, with an ``a`` column; by (a, e, v code)."""
        return concat([self.rows(a).with_a(a) for a in sorted(self.attribute_ids())])

    def _gather(self, aids: list[int], read: Callable[[int], tuple[Ints, Rows]]) -> tuple[Ints, Rows]:
        ats, parts = [], []
        for aid in aids:
            at, rows = read(aid)
            if len(rows):
                ats.append(at)
                parts.append(rows.with_a(aid))
        if not parts:
            return NO_INTS, Rows(NO_INTS, NO_INTS, NO_INTS, NO_INTS)
        return np.concatenate(ats), concat(parts)

    def attribute_ids(self) -> list[int]:
        """The ids of the attributes that may have rows."""
        return list(self.schema.attributes)

    def count(self, aid: int) -> int:
        """How many rows the attribute has; cheap, and an estimate on filtered values."""
        return len(self.rows(aid))

    def estimate(self, aid: int, e_bound: bool, v_bound: bool) -> float:
        """How many rows to expect per probe with entity and/or value bound."""
        attribute = self.schema.attributes.get(aid)
        n = float(self.count(aid))
        if attribute is None or not n:
            return 0.0
        if e_bound and v_bound:
            return 1.0
        if e_bound:
            return max(1.0, n / max(1, len(set(self.rows(aid).e.tolist())))) if attribute.many else 1.0
        if v_bound:
            return 1.0 if attribute.unique else max(1.0, n / max(1, len(set(self.rows(aid).v.tolist()))))
        return n

    # -- point reads

    def codes(self, e: int, aid: int) -> Sequence[int]:
        """The value codes of ``(e, aid)``, in no particular order."""
        if self.is_filtered:
            return self.rows_of_entities(aid, np.array([e], np.int64))[1].v.tolist()
        tail = self._tail
        seen: dict[int, bool] = {}
        for pos in tail.of_entity_attribute(e, aid, self._n):
            v = tail.v[pos]
            if v not in seen:
                seen[v] = bool(tail.added[pos])
        return [v for v, live in seen.items() if live]

    def datom_of(self, e: int, aid: int, code: int) -> int | None:
        """The tx of the datom, or None if there is no such datom."""
        if self.is_filtered:
            rows = self.rows_of_entities(aid, np.array([e], np.int64))[1]
            found = rows.tx[(rows.v == code) & rows.added_or_true()]
            return int(found[0]) if len(found) else None
        tail = self._tail
        pos = tail.last_of(e, aid, code, self._n, bool(self._flags.get(aid, 0) & MANY))
        return tail.tx[pos] if pos >= 0 and tail.added[pos] else None

    def holder(self, aid: int, code: int) -> int | None:
        """An entity that has the value now: the one, for a unique attribute."""
        if self.is_filtered or not self._flags.get(aid, 0) & BY_VALUE:
            rows = self.rows_of_values(aid, np.array([code], np.int64))[1]
            es = rows.e[rows.added_or_true()]
            return int(es[0]) if len(es) else None
        tail = self._tail
        gone: set[int] = set()
        for pos in tail.of_value(aid, code, self._n):
            e = tail.e[pos]
            if tail.added[pos] and e not in gone:
                return e
            gone.add(e)
        return None

    def referrers(self, v: int) -> list[tuple[int, int]]:
        """The ``(e, aid)`` of all references to ``v``."""
        if self.is_filtered:
            rows = self.referring_rows(v)
            assert rows.a is not None
            return list(zip(rows.e.tolist(), rows.a.tolist()))
        tail = self._tail
        seen: dict[tuple[int, int], bool] = {}
        for pos in tail.of_ref(v, self._n):
            key = (tail.e[pos], tail.a[pos])
            if key not in seen:
                seen[key] = bool(tail.added[pos])
        return [key for key, live in seen.items() if live]

    def entity_codes(self, e: int) -> list[tuple[int, int]]:
        """All ``(aid, code)`` of an entity."""
        return [(a, v) for a in dict.fromkeys(self._tail.attrs_of.get(e, ())) for v in self.codes(e, a)]

    # -- raw index access

    def datoms(self, index: str, components: Sequence[Any] = ()) -> DatomRange:
        """The datoms of ``index`` (``"eavt"``, ``"aevt"``, ``"avet"``, ``"vaet"``) that begin with the
        components as a client gives them (idents and lookup refs are resolved here; nil ends them)."""
        return datoms(self, index, components)

    def index_range(self, attrid: Any, start: Any = None, end: Any = None) -> DatomRange:
        """AVET of one attribute from ``start`` (inclusive) to ``end`` (exclusive)."""
        return index_range(self, attrid, start, end)

    def tx_range(self, start: Any = None, end: Any = None) -> Iterator[tuple[int, list[Datom]]]:
        """The log from ``start`` (inclusive) to ``end`` (exclusive): ``(t, datoms)``, lazily. The points
        are t, transaction id or instant. The transactions that a new database comes with are not in it."""
        base = self.unfiltered()
        instants = base.rows(schema_view.TX_INSTANT)
        ts = instants.e & entity.NUMBER_MASK

        def position(point: Any) -> int:
            if isinstance(point, Instant):
                return int(np.searchsorted(instants.v, point.ms))
            return int(np.searchsorted(ts, identifiers.t_of_point(point)))

        first = max(int(np.searchsorted(ts, entity.FIRST_T)), 0 if start is None else position(start))
        last = len(ts) if end is None else position(end)
        history = base.history()
        for t in ts[first:last].tolist():
            rows = history.rows_of_txs(np.array([entity.tx_id(t)], np.int64))[1]
            yield t, self.to_datoms(rows)

    def to_datoms(self, rows: Rows) -> list[Datom]:
        """Rows with an ``a`` column as datoms with Python values."""
        assert rows.a is not None
        attributes = self.schema.attributes
        return [
            Datom(e, a, self.decode_one(attributes[a].type, v), tx, added)
            for e, a, v, tx, added in zip(rows.e.tolist(), rows.a.tolist(), rows.v.tolist(), rows.tx.tolist(),
                                          rows.added_or_true().tolist())
        ]

    def stats(self) -> dict[int, int]:
        """Datoms by attribute id, history included, time filters ignored (oracle: ``indexes/stats-*``)."""
        counts = np.bincount(self._tail.columns(self._n)[1])
        return {int(a): int(counts[a]) for a in np.flatnonzero(counts)}

    # -- tables

    def _facts(self, aid: int) -> Intervals:
        facts = self._facts_cache.get(aid)
        if facts is None:
            e, a, v, tx, added = self._tail.columns(self._n)
            index = np.flatnonzero(a == aid)
            index = index[np.argsort(tx[index], kind="stable")]
            facts = self._facts_cache[aid] = from_events(e[index], v[index], tx[index], added[index])
        return facts

    def _table(self, aid: int) -> Table:
        table = self._tables.get(aid)
        if table is None:
            facts = self._facts(aid)
            since = -1 if self.since_t is None else entity.tx_id(self.since_t)
            until = None if self.as_of_t is None else entity.tx_id(self.as_of_t) if self.as_of_t >= 0 else -1
            view = view_history if self.is_history else view_current
            table = self._tables[aid] = Table(view(facts, since, until))
        return table


def _flags(schema: Schema) -> dict[int, int]:
    return {
        a: BY_VALUE * attribute.has_avet | REF * attribute.is_ref | MANY * attribute.many
        for a, attribute in schema.attributes.items()
    }


def _ints(column: Sequence[int] | Ints) -> Sequence[int]:
    return column.tolist() if isinstance(column, np.ndarray) else column


def _boot_schema() -> Schema:
    # Enough of a schema to read the bootstrap datoms with: the types of Datomic's own attributes.
    types = {e: v for e, a, v, _, _ in BOOTSTRAP_DATOMS if a == 40}
    many = {e for e, a, v, _, _ in BOOTSTRAP_DATOMS if a == 41 and v == 36}
    kinds = {kind.id: kind for kind in VALUE_TYPES.values()}
    attributes = {
        e: Attribute(e, Keyword(f"boot/{e}"), kinds[kind], many=e in many, unique="identity" if e == 10 else None,
                     index=e in (39, 50))
        for e, kind in types.items()
    }
    return Schema(attributes, {}, {})


_BOOT_SCHEMA: Final = _boot_schema()
