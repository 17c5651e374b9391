"""Macros that queries use like functions, threading, and the reading of constants in a call.

Datomic compiles an expression clause as Clojure code, so that its constant arguments are code too: a
symbol names a function, a list is a call (of constants only), ``quote`` keeps data. Here nothing is
compiled: names are looked up in the closed table, and calls of constants are made at once.
"""

from __future__ import annotations

from typing import Any

from ...codec.members import MAP_TAG, SET_TAG
from ...model.anomaly import incorrect
from ...model.order import clj_equal
from ...model.values import EdnList, Symbol, Tagged
from .access import invoke
from .function import Function, Wrong, define, defines
from .predicates import class_named
from .seqs import entries, is_map, is_set, map_of, members, set_of, truthy

__all__ = ("constant",)


@defines("if", 2, 3)
def _if(test: Any, then: Any, otherwise: Any = None) -> Any:
    return then if truthy(test) else otherwise


@defines("cond", 0, None)
def _cond(*clauses: Any) -> Any:
    if len(clauses) % 2:
        raise Wrong("cond requires an even number of forms")
    return next((then for test, then in zip(clauses[::2], clauses[1::2]) if truthy(test)), None)


@defines("case", 1, None)
def _case(value: Any, *clauses: Any) -> Any:
    for test, then in zip(clauses[::2], clauses[1::2]):
        if clj_equal(test, value):
            return then
    if len(clauses) % 2:
        return clauses[-1]
    raise Wrong(f"No matching clause: {value!r}"[:200])


@defines("condp", 2, None)
def _condp(test: Any, value: Any, *clauses: Any) -> Any:
    for one, then in zip(clauses[::2], clauses[1::2]):
        if truthy(invoke(test, (one, value))):
            return then
    if len(clauses) % 2:
        return clauses[-1]
    raise Wrong(f"No matching clause: {value!r}"[:200])


def _and(*values: Any) -> Any:
    return next((value for value in values if not truthy(value)), values[-1] if values else True)


def _or(*values: Any) -> Any:
    return next((value for value in values if truthy(value)), values[-1] if values else None)


def _threaded(value: Any, *fs: Any) -> Any:
    for f in fs:
        value = invoke(f, (value,))
    return value


def _some_threaded(value: Any, *fs: Any) -> Any:
    for f in fs:
        if value is None:
            return None
        value = invoke(f, (value,))
    return value


define("if-not", lambda test, then, otherwise=None: otherwise if truthy(test) else then, 2, 3)
define("when", lambda test, *values: values[-1] if truthy(test) and values else None, 1, None)
define("when-not", lambda test, *values: values[-1] if not truthy(test) and values else None, 1, None)
define("and", _and, 0, None)
define("or", _or, 0, None)
define("do", lambda *values: values[-1] if values else None, 0, None)
define("-> ->>", _threaded, 1, None)
define("some-> some->>", _some_threaded, 1, None)
define("comment", lambda *values: None, 0, None)

_QUOTE = Symbol("quote")
_THREADS = {"->": False, "some->": False, "->>": True, "some->>": True}
_CODE = frozenset(
    "fn fn* let let* loop recur for doseq dotimes while def defn try catch throw new set! var binding letfn delay future "
    "when-let if-let if-some when-some as-> cond-> cond->> doto eval load-string resolve ns-resolve require".split()
)


def constant(form: Any, resolve: Any, head: str | None = None) -> Any:
    """The value of a constant argument.

    ``resolve``: from a form in function position to what is called (``builtins.resolve``). ``head``: the name of
    what is called with it, which matters to macros: a step of ``->`` becomes a function, a case of ``case`` stays as it
    is. Raises Anomaly incorrect for a symbol that names nothing, a variable inside a call, or code (``fn``, ``let`` …).
    """
    if head in _THREADS and isinstance(form, EdnList) and form and form[0] is not _QUOTE:
        return _step(form, resolve, _THREADS[str(head)])
    if isinstance(form, Symbol):
        known = class_named(form.text)
        return known if known is not None else resolve(form)
    if isinstance(form, EdnList):
        return _call(form, resolve) if form else form
    if isinstance(form, tuple):
        return tuple(constant(item, resolve) for item in form)
    if isinstance(form, (frozenset, dict)) or (isinstance(form, Tagged) and form.tag in (SET_TAG, MAP_TAG)):
        if is_set(form):
            return set_of(constant(item, resolve) for item in members(form))
        if is_map(form):
            return map_of((constant(key, resolve), constant(value, resolve)) for key, value in entries(form))
    return form


def _step(form: EdnList, resolve: Any, last: bool) -> Function:
    """One step of a threading form, as a function of the value: ``(f a)`` of x is ``(f x a)``, or with ``last`` ``(f a x)``."""
    callee = resolve(form[0])
    given = [constant(item, resolve) for item in form[1:]]

    def run(value: Any) -> Any:
        return invoke(callee, [*given, value] if last else [value, *given])

    return Function(f"({form[0]!r} …)", run, 1, 1)


def _call(form: EdnList, resolve: Any) -> Any:
    head = form[0]
    if head is _QUOTE:
        return form[1] if len(form) > 1 else None
    if isinstance(head, Symbol) and head.text in _CODE:
        raise incorrect(f"{head.text} is code, which a query here can't hold; name a function instead")
    if isinstance(head, Symbol) and head.text in _THREADS:
        return _thread(form, resolve)
    callee = constant(head, resolve) if isinstance(head, EdnList) else resolve(head)
    return invoke_form(callee, [constant(item, resolve) for item in form[1:]])


def _thread(form: EdnList, resolve: Any) -> Any:
    """``(-> x (f a))`` is ``(f x a)``; ``->>`` puts the value last."""
    name = str(form[0].text)
    if len(form) < 2:
        raise incorrect(f"{name} takes a value first")
    steps = [constant(step, resolve, name) for step in form[2:]]
    return resolve(form[0]).call([constant(form[1], resolve), *steps])


def invoke_form(callee: Any, args: list[Any]) -> Any:
    """:func:`~.access.invoke` with its refusals as anomalies."""
    try:
        return invoke(callee, args)
    except Wrong as wrong:
        raise incorrect(str(wrong)) from None
