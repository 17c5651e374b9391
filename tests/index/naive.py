"""A database that is obviously right: a list of datoms, and every read a loop over it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from peerserver.database import Database
from peerserver.model.entity import tx_id
from peerserver.model.order import compare_key

Event = tuple[int, int, Any, int, bool]  # e, a, value, tx, added


class Naive:
    """Datoms in the order of the log, with Python values."""

    def __init__(self, events: list[Event], key: Callable[[int, Any], Any]) -> None:
        self.events = events
        self.key = key  # (a, value) -> what makes values of the attribute the same

    def with_events(self, events: list[Event]) -> Naive:
        return Naive(self.events + events, self.key)

    def current(self, since: int | None = None, until: int | None = None) -> list[Event]:
        """What holds: the last word on each fact within the window, where it is an assertion."""
        last: dict[Any, Event] = {}
        for event in self.window(since, until):
            e, a, v, _, _ = event
            last[(e, a, self.key(a, v))] = event
        return [event for event in last.values() if event[4]]

    def window(self, since: int | None = None, until: int | None = None) -> list[Event]:
        return [
            event for event in self.events
            if (since is None or event[3] > tx_id(since)) and (until is None or event[3] <= tx_id(until))
        ]

    def view(self, db: Database) -> list[Event]:
        """What a database value with these filters shows."""
        if db.is_history:
            return self.window(db.since_t, db.as_of_t)
        return self.current(db.since_t, db.as_of_t)


def ordered(events: list[Event], index: str) -> list[Event]:
    """Events in the order of an index: e, a and v as it says, then the newest transaction first."""
    def sort_key(event: Event) -> tuple[Any, ...]:
        e, a, v, tx, _ = event
        part = {"e": e, "a": a, "v": compare_key(v)}
        return (*(part[letter] for letter in index[:3]), -tx)

    return sorted(events, key=sort_key)
