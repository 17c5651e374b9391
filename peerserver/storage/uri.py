"""Database URIs: ``datomic:PROTOCOL://…``, read, checked and written without their secrets.

==============  ================================================================================
protocol        form
==============  ================================================================================
mem             ``datomic:mem://DB``
dev             ``datomic:dev://HOST:PORT/DB[?password=…]``
sql             ``datomic:sql://DB?jdbc:postgresql://HOST[:PORT]/NAME?user=…&password=…`` (or ``jdbc:mysql``;
                ``jdbc:sqlite:/PATH`` for processes of one machine)
ddb             ``datomic:ddb://REGION/TABLE/DB[?aws_access_key_id=…&aws_secret_key=…]``
ddb-local       ``datomic:ddb-local://HOST:PORT/TABLE/DB[?…]``
cass            ``datomic:cass://HOST[:PORT]/KEYSPACE.TABLE/DB[?user=…&password=…&ssl=true]`` (also cass2, cass3)
==============  ================================================================================

The rules are those of Datomic's ``connect``; ``*`` stands for every database where a command takes it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import parse_qsl, unquote

import attrs

from peerserver.model.anomaly import Anomaly, incorrect

__all__ = ("PROTOCOLS", "DatabaseURI", "mask", "parse_uri")

#: protocol → (port when none is given, path parts before the database's name)
PROTOCOLS: Mapping[str, tuple[int, int]] = {
    "mem": (0, 0),
    "dev": (4334, 0),
    "sql": (0, 0),
    "ddb": (0, 1),
    "ddb-local": (8000, 1),
    "cass": (9042, 1),
    "cass2": (9042, 1),
    "cass3": (9042, 1),
}
_FORM = re.compile(r"datomic:([a-z0-9-]+)://(.*)", re.DOTALL)
_NAME = re.compile(r'[^/"*:=?\s]+')
_SECRET = re.compile(r"((?:password|secret|access_key)[a-z_]*=)[^&]*", re.IGNORECASE)
_USERINFO = re.compile(r"(//[^/@:?]*:)[^/@?]*(@)")


@attrs.frozen
class DatabaseURI:
    """A URI taken apart. ``database`` may be ``*``; ``options`` are the query's, percent-decoded."""

    protocol: str
    database: str
    host: str = ""
    port: int = 0
    table: str = ""
    options: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    jdbc: str = attrs.field(default="", repr=False)
    text: str = attrs.field(default="", repr=False)

    def __str__(self) -> str:
        return mask(self.text)

    @property
    def storage(self) -> str:
        """The same for all databases of one storage. It may hold credentials."""
        return f"{self.protocol} {self.host}:{self.port} {self.table} {self.jdbc} {sorted(self.options.items())}"


def mask(text: str) -> str:
    """The text with every credential replaced by ``***``; for logs and messages."""
    return _USERINFO.sub(r"\1***\2", _SECRET.sub(r"\1***", text))


def parse_uri(text: str) -> DatabaseURI:
    """Reads a database URI; Anomaly incorrect with what to change when it isn't one."""
    match = _FORM.fullmatch(text)
    if match is None:
        raise _bad(text, "a database URI looks like datomic:mem://my-db")
    protocol, rest = match.groups()
    if protocol not in PROTOCOLS:
        raise incorrect(f"{mask(text)}: unsupported protocol {protocol!r}; use one of {', '.join(PROTOCOLS)}",
                        "unsupported-protocol")
    if protocol == "sql":
        return _sql(text, rest)
    path, _, query = rest.partition("?")
    options = dict(parse_qsl(query, keep_blank_values=True))
    if protocol == "mem":
        return DatabaseURI(protocol, _database(text, path), options=options, text=text)
    address, *parts = path.split("/")
    default_port, wanted = PROTOCOLS[protocol]
    if len(parts) != wanted + 1:
        raise _bad(text, f"after datomic:{protocol}:// goes {'host/table/db' if wanted else 'host:port/db'}")
    host, port = (address, 0) if protocol == "ddb" else _address(text, address, default_port)
    table = unquote(parts[0]) if wanted else ""
    if protocol.startswith("cass") and table.count(".") != 1:
        raise _bad(text, "name the table as keyspace.table")
    return DatabaseURI(protocol, _database(text, parts[-1]), host, port, table, options, text=text)


def _sql(text: str, rest: str) -> DatabaseURI:
    name, _, jdbc = rest.partition("?")
    if jdbc.startswith("jdbc:sqlite:") and not jdbc.startswith("jdbc:sqlite:/"):
        raise _bad(text, "after jdbc:sqlite: goes the absolute path of a file")
    if not jdbc.startswith(("jdbc:postgresql://", "jdbc:mysql://", "jdbc:mariadb://", "jdbc:sqlite:/")):
        raise _bad(text, "after datomic:sql://db? goes jdbc:postgresql://host:port/name, "
                         "jdbc:mysql://host:port/name or jdbc:sqlite:/path/file")
    return DatabaseURI("sql", _database(text, name), options={}, jdbc=jdbc, text=text)


def _database(text: str, name: str) -> str:
    name = unquote(name)
    if name != "*" and not _NAME.fullmatch(name):
        raise _bad(text, 'a database name is not empty and has none of / " * : = ? or white space')
    return name


def _address(text: str, address: str, default_port: int) -> tuple[str, int]:
    host, colon, port = address.rpartition(":")
    if not colon:
        host, port = address, str(default_port)
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise _bad(text, "write the address as host:port with a port from 1 to 65535")
    return host, int(port)


def _bad(text: str, advice: str) -> Anomaly:
    return incorrect(f"Invalid database URI {mask(text)}: {advice}", "invalid-db-uri")
