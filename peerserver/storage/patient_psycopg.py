"""psycopg with a time limit on every answer, as a DB-API module: libpq has none of its own.

A connection whose server falls silent would keep its thread for ever, though TCP is content. When one falls silent, the
others of its pool that have not been heard of since are not trusted any more either: else a path that is gone would be
found out one connection after the other. What is not decided here: how long is too long.
"""

from __future__ import annotations

import time
from typing import Any

import attrs
import psycopg
from psycopg import OperationalError
from psycopg.errors import _WaitTimeout

__all__ = ("Patience", "apilevel", "connect", "paramstyle", "threadsafety")

apilevel, threadsafety, paramstyle = psycopg.apilevel, psycopg.threadsafety, psycopg.paramstyle


@attrs.define
class Patience:
    """Shared by the connections of a pool. ``seconds`` that an answer may take; ``silent_since``: when the last call
    was sent that had none."""

    seconds: float
    silent_since: float = float("-inf")


class _Connection(psycopg.Connection[Any]):
    patience: Patience | None = None
    heard = 0.0

    def wait(self, gen: Any, *args: Any, **kwargs: Any) -> Any:
        """What the server answers; OperationalError, and the connection is closed, when it is silent too long."""
        patience, sent = self.patience, time.monotonic()
        try:
            answer = super().wait(gen, timeout=None if patience is None else patience.seconds)
        except _WaitTimeout:
            self.pgconn.finish()
            if patience is not None:
                patience.silent_since = max(patience.silent_since, sent)
            raise OperationalError("the server does not answer") from None
        self.heard = time.monotonic()
        return answer

    def cursor(self, *args: Any, **kwargs: Any) -> Any:
        """A cursor; OperationalError where the connection is not to be trusted, so that the pool opens another."""
        if self.patience is not None and self.heard <= self.patience.silent_since:
            self.pgconn.finish()
            raise OperationalError("another connection fell silent since this one was heard of")
        return super().cursor(*args, **kwargs)


def connect(*, patience: Patience, **parameters: Any) -> psycopg.Connection[Any]:
    """Connects as psycopg does."""
    connection = _Connection.connect(**parameters)
    connection.patience, connection.heard = patience, time.monotonic()
    return connection
