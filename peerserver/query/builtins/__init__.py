"""The functions and predicates of queries: a closed table from symbols to functions of values.

How the query engine uses it, for a clause ``[(f a1 … an) binding]``::

    callee = resolve(f)                     # Function; Anomaly incorrect where f names nothing
    args = [constant(a, head=f) for a in …] # for each argument that is no variable and no source
    value = callee.call([…])                # once for each distinct row of arguments
    if callee.vector is not None:           # or on whole columns, where it can
        column = callee.vector([int64 or float64 array, or an int or float, …])     # None: it can't

``resolve`` takes symbols, and what Clojure can also call: keywords, maps, sets and vectors. A function
with ``needs_db`` has a database for its first argument; one that is not ``pure`` is called for each row.
``get-else``, ``get-some``, ``missing?``, ``q``, ``tx-ids``, ``tx-data`` and ``datomic.api/pull`` are not here: they are the query
engine's own. A value of nil drops the row.

Nothing here evaluates, imports or looks up by reflection: what is not in the table is not found. An
operator's own functions are given as a mapping by the composition root, to :func:`install` or as ``extra``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...model.anomaly import incorrect
from ...model.values import EdnList, Keyword, Symbol
from . import (  # noqa: F401  (each fills the table)
    arithmetic,
    compare,
    database,
    datomic,
    formatting,
    higher,
    methods_other,
    predicates,
    printing,
    sequences,
    sets,
    statics,
    strings,
    text,
)
from .access import invoke, is_callable, watched
from .compare import datomic_compare
from .forms import constant as _constant
from .function import TABLE, Column, Function

__all__ = ("Column", "Function", "constant", "datomic_compare", "install", "invoke", "lookup", "names",
           "resolve", "watched")

_CORE = "clojure.core/"
Extra = Mapping[str, Function]

#: what the composition root added when the server started; no request changes it.
_installed: dict[str, Function] = {}


def install(functions: Extra) -> None:
    """Adds functions for all queries: an operator's own, and those of ``impure``. Raises ValueError for a name of the table.

    Call it while the server starts, not later.
    """
    taken = sorted(set(functions) & set(TABLE))
    if taken:
        raise ValueError(f"these functions exist already: {', '.join(taken)}")
    _installed.update(functions)


def lookup(symbol: Symbol, extra: Extra | None = None) -> Function | None:
    """The function of a symbol, or None. ``clojure.core/f`` is ``f``; ``extra`` comes after the table."""
    name = symbol.text
    found = TABLE.get(name)
    if found is None and name.startswith(_CORE) and "/" not in name[len(_CORE) :].rstrip("/"):
        found = TABLE.get(name[len(_CORE) :])
    if found is None:
        found = _installed.get(name)
    if found is None and extra is not None:
        found = extra.get(name)
    return found


def resolve(head: Any, extra: Extra | None = None) -> Function:
    """What stands in function position, as a function. Raises Anomaly incorrect where it is none."""
    if isinstance(head, Symbol):
        found = lookup(head, extra)
        if found is not None:
            return found
        raise incorrect(f"Unable to resolve symbol: {head.text}; it is none of the functions of this server")
    if isinstance(head, Function):
        return head
    if isinstance(head, EdnList) and head:
        made = constant(head, extra)
        if is_callable(made):
            return made if isinstance(made, Function) else resolve(made, extra)
    elif is_callable(head):
        held = head if isinstance(head, Keyword) else constant(head, extra)
        return Function(repr(head)[:60], lambda *args: invoke(held, args))
    raise incorrect(f"Not a function: {head!r}"[:200])


def constant(form: Any, extra: Extra | None = None, head: str | None = None) -> Any:
    """The value of an argument that is neither variable nor source, of a call of ``head``; see ``forms.constant``."""
    return _constant(form, lambda callee: resolve(callee, extra), head)


def names() -> list[str]:
    """All symbols of the table, for documentation."""
    return sorted(TABLE)
