"""What clients did and what they were told, as one line of JSON each, and the logs that the servers had at the end.

Times are seconds of one monotonic clock. What is not decided here: whether it was right (``checkers``).
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

__all__ = ("APPEND", "BANK", "LISTS", "LOG", "REPEAT", "SETUP", "TRANSFER", "WRITES", "Change", "Event", "History",
           "Operation", "Recorder")

#: kinds of operations that write
SETUP, APPEND, TRANSFER, REPEAT = "setup", "append", "transfer", "repeat"
#: kinds of operations that read
LISTS, BANK, LOG = "lists", "bank", "log"
WRITES = frozenset({SETUP, APPEND, TRANSFER})


@attrs.frozen
class Operation:
    """One call of one session. A session has one operation under way at a time.

    ``outcome``: ``ok`` (acknowledged), ``fail`` (said not to have happened) or ``unknown``. ``t``: the basis that was
    answered or read at. ``given`` is what was asked, ``found`` what was read, by kind:

    ========  ==========================================  ===========================================
    setup     ``{account: balance}`` as pairs             -
    append    ``[[key, element], …]``                     -
    transfer  ``[[account, old, new], …]``                -
    repeat    the first answer's t                        - (``t`` is what the repetition was answered)
    lists     ``[key, …]``                                ``[[key, [element, …]], …]`` in the order of their t
    bank      -                                           ``[[account, balance], …]``
    log       ``[start, end)``                            ``[[t, digest], …]``
    ========  ==========================================  ===========================================

    ``last`` is when the last attempt of several began, else ``start``: those before it ended without an outcome.
    """

    session: int
    kind: str
    start: float
    end: float
    outcome: str
    server: str = ""
    t: int | None = None
    id: str | None = None
    given: Any = None
    found: Any = None
    last: float = 0.0
    error: str | None = None


@attrs.frozen
class Change:
    """A transaction as a server's log has it. ``id``: the mark that its client gave it. ``appends``: ``(key, element)``;
    ``balances``: ``(account, old or None, new)``; ``digest`` stands for all its datoms."""

    t: int
    id: str
    instant: int
    appends: Sequence[tuple[int, int]]
    balances: Sequence[tuple[int, int | None, int]]
    digest: str


@attrs.frozen
class Event:
    """Something that was done to the system."""

    at: float
    text: str


@attrs.frozen
class History:
    """All of a run. ``logs``: server → its whole log at the end. ``total``: what all balances sum to, at any time."""

    operations: Sequence[Operation]
    logs: Mapping[str, Sequence[Change]]
    total: int
    events: Sequence[Event] = ()

    def write(self, path: Path) -> None:
        """One JSON object a line: the header, operations, events, logs."""
        with path.open("w", encoding="utf-8") as file:
            file.write(json.dumps({"total": self.total}) + "\n")
            for name, items in (("operation", self.operations), ("event", self.events)):
                for item in items:
                    file.write(json.dumps({name: attrs.asdict(item)}) + "\n")
            for server, log in self.logs.items():
                for change in log:
                    file.write(json.dumps({"log": server, "change": attrs.asdict(change)}) + "\n")

    @classmethod
    def read(cls, path: Path) -> History:
        """The history that was written; ValueError where the file is none."""
        operations, events, total = [], [], 0
        logs: dict[str, list[Change]] = {}
        for line in path.read_text(encoding="utf-8").splitlines():
            form = json.loads(line)
            if "operation" in form:
                operations.append(Operation(**form["operation"]))
            elif "event" in form:
                events.append(Event(**form["event"]))
            elif "log" in form:
                change = form["change"]
                change["appends"] = tuple(tuple(x) for x in change["appends"])
                change["balances"] = tuple(tuple(x) for x in change["balances"])
                logs.setdefault(form["log"], []).append(Change(**change))
            else:
                total = form["total"]
        return cls(operations, logs, total, events)


class Recorder:
    """Takes operations from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._operations: list[Operation] = []
        self._events: list[Event] = []

    def add(self, operation: Operation) -> None:
        with self._lock:
            self._operations.append(operation)

    def note(self, at: float, text: str) -> None:
        with self._lock:
            self._events.append(Event(at, text))

    def operations(self) -> list[Operation]:
        with self._lock:
            return list(self._operations)

    def events(self) -> list[Event]:
        with self._lock:
            return list(self._events)
