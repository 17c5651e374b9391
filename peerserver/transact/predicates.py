"""Predicates by name, for attribute predicates and entity specs.

A name means a function of the operator's allow-list, else one of the query functions (``pos?`` is
``clojure.core/pos?``). What is not decided here: when predicates run.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from peerserver.model import anomaly

from .state import State

__all__ = ("run",)


def run(state: State, name: str, args: tuple[Any, ...]) -> Any:
    """What the predicate returns. Anomaly not-found if there is none of the name; what it raises aborts."""
    function = state.functions.get(name) or _builtin(name)
    if function is None:
        raise anomaly.not_found(f"No predicate {name}: give a function of the server's extensions file, or a "
                                "built-in one such as clojure.core/pos?")
    try:
        return function(*args)
    except anomaly.Anomaly:
        raise
    except Exception as problem:
        raise anomaly.incorrect(f"The predicate {name} failed: {type(problem).__name__}: {problem}",
                                "predicate") from problem


def _builtin(name: str) -> Callable[..., Any] | None:
    # Imported when needed: few transactions have predicates, and the query room is large.
    import_module("peerserver.query.builtins")
    from peerserver.query.builtins.function import TABLE

    function = TABLE.get(name) or TABLE.get(name.removeprefix("clojure.core/"))
    if function is None:
        return None
    call = function.call
    return lambda *args: call(args)
