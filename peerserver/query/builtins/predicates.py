"""Predicates on the kind of a value. A list that a function made counts as a sequence, one of the client as a list."""

from __future__ import annotations

import math
import uuid
from decimal import Decimal
from typing import Any

from ...model.order import clj_key
from ...model.values import URI, BigInt, Char, EdnList, Float32, Instant, Keyword, Ratio, Symbol
from .function import Function, Wrong, define
from .numbers import as_double, is_integer, is_number, kind_of
from .seqs import is_map, is_set, seq_of, seq_or_nil

__all__ = ("class_named",)


def _is_string(value: Any) -> bool:
    return isinstance(value, str) and not isinstance(value, Char)


def _is_long(value: Any) -> bool:
    return is_integer(value) and kind_of(value) == 0


def _is_vector(value: Any) -> bool:
    return isinstance(value, tuple) and not isinstance(value, EdnList)


def _is_coll(value: Any) -> bool:
    return isinstance(value, tuple) or is_set(value) or is_map(value)


def _is_seqable(value: Any) -> bool:
    return value is None or _is_coll(value) or _is_string(value) or isinstance(value, bytes)


def _named(kinds: tuple[type, ...], qualified: bool) -> Any:
    return lambda x: isinstance(x, kinds) and (getattr(x, "namespace", None) is not None) == qualified


define("string?", _is_string)
define("keyword?", lambda x: isinstance(x, Keyword))
define("symbol?", lambda x: isinstance(x, Symbol))
define("ident?", lambda x: isinstance(x, (Keyword, Symbol)))
define("simple-keyword?", _named((Keyword,), False))
define("qualified-keyword?", _named((Keyword,), True))
define("simple-symbol?", _named((Symbol,), False))
define("qualified-symbol?", _named((Symbol,), True))
define("simple-ident?", _named((Keyword, Symbol), False))
define("qualified-ident?", _named((Keyword, Symbol), True))
define("char?", lambda x: isinstance(x, Char))
define("nil?", lambda x: x is None)
define("some?", lambda x: x is not None)
define("true?", lambda x: x is True)
define("false?", lambda x: x is False)
define("boolean?", lambda x: isinstance(x, bool))
define("any?", lambda x: True)
define("uuid?", lambda x: isinstance(x, uuid.UUID))
define("inst?", lambda x: isinstance(x, Instant))
define("uri?", lambda x: isinstance(x, URI))
define("bytes?", lambda x: isinstance(x, bytes))

define("number?", is_number)
define("integer?", is_integer)
define("int?", _is_long)
define("pos-int?", lambda x: _is_long(x) and x > 0)
define("neg-int?", lambda x: _is_long(x) and x < 0)
define("nat-int?", lambda x: _is_long(x) and x >= 0)
define("double?", lambda x: isinstance(x, float) and not isinstance(x, Float32))
define("float?", lambda x: isinstance(x, float))
define("decimal?", lambda x: isinstance(x, Decimal))
define("ratio?", lambda x: isinstance(x, Ratio))
define("rational?", lambda x: is_integer(x) or isinstance(x, (Decimal, Ratio)))
define("NaN?", lambda x: math.isnan(as_double(x)))
define("infinite?", lambda x: math.isinf(as_double(x)))

define("map?", is_map)
define("vector?", _is_vector)
define("set?", is_set)
define("list?", lambda x: isinstance(x, EdnList))
define("seq?", lambda x: isinstance(x, EdnList))
define("coll?", _is_coll)
define("sequential?", lambda x: isinstance(x, tuple))
define("associative?", lambda x: is_map(x) or _is_vector(x))
define("counted?", _is_coll)
define("seqable?", _is_seqable)
define("indexed? reversible?", _is_vector)
define("sorted? record? var? delay? class? map-entry? volatile? future? reader-conditional? tagged-literal?", lambda x: False)
define("fn?", lambda x: isinstance(x, Function))
define("ifn?", lambda x: isinstance(x, (Function, Keyword, Symbol)) or _is_vector(x) or is_set(x) or is_map(x))


def _count(value: Any) -> int:
    if _is_string(value):
        return len(value) if value.isascii() else len(seq_of(value))
    if is_number(value) or isinstance(value, (bool, Keyword, Symbol, Char, Function)):
        raise Wrong(f"count not supported on this type: {type(value).__name__}")
    return len(value) if isinstance(value, (tuple, dict, frozenset, bytes)) else len(seq_of(value))


def _all_distinct(*values: Any) -> bool:
    return len({clj_key(value) for value in values}) == len(values)


define("count", _count)
define("bounded-count", lambda n, x: _count(x), 2)
define("empty?", lambda x: not seq_of(x))
define("not-empty", lambda x: x if seq_or_nil(seq_of(x)) is not None else None)
define("distinct?", _all_distinct, 1, None)

_CLASSES: dict[str, Any] = {
    "String": _is_string,
    "Long": lambda x: is_integer(x) and kind_of(x) == 0,
    "Integer": lambda x: False,
    "Double": lambda x: isinstance(x, float) and not isinstance(x, Float32),
    "Float": lambda x: isinstance(x, Float32),
    "Number": is_number,
    "Boolean": lambda x: isinstance(x, bool),
    "Character": lambda x: isinstance(x, Char),
    "Object": lambda x: x is not None,
    "CharSequence": _is_string,
    "Comparable": lambda x: is_number(x) or isinstance(x, (str, bool, Keyword, Symbol, Instant, uuid.UUID, URI, tuple)),
    "BigDecimal": lambda x: isinstance(x, Decimal),
    "java.math.BigDecimal": lambda x: isinstance(x, Decimal),
    "BigInteger": lambda x: False,
    "java.math.BigInteger": lambda x: False,
    "clojure.lang.BigInt": lambda x: isinstance(x, BigInt),
    "clojure.lang.Ratio": lambda x: isinstance(x, Ratio),
    "clojure.lang.Keyword": lambda x: isinstance(x, Keyword),
    "clojure.lang.Symbol": lambda x: isinstance(x, Symbol),
    "java.util.Date": lambda x: isinstance(x, Instant),
    "java.util.UUID": lambda x: isinstance(x, uuid.UUID),
    "java.net.URI": lambda x: isinstance(x, URI),
    "java.util.Map": is_map,
    "java.util.Set": is_set,
    "java.util.List": lambda x: isinstance(x, tuple),
    "java.util.Collection": lambda x: isinstance(x, tuple) or is_set(x),
    "Iterable": _is_coll,
}
for _short in ("String", "Long", "Integer", "Double", "Float", "Number", "Boolean", "Character", "Object", "CharSequence",
               "Comparable", "Iterable"):  # fmt: skip
    _CLASSES["java.lang." + _short] = _CLASSES[_short]


def class_named(name: str) -> Function | None:
    """The class of a name as a value: a test that ``instance?`` can use; None for one not known here."""
    test = _CLASSES.get(name)
    return None if test is None else Function(name, test, 1, 1)


def _is_instance(kind: Any, value: Any) -> bool:
    if isinstance(kind, Function) and kind.name in _CLASSES:
        return bool(kind.run(value))
    raise Wrong("the first argument is no class that is known here")


define("instance?", _is_instance, 2)
_SPECIAL = frozenset(
    "if do let* fn* loop* recur quote var def try catch finally throw new set! . & case* monitor-enter monitor-exit".split()
)
define("special-symbol?", lambda x: isinstance(x, Symbol) and x.text in _SPECIAL)
