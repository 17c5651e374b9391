"""The functions that read a database, on whole columns: ``get-else``, ``missing?``, ``get-some``, ``q``.

Each takes (context, relation, clause) and gives a Column of results (a scalar binding's), a mask (a predicate's), a
finished Relation's part through the caller, or None to be called as any other function. What is not decided here:
functions of values alone, ``fulltext`` and the log's functions (``builtins``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from peerserver.database import Database
from peerserver.index.identifiers import long_of
from peerserver.index.rows import Bools, Ints, Rows
from peerserver.model.anomaly import incorrect
from peerserver.model.entity import NUMBER_MASK, tx_id
from peerserver.model.order import compare_key
from peerserver.model.schema import Attribute
from peerserver.model.values import Keyword, Symbol

from .ast import Call, Const, is_source, is_variable
from .context import Context
from .kinds import INT
from .relation import Column, Relation, convert, distinct_codes
from .text import edn_text

__all__ = ("DATABASE_CALLS", "ROW_CALLS")

_Special: TypeAlias = "Callable[[Context, Relation, Call], Column | Bools]"


def _database(ctx: Context, rel: Relation, arg: Any, clause: Call) -> Database:
    """The database of a source, or of a variable that one was given for (oracle: query-far/calls-19)."""
    if is_variable(arg) and rel.n:
        column = rel.cols[arg]
        found = column.kind.decode(distinct_codes(column.array()))
        if len(found) == 1 and isinstance(found[0], Database):
            return found[0]
    if not is_source(arg):
        raise incorrect(f"{clause.name.text} takes a database first: {edn_text(clause.form)}")
    return ctx.database(arg)


def _arity(clause: Call, least: int, most: int | None) -> None:
    n = len(clause.args)
    if n < least or (most is not None and n > most):
        raise incorrect(f"Wrong number of args ({n}) passed to: {clause.name.text}: {edn_text(clause.form)}")


def _entities(db: Database, rel: Relation, arg: Any) -> Ints:
    """The entity of each row; -1 for what names none (a missing lookup ref is no error here)."""
    if isinstance(arg, Const):
        return np.full(rel.n, _entity(db, arg.value), np.int64)
    column = rel.cols[arg]
    if column.kind is INT:
        return column.array()
    codes = column.array()
    known = distinct_codes(codes)
    ids = np.array([_entity(db, value) for value in column.kind.decode(known)], np.int64)
    return ids[np.searchsorted(known, codes)]


def _entity(db: Database, value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return long_of(value)
    if isinstance(value, (Keyword, tuple, str)):
        found = db.entid(value)
        return -1 if found is None else found
    return -1


def _groups(rel: Relation, arg: Any) -> list[tuple[Any, Ints | None]]:
    """The values of an argument, each with the positions of its rows (None: all)."""
    if isinstance(arg, Const):
        return [(arg.value, None)]
    column = rel.cols[arg]
    codes = column.array()
    known = distinct_codes(codes)
    values = column.kind.decode(known)
    if len(values) == 1:
        return [(values[0], None)]
    return [(value, np.flatnonzero(codes == code)) for value, code in zip(values, known.tolist())]


def _attribute(db: Database, value: Any) -> Attribute | None:
    if isinstance(value, tuple) or value is None:
        return None
    return db.attribute(value)


def _missing(ctx: Context, rel: Relation, clause: Call) -> Bools:
    _arity(clause, 3, 3)
    db = _database(ctx, rel, clause.args[0], clause)
    es = _entities(db, rel, clause.args[1])
    mask = np.ones(rel.n, np.bool_)
    for value, index in _groups(rel, clause.args[2]):
        attribute = _attribute(db, value)
        if attribute is None:
            continue  # an attribute that nobody knows is missing everywhere (oracle: functions/missing-unknown)
        wanted = es if index is None else es[index]
        at, _ = db.rows_of_entities(attribute.id, wanted)
        mask[at if index is None else index[at]] = False
    return mask


def _get_else(ctx: Context, rel: Relation, clause: Call) -> Column:
    _arity(clause, 4, 4)
    db = _database(ctx, rel, clause.args[0], clause)
    default = clause.args[3]
    if isinstance(default, Const) and default.value is None:
        raise incorrect(f"nil default value not supported: {edn_text(clause.form)}")
    es = _entities(db, rel, clause.args[1])
    if isinstance(default, Const):
        fallback = ctx.column_of([default.value])
        fallback = Column(fallback.kind, np.repeat(fallback.array(), rel.n))
    else:
        fallback = rel.cols[default]
    groups = _groups(rel, clause.args[2])
    if len(groups) == 1:
        return _with_default(ctx, db, _single(db, groups[0][0]), es, fallback)
    pool = ctx.pool
    codes = convert(fallback, pool)[0].copy()
    for value, index in groups:
        assert index is not None
        part = _with_default(ctx, db, _single(db, value), es[index], Column(pool, codes[index]))
        codes[index] = convert(part, pool)[0]
    return Column(pool, codes)


def _single(db: Database, value: Any) -> Attribute:
    attribute = _attribute(db, value)
    if attribute is None:
        raise incorrect(f"Unable to resolve entity: {edn_text(value)}", "not-an-entity")
    if attribute.many:
        raise incorrect(f"cardinality-many attrs not supported: {attribute.ident}")
    return attribute


def _with_default(ctx: Context, db: Database, attribute: Attribute, es: Ints, fallback: Column) -> Column:
    kind = ctx.kind_of(db, attribute)
    at, rows = db.rows_of_entities(attribute.id, es)
    if db.is_history:
        # The first in index order counts, asserted or retracted (oracle: functions/get-else-history).
        at, rows = _first_of_each(db, attribute, at, rows)
    if len(at) == len(es):
        codes = np.empty(len(es), np.int64)
        codes[at] = rows.v
        return Column(kind, codes)
    if fallback.kind is not kind and kind is not ctx.pool:
        encoded, ok = convert(fallback, kind)
        if ok is not None:
            encoded = convert(fallback, ctx.pool)[0].copy()
            encoded[at] = convert(Column(kind, rows.v), ctx.pool)[0]
            return Column(ctx.pool, encoded)
    else:
        encoded = fallback.array()
    codes = encoded.copy()
    codes[at] = rows.v
    return Column(kind, codes)


def _first_of_each(db: Database, attribute: Attribute, at: Ints, rows: Rows) -> tuple[Ints, Rows]:
    """The least value of each entity, in Datomic's order."""
    values = [compare_key(value) for value in db.decode(attribute.type, rows.v)]
    least: dict[int, int] = {}
    for i, entity in enumerate(at.tolist()):
        other = least.get(entity)
        if other is None or values[i] < values[other]:
            least[entity] = i
    index = np.fromiter(least.values(), np.int64, len(least))
    return at[index], rows.take(index)


# -- row by row


def _get_some(ctx: Context, args: Sequence[Any]) -> Any:
    db, entity, *names = args
    if not isinstance(db, Database):
        raise incorrect("get-some takes a database first")
    e = _entity(db, entity)
    for name in names:
        attribute = _single(db, name)
        codes = db.codes(e, attribute.id)
        if codes:
            values = [db.decode_one(attribute.type, code) for code in codes]
            return attribute.id, min(values, key=compare_key)
    return None


def _nested(ctx: Context, args: Sequence[Any]) -> Any:
    from .engine import execute
    from .parse import parse_query
    query = parse_query(args[0])
    for arg in args[1:]:
        if isinstance(arg, Symbol) and arg.text == "%":
            raise incorrect("Unable to resolve symbol: % in this context; rules are given to a nested query as data")
    result = execute(query, args[1:], ctx.budget, depth=ctx.depth + 1)
    found = result.shaped()
    return tuple(found) if isinstance(found, list) else found


def _pull(ctx: Context, args: Sequence[Any]) -> Any:
    from peerserver.pull import parse_pattern, pull
    db, pattern, entity = args
    if not isinstance(db, Database):
        raise incorrect("datomic.api/pull takes a database first")
    return pull(db, parse_pattern(pattern), entity)


def _tx_ids(ctx: Context, args: Sequence[Any]) -> Any:
    db, start, end = args
    if not isinstance(db, Database):
        raise incorrect("tx-ids takes a log first")
    return tuple(tx_id(t) for t, _ in db.tx_range(start, end))


def _tx_data(ctx: Context, args: Sequence[Any]) -> Any:
    db, tx = args
    if not isinstance(db, Database):
        raise incorrect("tx-data takes a log first")
    if not isinstance(tx, int) or isinstance(tx, bool):
        raise incorrect(f"tx-data takes a t or transaction id, not {edn_text(tx)}")
    t = tx & NUMBER_MASK
    return tuple((d.e, d.a, d.v, d.tx, d.added) for _, data in db.tx_range(t, t + 1) for d in data)


#: run once for each distinct row of arguments: (what, fewest and most arguments).
ROW_CALLS: dict[str, tuple[Callable[[Context, Sequence[Any]], Any], int, int | None]] = {
    "get-some": (_get_some, 2, None),
    "q": (_nested, 1, None),
    "datomic.api/q": (_nested, 1, None),
    "datomic.api/pull": (_pull, 3, 3),
    "tx-ids": (_tx_ids, 3, 3),
    "tx-data": (_tx_data, 2, 2),
}

DATABASE_CALLS: dict[str, _Special] = {"missing?": _missing, "get-else": _get_else}
