"""The values that ``with`` made: kept here, named by tokens, gone after a while without use.

They outlive later transactions (each is a fork of its own), and chains and branches of them may be of any length.
What is not decided here: what a ``with`` does.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from threading import Lock
from typing import Any

import attrs

from peerserver.database import Database
from peerserver.model.anomaly import incorrect

from .kept import Kept

__all__ = ("Fork", "Forks")


@attrs.frozen(eq=False)
class Fork:
    """A value, and the lock of its family: values forked from one another share columns, so one may grow at a time."""

    db: Database
    lock: Lock = attrs.field(factory=Lock)


class Forks:
    """Forks by token."""

    def __init__(self, now: Callable[[], float], count: int, size: int, age: float) -> None:
        self._kept: Kept[Fork] = Kept(now, count, size, age)

    def put(self, fork: Fork, size: int) -> str:
        """The token of a value that holds about ``size`` bytes of its own."""
        token = "with-" + secrets.token_urlsafe(18)
        self._kept.put(token, fork, size)
        return token

    def get(self, token: Any) -> Fork:
        """The value of a token; Anomaly incorrect if it is gone."""
        fork = self._kept.get(token) if type(token) is str else None
        if fork is None:
            raise incorrect("This with-db value is gone from the server: it was not used for long, or the server was "
                            "restarted; call with-db again")
        return fork
