"""What an operator may set about the HTTP side; made from the command line by ``peerserver.options``."""

from __future__ import annotations

import attrs

__all__ = ("Settings",)


@attrs.frozen
class Settings:
    """Limits of the server. The defaults are those of the command line."""

    #: seconds that a request's date may be off, either way: after that a captured request is dead.
    clock_skew: int = 15 * 60
    #: bytes that a request's body may have.
    max_body: int = 64 * 1024 * 1024
    #: milliseconds that a query may take when its request names no time.
    query_timeout: int = 30_000
    #: connections open at once; more are closed as they come.
    max_connections: int = 1_000

    #: milliseconds that no request's own ``:timeout`` goes beyond.
    longest_timeout: int = 15 * 60_000
    #: milliseconds that a transaction may wait when its request names no time (a peer's default is the same).
    transact_timeout: int = 10_000
    #: milliseconds to wait for a t that is ahead of the database before the answer is busy. Long, because the
    #: JavaScript client does not survive an answer of busy.
    sync_timeout: int = 10_000
    #: seconds within which a whole request must have arrived (a slow client is cut off).
    receive_timeout: int = 60
    #: seconds that a connection may stand idle. Above receive_timeout, and below the 70 s that any silence may last.
    idle_timeout: int = 68
    #: bytes of requests' bodies that may be held at once, of all connections together: whoever opens many
    #: connections has not shown a signature yet.
    held_bodies: int = 512 * 1024 * 1024
    #: rows of one page at most, whatever ``:chunk`` asks for; the rest comes with ``next``.
    longest_page: int = 100_000
    #: rows that a query may hold at any moment.
    max_rows: int = 20_000_000

    #: threads for queries, and threads for everything else, so that slow queries don't hold up pulls.
    query_threads: int = 4
    other_threads: int = 3
    #: requests that may wait for a thread; more are answered busy.
    queue_limit: int = 256

    #: bounds of what is kept for ``next``: results, bytes (estimated), seconds since last use.
    pages: int = 10_000
    pages_bytes: int = 512 * 1024 * 1024
    pages_age: float = 600.0
    #: bounds of what ``with`` keeps.
    forks: int = 1_000
    forks_bytes: int = 256 * 1024 * 1024
    forks_age: float = 1_800.0
    #: bytes of a request that travel in the token of its continuation, so that another server can go on. The token
    #: comes back in a header, and Jetty refuses to send more than 4 KB of headers.
    token_bytes: int = 1_200
