"""The database value: immutable, cheap to derive, free to hold and to read from any thread.

Reads follow the value's time filters (``as_of``, ``since``, ``history``). Reads in bulk return columns
of codes (:class:`~peerserver.index.rows.Rows`); point reads return plain ints.
What is not decided here: whether datoms may be added (``transact``), and how they are stored (``index``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Any, Final, TypeAlias

import numpy as np

from peerserver.index import codes as number_codes
from peerserver.index import identifiers, schema_view
from peerserver.index.content import Content
from peerserver.index.dictionary import Dictionary
from peerserver.index.log import tx_range
from peerserver.index.points import codes_at, datom_at, holder_at
from peerserver.index.ranges import DatomRange, datoms, index_range, seek
from peerserver.index.rows import NO_INTS, NO_ROWS, Bools, Datom, Ints, Rows, concat
from peerserver.index.source import IndexSource
from peerserver.index.store import Store
from peerserver.index.tail import BY_VALUE, MANY, REF, Tail
from peerserver.index.values import positions_by_value, rows_by_value
from peerserver.index.view import NOW, View, Window
from peerserver.model import anomaly, entity
from peerserver.model.bootstrap import BOOTSTRAP_DATOMS
from peerserver.model.schema import Attribute, Schema, ValueType
from peerserver.model.values import Float32, Instant, Keyword

__all__ = ("Database", "Datom", "DatomRange", "Rows")

# as_of_t, since_t, is_history
_Filters: TypeAlias = "tuple[int | None, int | None, bool]"
_NO_FILTERS: Final[_Filters] = (None, None, False)
# Fewer values than this are decoded one by one.
_FEW: Final = 48
_BOOT_SCHEMA: Final = schema_view.boot_schema()


class Database:
    """One value of a database. Make the first with :meth:`new`, later ones with :meth:`with_datoms`.

    ``basis_t`` is the t of the newest transaction, whatever the filters; ``next_t`` the next value of the
    counter that transactions and entities share; ``next_schema_id`` the next id of partition 0."""

    __slots__ = ("_content", "_window", "as_of_t", "basis_t", "dictionary", "id", "is_filtered", "is_history",
                 "next_schema_id", "next_t", "schema", "since_t", "__weakref__")

    def __init__(self, id: str, dictionary: Dictionary, content: Content, schema: Schema, basis_t: int, next_t: int,
                 next_schema_id: int, filters: _Filters = _NO_FILTERS) -> None:
        self.id = id
        self.dictionary = dictionary
        self.schema = schema
        self.basis_t = basis_t
        self.next_t = next_t
        self.next_schema_id = next_schema_id
        self.as_of_t, self.since_t, self.is_history = filters
        self.is_filtered = filters != _NO_FILTERS
        self._content = content
        self._window = _window(*filters) if self.is_filtered else NOW

    # -- making values

    @classmethod
    def new(cls, id: str, dictionary: Dictionary | None = None) -> Database:
        """A new database: the bootstrap datoms and nothing else; basis-t 66, next-t 1000."""
        content = Content(Store(), (), Tail(), 0, _flags(_BOOT_SCHEMA))
        empty = cls(id, dictionary or Dictionary(), content, schema_view.EMPTY_SCHEMA, 0, entity.FIRST_T, entity.FIRST_USER_SCHEMA_ID)
        es, attrs, vs, txs, added = [], [], [], [], []
        for e, a, value, t, op in BOOTSTRAP_DATOMS:
            es.append(e)
            attrs.append(a)
            vs.append(empty.intern(_BOOT_SCHEMA.attributes[a].type, value))
            txs.append(entity.tx_id(t))
            added.append(op)
        return empty.with_datoms(es, attrs, vs, txs, added, t=entity.BOOT_T, next_t=entity.FIRST_T,
                                 next_schema_id=entity.FIRST_USER_SCHEMA_ID)

    @classmethod
    def over(cls, id: str, source: IndexSource, dictionary: Dictionary, *, basis_t: int, next_t: int,
             next_schema_id: int) -> Database:
        """The database whose datoms up to ``basis_t`` a durable index holds, bootstrap datoms included."""
        content = Content(Store(source, entity.tx_id(basis_t)), (), Tail(), 0, _flags(_BOOT_SCHEMA))
        db = cls(id, dictionary, content, schema_view.EMPTY_SCHEMA, basis_t, next_t, next_schema_id)
        history = db.history()
        rows = concat([history.rows(a).with_a(a) for a in schema_view.SCHEMA_ATTRIBUTES])
        rows = rows.take(np.argsort(rows.tx, kind="stable"))
        assert rows.a is not None
        db._renew_schema(rows.e, rows.a, rows.v, rows.added)
        return db

    def _derive(self, filters: _Filters) -> Database:
        return Database(self.id, self.dictionary, self._content, self.schema, self.basis_t, self.next_t,
                        self.next_schema_id, filters)

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
        return self._derive(_NO_FILTERS) if self.is_filtered else self

    def labelled(self, basis_t: int, next_t: int) -> Database:
        """This value under the counters of another: for telling of a value that is no longer held, not for reading."""
        return Database(self.id, self.dictionary, self._content, self.schema, basis_t, next_t, self.next_schema_id)

    def fork(self) -> Database:
        """The same value, for ``with``: what is added to it never grows what others share. Time filters
        are dropped (oracle: ``with`` on an as-of database transacts against the present)."""
        return Database(self.id, self.dictionary.fork(), self._content.fork(), self.schema, self.basis_t, self.next_t,
                        self.next_schema_id)

    def with_datoms(self, es: Sequence[int] | Ints, attrs: Sequence[int] | Ints, vs: Sequence[int] | Ints,
                    txs: Sequence[int] | Ints | int, added: Sequence[bool] | Bools | None = None, *, t: int,
                    next_t: int, next_schema_id: int | None = None) -> Database:
        """The next value. Parallel sequences (lists or int64 arrays) of checked, non-redundant datoms;
        ``vs`` are codes (see :meth:`intern`); ``txs`` may be one tx for all; ``added`` None: all are
        assertions. ``t`` is the new basis-t. Within a transaction datoms are in any order; those of
        earlier transactions come first. Costs O(datoms) at the tip of a history; from an older value
        it makes a fork, which is correct and slower. Only :meth:`fork` also forks the dictionary."""
        if self.is_filtered:
            raise anomaly.fault("Datoms can only be added to an unfiltered database value")
        content = self._content.append(es, attrs, vs, txs, added)
        db = Database(self.id, self.dictionary, content, self.schema, t, next_t, next_schema_id or self.next_schema_id)
        if schema_view.changes_schema(attrs):
            db._renew_schema(es, attrs, vs, added)
        return db

    def _renew_schema(self, es: Sequence[int] | Ints, attrs: Sequence[int] | Ints, vs: Sequence[int] | Ints,
                      added: Sequence[bool] | Bools | None) -> None:
        changes = []
        touched: dict[int, dict[int, list[Any]]] = {}
        kinds = _BOOT_SCHEMA.attributes
        for i, (e, a, v) in enumerate(zip(es, attrs, vs)):
            if a in schema_view.SCHEMA_ATTRIBUTES:
                changes.append((int(e), int(a), self.decode_one(kinds[a].type, v), added is None or bool(added[i])))
                touched[int(e)] = {}
        for e, values in touched.items():
            for a in schema_view.SCHEMA_ATTRIBUTES:
                found = self.codes(e, a)
                if len(found):
                    values[a] = [self.decode_one(kinds[a].type, code) for code in found]
        self.schema = schema_view.derive(self.schema, changes, touched)
        self._content = self._content.reflagged(_flags(self.schema))
        top = max((e + 1 for e in touched if entity.partition_of(e) == entity.PART_DB), default=0)
        self.next_schema_id = max(self.next_schema_id, top)

    # -- identifiers

    def entid(self, x: Any) -> int | None:
        """The entity id that ``x`` names: an int passes through; keyword, ":a/b", lookup ref. None if
        unknown; Anomaly for a malformed name. Lookup refs follow the time filters."""
        return identifiers.entid(self, x)

    def entid_or_raise(self, x: Any) -> int:
        """As :meth:`entid`, but an unknown name is an Anomaly ``not-an-entity``."""
        found = identifiers.entid(self, x)
        if found is None:
            raise identifiers.not_an_entity(x)
        return found

    def ident(self, eid: int) -> Keyword | None:
        """The newest ident of an entity, or None."""
        return self.schema.idents.get(eid)

    def ident_of(self, x: Any) -> Any:
        """As :meth:`ident` for a number; anything else is itself (oracle: sweep-reads/220 to 226, schema/rename)."""
        if not isinstance(x, (int, float, Decimal)) or isinstance(x, bool):
            return x
        return self.ident(int(x)) if isinstance(x, int) else None

    def attribute(self, x: Any) -> Attribute | None:
        """The attribute that a keyword, an id, text ":a/b" or a lookup ref names, or None."""
        return identifiers.resolve_attribute(self, x)

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
        if type.name == "float" and isinstance(value, float) and value == value != Float32(value):
            return None  # what is read is not rounded, only what is stored (oracle)
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

    def _view(self, aid: int) -> View:
        return self._content.view(aid, self._window)

    def rows(self, aid: int) -> Rows:
        """All rows of an attribute by (e, v code); history ones by (e, v code, tx descending)."""
        return self._view(aid).rows()

    def rows_of_entities(self, aid: int, es: Ints) -> tuple[Ints, Rows]:
        """Join by entity: ``at[i]`` is the index into ``es`` of row i. ``es`` in any order, repeats
        allowed. The result is NOT always sorted by ``at``."""
        es = np.asarray(es, np.int64)
        view = self._content.view_of_entities(aid, es, self._window)
        return view.select(lambda table: table.of_entities(es))

    def rows_of_values(self, aid: int, codes: Ints) -> tuple[Ints, Rows]:
        """Join by value code, for any attribute. ``at`` as in :meth:`rows_of_entities`."""
        codes = np.asarray(codes, np.int64)
        view = self._content.view_of_values(aid, codes, self._window)
        return view.select(lambda table: table.of_values(codes))

    def counts_of_entities(self, aid: int, es: Ints) -> Ints | None:
        """How many rows :meth:`rows_of_entities` finds for each; None where that isn't told without looking at them
        (time filters)."""
        return self._content.view_of_entities(aid, es, self._window).counts(lambda table: table.counts_of_entities(es))

    def counts_of_values(self, aid: int, codes: Ints) -> Ints | None:
        """As :meth:`counts_of_entities`, of :meth:`rows_of_values`."""
        return self._content.view_of_values(aid, codes, self._window).counts(lambda table: table.counts_of_values(codes))

    def rows_in_range(self, aid: int, lo: Any = None, hi: Any = None, lo_open: bool = False,
                      hi_open: bool = False) -> Rows:
        """Rows by (value in Datomic's order, e) with ``lo <= value <= hi``; None is no bound. A bound of
        another family of values than the attribute's is compared as ``model.order`` orders the families."""
        attribute = self.schema.attributes.get(aid)
        if attribute is None:
            return NO_ROWS
        return rows_by_value(self, attribute.type, self._view(aid), lo, hi, lo_open, hi_open)

    def positions_in_range(self, aid: int, start: Any, end: Any) -> Ints | None:
        """As :meth:`rows_in_range` for ``start <= value < end``, where that comes down to positions in
        :meth:`rows`, without making the rows; else None."""
        attribute = self.schema.attributes[aid]
        return positions_by_value(self, attribute.type, self._view(aid), start, end, hi_open=True)

    def entity_rows(self, e: int) -> Rows:
        """All rows of an entity, with an ``a`` column; by (a, v code)."""
        wanted = np.array([e], np.int64)
        return self._gather(sorted(self._content.entity_attributes(e)),
                            lambda aid: self.rows_of_entities(aid, wanted))[1]

    def entities_rows(self, es: Ints) -> tuple[Ints, Rows]:
        """All rows of entities, with an ``a`` column; ``at[i]`` is the index into ``es`` of row i."""
        es = np.asarray(es, np.int64)
        return self._gather(self._content.attributes_of_many(es), lambda aid: self.rows_of_entities(aid, es))

    def referring_rows(self, v: int) -> Rows:
        """The rows of any reference attribute whose value is ``v``, with an ``a`` column."""
        wanted = np.array([v], np.int64)
        return self._gather(self._content.referring_attributes(v), lambda aid: self.rows_of_values(aid, wanted))[1]

    def rows_of_txs(self, txs: Ints) -> tuple[Ints, Rows]:
        """The rows whose tx is one of ``txs``, with an ``a`` column; ``at`` indexes ``txs`` (which are
        distinct)."""
        return self._content.rows_of_txs(np.asarray(txs, np.int64), self._window)

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
        attributes = self.schema.attributes
        return [aid for aid in self._content.attribute_ids() if aid in attributes]

    def count(self, aid: int) -> int:
        """How many rows the attribute has; cheap, and an upper bound on filtered values."""
        return self._content.count(aid, self._window)

    def estimate(self, aid: int, e_bound: bool, v_bound: bool) -> float:
        """How many rows to expect per probe with entity and/or value bound."""
        attribute = self.schema.attributes.get(aid)
        if attribute is None:
            return 0.0
        n = float(self.count(aid))
        if n == 0 or not (e_bound or v_bound):
            return n
        if e_bound and v_bound:
            return 1.0
        if self._content.store.is_away(aid):
            # Not worth reading the attribute: a guess.
            return (2.0 if attribute.many else 1.0) if e_bound else 1.0 if attribute.unique else n**0.5
        base = self._view(aid).facts.base
        if e_bound:
            return max(1.0, n / max(1, base.distinct_entities())) if attribute.many else 1.0
        return 1.0 if attribute.unique else max(1.0, n / max(1, base.distinct_values()))

    # -- point reads

    def codes(self, e: int, aid: int) -> Sequence[int]:
        """The value codes of ``(e, aid)``, in no particular order."""
        if not self.is_filtered:
            return self._content.codes(e, aid)
        if not self.is_history:
            return codes_at(self._content, e, aid, self._window)
        codes: list[int] = self.rows_of_entities(aid, np.array([e], np.int64))[1].v.tolist()
        return codes

    def datom_of(self, e: int, aid: int, code: int) -> int | None:
        """The tx of the datom, or None if there is no such datom."""
        if not self.is_filtered:
            return self._content.datom_of(e, aid, code)
        if not self.is_history:
            return datom_at(self._content, e, aid, code, self._window)
        rows = self.rows_of_entities(aid, np.array([e], np.int64))[1]
        found = rows.tx[(rows.v == code) & rows.added_or_true()]
        return int(found[0]) if len(found) else None

    def holder(self, aid: int, code: int) -> int | None:
        """An entity that has the value: the one, for a unique attribute."""
        if not self.is_filtered:
            return self._content.holder(aid, code)
        if not self.is_history:
            return holder_at(self._content, aid, code, self._window)
        rows = self.rows_of_values(aid, np.array([code], np.int64))[1]
        es = rows.e[rows.added_or_true()]
        return int(es[0]) if len(es) else None

    def referrers(self, v: int) -> list[tuple[int, int]]:
        """The ``(e, aid)`` of all references to ``v``."""
        if not self.is_filtered:
            return self._content.referrers(v)
        rows = self.referring_rows(v)
        assert rows.a is not None
        return list(zip(rows.e.tolist(), rows.a.tolist()))

    def entity_codes(self, e: int) -> list[tuple[int, int]]:
        """All ``(aid, code)`` of an entity."""
        return [(a, v) for a in self._content.entity_attributes(e) for v in self.codes(e, a)]

    # -- raw index access

    def datoms(self, index: str, components: Sequence[Any] = ()) -> DatomRange:
        """The datoms of ``index`` (``"eavt"``, ``"aevt"``, ``"avet"``, ``"vaet"``) that begin with the
        components as a client gives them (idents and lookup refs are resolved here; nil ends them)."""
        return datoms(self, index, components)

    def seek_datoms(self, index: str, components: Sequence[Any] = ()) -> Iterator[Datom]:
        """The datoms of a whole index from the place of the components on. Not for the hot path: the peer
        library has this call, the client API has not."""
        return seek(self, index, components)

    def index_range(self, attrid: Any, start: Any = None, end: Any = None) -> DatomRange:
        """AVET of one attribute from ``start`` (inclusive) to ``end`` (exclusive)."""
        return index_range(self, attrid, start, end)

    def tx_range(self, start: Any = None, end: Any = None) -> Iterator[tuple[int, list[Datom]]]:
        """The log from ``start`` (inclusive) to ``end`` (exclusive): ``(t, datoms)``, lazily. The points
        are t, transaction id or instant; time filters do not count. The transactions that a new database
        comes with are not in it."""
        return tx_range(self.unfiltered(), start, end)

    def values_of(self, rows: Rows, aid: int | None = None) -> list[Any]:
        """The Python values of rows of one attribute, or of rows with an ``a`` column."""
        attributes = self.schema.attributes
        if aid is not None:
            return self.decode(attributes[aid].type, rows.v)
        assert rows.a is not None
        if len(rows) < _FEW:
            return [self.decode_one(attributes[a].type, v) for a, v in zip(rows.a.tolist(), rows.v.tolist())]
        values = np.empty(len(rows), object)
        order = np.argsort(rows.a, kind="stable")
        a = rows.a[order]
        bounds = [0, *(np.flatnonzero(a[1:] != a[:-1]) + 1).tolist(), len(a)]
        for lo, hi in pairwise(bounds):
            index = order[lo:hi]
            # Filled one by one: numpy would take a value that is a tuple for a row of values.
            decoded = np.empty(hi - lo, object)
            for i, value in enumerate(self.decode(attributes[int(a[lo])].type, rows.v[index])):
                decoded[i] = value
            values[index] = decoded
        listed: list[Any] = values.tolist()
        return listed

    def to_datoms(self, rows: Rows) -> list[Datom]:
        """Rows with an ``a`` column as datoms with Python values."""
        assert rows.a is not None
        return list(map(Datom, rows.e.tolist(), rows.a.tolist(), self.values_of(rows), rows.tx.tolist(),
                        rows.added_or_true().tolist()))

    def stats(self) -> dict[int, int]:
        """Datoms by attribute id, history included, time filters ignored (oracle: ``indexes/stats-*``)."""
        return self._content.events()


def _window(as_of_t: int | None, since_t: int | None, history: bool) -> Window:
    # Before everything (an instant earlier than the first transaction): no transaction is at or before -1.
    def tx(t: int | None) -> int | None:
        return None if t is None else entity.tx_id(t) if t >= 0 else -1

    return Window(tx(since_t), tx(as_of_t), history)


def _flags(schema: Schema) -> dict[int, int]:
    return {
        a: BY_VALUE * attribute.has_avet | REF * attribute.is_ref | MANY * attribute.many
        for a, attribute in schema.attributes.items()
    }
