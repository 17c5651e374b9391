"""PostgreSQL and MySQL by the JDBC URL of a ``datomic:sql://`` URI.

The URL's ``user``, ``password``, ``ssl`` and ``sslmode`` are read; time limits are ours.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import attrs
from twisted.enterprise import adbapi

from peerserver.model.anomaly import incorrect

from .sql import MYSQL, POSTGRESQL, SqlStorage
from .uri import mask

__all__ = ("JdbcURL", "open_jdbc", "parse_jdbc")

#: seconds until a connection attempt, and until a silent server, counts as lost.
CONNECT_TIMEOUT = 5
SOCKET_TIMEOUT = 5


@attrs.frozen
class JdbcURL:
    """Where a SQL server is, and who asks."""

    kind: str
    host: str
    port: int
    database: str
    user: str | None
    password: str | None = attrs.field(repr=False)
    ssl: str | None


def parse_jdbc(text: str) -> JdbcURL:
    """Reads ``jdbc:postgresql://…`` or ``jdbc:mysql://…``; Anomaly incorrect when it is neither."""
    parts = urlsplit(text.removeprefix("jdbc:"))
    kind = "mysql" if parts.scheme == "mariadb" else parts.scheme
    database = parts.path.lstrip("/")
    if kind not in ("postgresql", "mysql") or not parts.hostname or not database:
        raise incorrect(f"{mask(text)}: write jdbc:postgresql://host:port/name or jdbc:mysql://host:port/name")
    options = dict(parse_qsl(parts.query))
    ssl = options.get("sslmode") or ("require" if options.get("ssl") in ("true", "1") else None)
    port = parts.port or (5432 if kind == "postgresql" else 3306)
    return JdbcURL(kind, parts.hostname, port, database, options.get("user"), options.get("password"), ssl)


def open_jdbc(url: JdbcURL, connections: int, reactor: object) -> SqlStorage:
    """A storage over ``connections`` connections at most, made when first needed."""
    shared: dict[str, Any] = {
        "cp_min": 1,
        "cp_max": connections,
        "cp_reconnect": True,
        "cp_reactor": reactor,
        "cp_name": f"storage-{url.kind}",
        "cp_noisy": False,
    }
    if url.kind == "postgresql":
        from .patient_psycopg import Patience

        parameters = _postgresql(url) | {"patience": Patience(SOCKET_TIMEOUT)}
        return SqlStorage(POSTGRESQL, adbapi.ConnectionPool("peerserver.storage.patient_psycopg", **parameters, **shared))
    return SqlStorage(MYSQL, adbapi.ConnectionPool("pymysql", **_mysql(url), **shared))


def _postgresql(url: JdbcURL) -> dict[str, Any]:
    found = {
        "host": url.host,
        "port": url.port,
        "dbname": url.database,
        "user": url.user,
        "password": url.password,
        "sslmode": url.ssl,
        "connect_timeout": CONNECT_TIMEOUT,
        "tcp_user_timeout": SOCKET_TIMEOUT * 1000,
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "keepalives_count": 3,
        # Every call is one statement: a client that is paused between statement and commit would keep its locks.
        "autocommit": True,
        "options": f"-c statement_timeout={SOCKET_TIMEOUT * 1000}",
    }
    return {k: v for k, v in found.items() if v is not None}


def _mysql(url: JdbcURL) -> dict[str, Any]:
    found: dict[str, Any] = {
        "host": url.host,
        "port": url.port,
        "database": url.database,
        "user": url.user,
        "password": url.password,
        "connect_timeout": CONNECT_TIMEOUT,
        "read_timeout": SOCKET_TIMEOUT,
        "write_timeout": SOCKET_TIMEOUT,
        "charset": "utf8mb4",
        "autocommit": True,
    }
    if url.ssl and url.ssl != "disable":
        found["ssl"] = {}
    return {k: v for k, v in found.items() if v is not None}
