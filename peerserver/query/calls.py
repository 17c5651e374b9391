"""Predicates and function expressions on relations.

A call is made once for each distinct tuple of its arguments, on whole arrays where the function knows how
(``Function.vector``), and by comparing codes where equality of one kind is asked. What is not decided here: what
functions there are (``builtins``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import repeat
from typing import Any

import numpy as np

from peerserver.index.codes import floats_of_codes
from peerserver.index.rows import Bools, Ints
from peerserver.model.anomaly import incorrect
from peerserver.model.values import Symbol

from .ast import BLANK, Binding, Call, Const, is_source, is_variable
from .builtins import lookup, resolve
from .builtins.function import Function, Wrong
from .builtins.seqs import is_map, is_set, seq_of
from .context import Context
from .database_calls import DATABASE_CALLS, ROW_CALLS
from .kinds import BOOL, DOUBLE, INSTANT, INT, Pool
from .relation import UNIT, Column, Relation, comparable, distinct_codes, pack
from .text import edn_text

__all__ = ("bind_values", "call", "function_named", "items_of", "tuple_items")

# Calls between looks at the clock. Other threads have their turn in between: a list of all the arguments is made in one
# go, and they would wait for it.
_CHUNK = 256
_COMPARISONS = frozenset(("<", "<=", ">", ">="))
_EQUAL = {"=": True, "==": True, "!=": False, "not=": False}
_EXACT = frozenset(("int", "instant", "bool", "string", "keyword", "symbol", "uuid"))
_GROUND = Symbol("ground")


def function_named(ctx: Context, clause: Call) -> Function:
    """The function of a call, or an Anomaly that names it and the clause."""
    if clause.head is not None:
        return resolve(clause.head)
    own = ROW_CALLS.get(clause.name.text)
    if own is not None:
        run, least, most = own
        return Function(clause.name.text, lambda *args: run(ctx, args), least, most)
    found = lookup(clause.name)
    if found is None:
        raise incorrect(f"Unable to resolve symbol: {clause.name.text} in this context; there is no such function: "
                        f"{edn_text(clause.form)}")
    return found


def call(ctx: Context, rel: Relation, clause: Call) -> Relation:
    """The relation with a predicate's rows only, or with what a function expression binds."""
    name = clause.name.text
    special = DATABASE_CALLS.get(name)
    if special is not None:
        return _with_results(ctx, rel, clause, special(ctx, rel, clause))
    variables = [x for x in clause.args if is_variable(x)]
    if clause.binding is None:
        if not variables:
            _check_constants(clause)
            return rel  # constants only: filters nothing (oracle: functions/pred-const)
        if name in _COMPARISONS and len(clause.args) == 1:
            return rel.filter(np.zeros(rel.n, np.bool_))  # nothing to compare with (oracle: functions/pred-1)
        mask = _quick_mask(ctx, rel, clause)
        if mask is not None:
            return rel.filter(mask)
    if clause.name is _GROUND and variables:
        raise incorrect(f"ground takes a constant, not a variable: {edn_text(clause.form)}")
    if not rel.n:
        return _no_rows(ctx, rel, clause)
    if clause.name is _GROUND:
        return bind_values(ctx, rel, _required(clause), [_constant(ctx, x) for x in clause.args[:1]], None, clause.form)
    function = function_named(ctx, clause)
    if clause.binding is not None and clause.binding.shape == "scalar" and function.vector is not None and variables:
        column = _vector_column(rel, clause, function)
        if column is not None:
            return _bind_column(ctx, rel, clause.binding, column)
    arguments, inverse = _arguments(rel, clause, function)
    if clause.binding is None:
        truth = np.empty(arguments.n, np.bool_)
        for start, results in _called(ctx, clause, function, arguments):
            truth[start:start + len(results)] = [x is not None and x is not False for x in results]
        return rel.filter(truth[inverse])
    found: list[Any] = []
    for _, results in _called(ctx, clause, function, arguments):
        found += results
    return bind_values(ctx, rel, clause.binding, found, inverse, clause.form)


def _check_constants(clause: Call) -> None:
    """Raises Anomaly where a function is called without arguments and takes some (oracle: query-last/preds-25); ground
    is none (oracle: query-far/calls-49)."""
    function = None if clause.args or clause.head is not None or clause.name is _GROUND else lookup(clause.name)
    if function is not None:
        function.check_arity(0)


def _with_results(ctx: Context, rel: Relation, clause: Call, done: Column | Bools) -> Relation:
    """The relation with what was found for each row: a predicate's rows, or the values bound
    (oracle: query-far/calls-09, calls-31)."""
    binding = clause.binding
    if binding is None and isinstance(done, np.ndarray):
        return rel.filter(done)
    column = Column(BOOL, done.astype(np.int64)) if isinstance(done, np.ndarray) else done
    if binding is not None and binding.shape == "scalar":
        return _bind_column(ctx, rel, binding, column)
    codes = column.array()
    known = distinct_codes(codes)
    values = column.kind.decode(known)
    place = np.searchsorted(known, codes)
    if binding is None:
        return rel.filter(np.array([x is not None and x is not False for x in values], np.bool_)[place])
    return bind_values(ctx, rel, binding, values, place, clause.form)


def _required(clause: Call) -> Binding:
    if clause.binding is None or len(clause.args) != 1:
        raise incorrect(f"ground takes one constant and binds it: {edn_text(clause.form)}")
    return clause.binding


def _no_rows(ctx: Context, rel: Relation, clause: Call) -> Relation:
    names = clause.binding.variables() if clause.binding is not None else ()
    empty = np.empty(0, np.int64)
    return rel.with_columns({x: Column(ctx.pool, empty) for x in names if x not in rel.cols})


# -- on arrays


def _operand(rel: Relation, arg: Any) -> Any:
    """An argument as int64 or float64 array or number, or None."""
    if isinstance(arg, Const):
        return arg.value if arg.value.__class__ in (int, float) else None
    column = rel.cols[arg]
    if column.kind is INT:
        return column.array()
    return floats_of_codes(column.array()) if column.kind is DOUBLE else None


def _quick_mask(ctx: Context, rel: Relation, clause: Call) -> Bools | None:
    """A predicate on arrays, or None where it must be called."""
    name = clause.name.text
    if len(clause.args) == 2 and rel.n:
        left, right = clause.args
        if name in _EQUAL:
            mask = _equal_codes(rel, left, right, name)
            if mask is not None:
                return mask if _EQUAL[name] else ~mask
        if name in _COMPARISONS:
            mask = _compare_instants(rel, left, right, name)
            if mask is not None:
                return mask
    function = lookup(clause.name)
    if function is None or function.vector is None:
        return None
    operands: list[Any] = [_operand(rel, arg) if not is_source(arg) else None for arg in clause.args]
    if any(x is None for x in operands):
        return None
    found = function.vector(operands)
    return found if found is not None and found.dtype == np.bool_ and found.shape == (rel.n,) else None


def _equal_codes(rel: Relation, left: Any, right: Any, name: str) -> Bools | None:
    if isinstance(left, Const):
        left, right = right, left
    if isinstance(left, Const) or is_source(left) or is_source(right):
        return None
    column = rel.cols[left]
    if column.kind.name not in _EXACT or (name == "==" and column.kind is not INT):
        return None
    if isinstance(right, Const):
        if column.kind is INT and right.value.__class__ is not int:
            return None
        if right.value != right.value:
            return None
        code = column.kind.encode(right.value)
        return np.zeros(rel.n, np.bool_) if code is None else column.array() == code
    other = rel.cols[right]
    if other.kind is not column.kind or isinstance(column.kind, Pool):
        return None
    return np.asarray(column.array() == other.array())


_UFUNCS: dict[str, Callable[[Any, Any], Bools]] = {
    "<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal,
}


def _compare_instants(rel: Relation, left: Any, right: Any, name: str) -> Bools | None:
    sides: list[Any] = []
    for arg in (left, right):
        if isinstance(arg, Const):
            code = INSTANT.encode(arg.value)
            if code is None:
                return None
            sides.append(code)
        elif is_variable(arg) and rel.cols[arg].kind is INSTANT:
            sides.append(rel.cols[arg].array())
        else:
            return None
    return _UFUNCS[name](sides[0], sides[1])


def _vector_column(rel: Relation, clause: Call, function: Function) -> Column | None:
    operands: list[Any] = [_operand(rel, arg) if not is_source(arg) else None for arg in clause.args]
    if function.vector is None or any(x is None for x in operands):
        return None
    function.check_arity(len(operands))
    found = function.vector(operands)
    if found is None or found.shape != (rel.n,):
        return None
    if found.dtype == np.int64:
        return Column(INT, found)
    if found.dtype == np.bool_:
        return Column(BOOL, found.astype(np.int64))
    if found.dtype == np.float64:
        bits = np.ascontiguousarray(found).view(np.int64)
        return Column(DOUBLE, np.where(bits >= 0, bits, bits ^ 0x7FFF_FFFF_FFFF_FFFF))
    return None


# -- one by one


def _arguments(rel: Relation, clause: Call, function: Function) -> tuple[Relation, Ints]:
    """The distinct tuples of a call's variables, and for each row which of them is its own."""
    cols = {x: rel.cols[x] for x in clause.args if is_variable(x)}
    if not cols:
        return UNIT, np.zeros(rel.n, np.int64)
    if rel.n > 16 and function.pure:
        packed = pack([column.array() for column in cols.values()])
        known = distinct_codes(packed)
        if len(known) < rel.n:
            inverse = np.searchsorted(known, packed)
            first = np.empty(len(known), np.int64)
            first[inverse] = np.arange(rel.n)
            return Relation(len(known), {name: column.take(first) for name, column in cols.items()}), inverse
    return Relation(rel.n, cols), np.arange(rel.n)


def _called(ctx: Context, clause: Call, function: Function, arguments: Relation) -> Iterator[tuple[int, list[Any]]]:
    """The function's values for tuples of arguments, a few at a time: (position of the first, values)."""
    for start in range(0, arguments.n, _CHUNK):
        ctx.budget.check()
        count = min(_CHUNK, arguments.n - start)
        values = {name: column.part(start, start + count).values() for name, column in arguments.cols.items()}
        yield start, function.call_each(
            list(zip(*(values[x] if is_variable(x) else repeat(_constant(ctx, x), count) for x in clause.args)))
            if clause.args else [()] * count)


def _constant(ctx: Context, arg: Any) -> Any:
    return arg.value if isinstance(arg, Const) else ctx.source(arg)


# -- binding


def _bind_column(ctx: Context, rel: Relation, binding: Binding, column: Column) -> Relation:
    """A scalar binding of a whole column."""
    (name,) = binding.names
    if name is BLANK:
        return rel
    if name not in rel.cols:
        return rel.with_columns({name: column})
    return _matched(ctx, rel, name, column)


def _matched(ctx: Context, rel: Relation, name: Symbol, column: Column) -> Relation:
    """The rows where a variable that is bound already equals a function's value. Of values that are `=` the function's
    stays (oracle: query-inputs/one-and-one, query-sources/inputs-number-kinds)."""
    mask = _same_values(ctx, rel.cols[name], column)
    if column.kind is ctx.pool or column.kind is not rel.cols[name].kind:
        keys = tuple(key for key in rel.keys if name not in key)
        rel = Relation(rel.n, {**rel.cols, name: column}, keys)
    return rel.filter(mask)


def _same_values(ctx: Context, left: Column, right: Column) -> Bools:
    own, codes, ok = comparable(left, right, ctx.pool)
    mask = own == codes
    return np.asarray(mask if ok is None else mask & ok)


def items_of(value: Any) -> Sequence[Any]:
    """The members of what a collection or relation binding is given; Anomaly for what is no collection."""
    try:
        return seq_of(value)
    except Wrong:
        raise incorrect(f"A collection is needed to bind from, not {edn_text(value)}") from None


def tuple_items(value: Any, names: Sequence[Symbol]) -> Sequence[Any]:
    """The values that a tuple binding takes: there must be enough of them, in an order (oracle: query-wide/bind-28)."""
    items = items_of(value)
    if len(items) < len(names) or is_set(value) or is_map(value):
        raise incorrect(f"A tuple of {len(names)} is needed to bind [{' '.join(x.text for x in names)}], not "
                        f"{edn_text(value)}")
    return items


def bind_values(ctx: Context, rel: Relation, binding: Binding, results: Sequence[Any], inverse: Ints | None,
                form: Any) -> Relation:
    """The relation with each row's result taken apart. ``inverse``: for each
    row the position of its result (None: all have the first). A nil result gives no row;
    a variable that the binding names twice takes the last (oracle: functions/fn-bind-same-twice-ne)."""
    shape, names = binding.shape, binding.names
    if shape == "scalar" and names[0] is not BLANK:
        some = [x for x in results if x is not None]
        known = np.arange(len(results)) if len(some) == len(results) else np.flatnonzero(
            np.fromiter((x is not None for x in results), np.bool_, len(results)))
        return _spread(ctx, rel, {names[0]: ctx.column_of(some)}, known, inverse, len(results), True)
    owners: list[int] = []
    rows: list[Sequence[Any]] = []
    for i, result in enumerate(results):
        if result is None:
            continue
        if shape == "scalar":
            owners.append(i)
            rows.append((result,))
        elif shape == "tuple":
            owners.append(i)
            rows.append(tuple_items(result, names))
        else:
            # Each member is a row of its own: the order of a set, dear to find, is not asked for.
            for item in result if isinstance(result, frozenset) else items_of(result):
                owners.append(i)
                rows.append((item,) if shape == "collection" else tuple_items(item, names))
    wanted = {name: place for place, name in enumerate(names) if name is not BLANK}
    cols = {name: ctx.column_of([row[place] for row in rows]) for name, place in wanted.items()}
    return _spread(ctx, rel, cols, np.array(owners, np.int64), inverse, len(results), shape in ("scalar", "tuple"))


def _spread(ctx: Context, rel: Relation, cols: dict[Symbol, Column], owners: Ints, inverse: Ints | None, count: int,
            single: bool) -> Relation:
    from .relation import expand
    if inverse is None:
        inverse = np.zeros(rel.n, np.int64)
    counts = np.bincount(owners, minlength=count) if len(owners) else np.zeros(count, np.int64)
    starts = np.cumsum(counts) - counts
    n = counts[inverse]
    ctx.budget.admit(int(n.sum()), len(rel.cols) + len(cols))
    at, place = expand(starts[inverse], n)
    keys = rel.keys if single else tuple(key | frozenset(cols) for key in rel.keys)
    found = rel.take(at, keys=keys) if len(at) != rel.n or not single else rel
    mask: Bools | None = None
    fresh = {}
    for name, column in cols.items():
        spread = column.take(place)
        if name in rel.cols:
            same = _same_values(ctx, found.cols[name], spread)
            mask = same if mask is None else mask & same
            if single and (column.kind is ctx.pool or column.kind is not found.cols[name].kind):
                fresh[name] = spread
        else:
            fresh[name] = spread
    # A column that is replaced tells rows apart no longer: 1 and 1N may both have become 1.
    replaced = fresh.keys() & rel.cols.keys()
    found = found.with_columns(fresh, tuple(key for key in keys if not key & replaced) if single else ())
    return found if mask is None else found.filter(mask)

