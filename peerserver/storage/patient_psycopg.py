"""psycopg with a time limit on every answer, as a DB-API module: libpq has none of its own.

A connection whose server falls silent would keep its thread for ever, though TCP is content. What is not decided here:
how long is too long.
"""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import OperationalError
from psycopg.errors import _WaitTimeout

__all__ = ("apilevel", "connect", "paramstyle", "threadsafety")

apilevel, threadsafety, paramstyle = psycopg.apilevel, psycopg.threadsafety, psycopg.paramstyle


class _Connection(psycopg.Connection[Any]):
    patience: float | None = None

    def wait(self, gen: Any, *args: Any, **kwargs: Any) -> Any:
        """What the server answers; OperationalError, and the connection is closed, when it is silent too long."""
        try:
            return super().wait(gen, timeout=self.patience)
        except _WaitTimeout:
            self.pgconn.finish()
            raise OperationalError("the server does not answer") from None


def connect(*, patience: float, **parameters: Any) -> psycopg.Connection[Any]:
    """Connects as psycopg does. ``patience``: seconds that an answer may take."""
    connection = _Connection.connect(**parameters)
    connection.patience = patience
    return connection
