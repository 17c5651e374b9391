"""Transaction functions and predicates in Python: the operator's allow-list.

The list is an EDN map from a qualified symbol, as transactions and schema name it, to the Python function
that does it::

    {my.app/transfer "my_app.functions:transfer"
     my.app/positive? "my_app.checks:is_positive"}

It is read when the server starts, from a file that the operator's configuration names; nothing that a
client sends can add to it or be imported. A transaction function is called with the database before the
transaction and the arguments, and returns transaction data; a predicate on an attribute is called with
the value, one of an entity spec with the database after the transaction and the entity id, and holds if it
returns ``True``. They must be pure. To abort, they raise :class:`peerserver.model.anomaly.Anomaly`.
What is not decided here: when they are called (``transact``).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from peerserver.codec import edn
from peerserver.model.anomaly import Anomaly, incorrect
from peerserver.model.values import Symbol

__all__ = ("bounded", "load", "parse")

Function = Callable[..., Any]


def load(path: Path, seconds: float | None = None) -> dict[str, Function]:
    """The functions of an allow-list file. ``seconds``: how long one call may take (None: no limit).
    Raises ValueError that names the entry at fault, and OSError if the file can't be read."""
    return parse(path.read_text(encoding="utf-8"), seconds)


def parse(text: str, seconds: float | None = None) -> dict[str, Function]:
    """As :func:`load`, of the file's text."""
    try:
        entries = edn.read(text)
    except Anomaly as problem:
        raise ValueError(f"The list of extensions is not EDN: {problem}") from None
    if not isinstance(entries, Mapping):
        raise ValueError('The list of extensions must be a map such as {my.app/f "my_app.module:f"}')
    return {name: bounded(name, function, seconds) if seconds else function
            for name, function in (_entry(key, target) for key, target in entries.items())}


def _entry(key: Any, target: Any) -> tuple[str, Function]:
    if not isinstance(key, Symbol) or key.namespace is None:
        raise ValueError(f"{key!r} is no qualified symbol such as my.app/f")
    module, colon, name = target.partition(":") if isinstance(target, str) else ("", "", "")
    if not colon or not module or not name.isidentifier():
        raise ValueError(f'{key!r}: {target!r} is no "module:function"')
    try:
        function = getattr(import_module(module), name)
    except (ImportError, AttributeError) as problem:
        raise ValueError(f"{key!r}: {target} can't be imported: {problem}") from problem
    if not callable(function):
        raise ValueError(f"{key!r}: {target} can't be called")
    return key.text, function


def bounded(name: str, function: Function, seconds: float) -> Function:
    """The function with a limit of time. A call that takes longer is an Anomaly, and the transaction fails;
    Python can't stop the call itself, so it goes on in a thread of its own, whose result nobody sees.
    While one such call goes on, further ones are refused, so they can't pile up."""
    running = threading.Lock()

    def call(*args: Any) -> Any:
        if not running.acquire(timeout=seconds):
            raise Anomaly("busy", f"The function {name} has not come back from an earlier call", "function-timeout")
        outcome: list[Any] = []
        problem: list[BaseException] = []

        def work() -> None:
            try:
                outcome.append(function(*args))
            except BaseException as raised:
                problem.append(raised)
            finally:
                running.release()

        thread = threading.Thread(target=work, name=f"extension {name}", daemon=True)
        start = time.monotonic()
        thread.start()
        thread.join(seconds)
        if thread.is_alive() and not outcome and not problem:
            raise incorrect(f"The function {name} took longer than {seconds:g} s "
                            f"({time.monotonic() - start:.1f} s), so the transaction is given up", "function-timeout")
        if problem:
            raise problem[0]
        return outcome[0]

    return call
