"""The properties file of a transactor: Datomic's names, defaults and units; what is wrong is said in one sentence.

Pure: it reads no file and opens nothing. What Datomic has and this transactor has no use for is accepted, so that
files can be carried over, and told by ``TransactorProperties.ignored``. A misspelt name is an error, not a default.
What is not decided here: what is done with the values (``transactor.service``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, final
from urllib.parse import quote

import attrs

from peerserver.model.anomaly import Anomaly
from peerserver.storage.uri import DatabaseURI, parse_uri

__all__ = ("PROPERTIES", "PropertiesError", "Property", "TransactorProperties", "parse_properties")


class PropertiesError(ValueError):
    """A property is wrong; the message is a sentence that names it, says what to write, and repeats no secret."""


@final
@attrs.frozen
class Property:
    """``read(text)`` gives the value, or ValueError with what to write. ``used``: False where it has no effect here."""

    read: Callable[[str], Any]
    default: Any = None
    used: bool = True
    secret: bool = False


def _text(text: str) -> str:
    if not text:
        raise ValueError("give it a value, or leave the line out")
    return text


def _number(least: int, most: int = 1 << 31) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,10}", text) or not least <= int(text) <= most:
            raise ValueError(f"write a whole number from {least}" + (f" to {most}" if most < 1 << 31 else ""))
        return int(text)

    return read


_UNITS: Final = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}


def _size(text: str) -> int:
    match = re.fullmatch(r"([0-9]{1,15})([kmg]?)", text.lower())
    if match is None or int(match[1]) == 0:
        raise ValueError("write bytes, or 512k, 32m, 1g")
    return int(match[1]) * _UNITS[match[2]]


def _flag(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError("write true or false")
    return text.lower() == "true"


def _one_of(*words: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in words:
            raise ValueError(f"write one of {', '.join(words)}")
        return text

    return read


def _path(text: str) -> Path:
    return Path(_text(text)).expanduser()


def _servers(text: str) -> tuple[tuple[str, int], ...]:
    found = []
    for part in re.split(r"[,\s]+", text.strip()):
        host, _, port = part.rpartition(":")
        if not host or not re.fullmatch(r"[0-9]{1,5}", port) or not 0 < int(port) < 65536:
            raise ValueError("write host:port, and more of them after commas")
        found.append((host, int(port)))
    return tuple(found)


_OTHER: Final = Property(_text, used=False)
_PROTOCOLS: Final = ("dev", "sql", "ddb", "ddb-local", "cass", "cass2", "cass3")
_PORT: Final = _number(1, 65535)

#: name → what it takes. Names and defaults are Datomic's; docs/operating.md has them with their meanings.
PROPERTIES: Final[Mapping[str, Property]] = {
    # Where it listens and what it tells peers.
    "protocol": Property(_one_of(*_PROTOCOLS)),
    "host": Property(_text),
    "alt-host": Property(_text, ""),
    "port": Property(_PORT, 4334),
    "encrypt-channel": Property(_flag, True),
    "heartbeat-interval-msec": Property(_number(1000), 5000),
    "ping-host": Property(_text),
    "ping-port": Property(_PORT),
    # Memory.
    "memory-index-threshold": Property(_size, 32 << 20),
    "memory-index-max": Property(_size, 256 << 20),
    "object-cache-max": Property(_size, 128 << 20),
    # Files.
    "data-dir": Property(_path, Path("data")),
    "log-dir": Property(_path),
    "pid-file": Property(_path),
    # Storage in general.
    "read-concurrency": Property(_number(1)),
    "write-concurrency": Property(_number(2), 4),
    "memcached": Property(_servers, ()),
    "valcache-path": Property(_path),
    "valcache-max-gb": Property(_number(1)),
    # dev
    "storage-access": Property(_one_of("local", "remote"), "local"),
    "storage-admin-password": Property(_text, used=False, secret=True),
    "storage-datomic-password": Property(_text, secret=True),
    "old-storage-admin-password": Property(_text, used=False, secret=True),
    "old-storage-datomic-password": Property(_text, used=False, secret=True),
    "h2-port": Property(_PORT, used=False),
    "h2-web-port": Property(_PORT, used=False),
    # sql
    "sql-url": Property(_text),
    "sql-user": Property(_text),
    "sql-password": Property(str, secret=True),
    "sql-driver-params": Property(_text),
    "sql-driver-class": _OTHER,
    "sql-validation-query": _OTHER,
    # ddb, ddb-local
    "aws-dynamodb-table": Property(_text),
    "aws-dynamodb-region": Property(_text),
    "aws-dynamodb-override-endpoint": Property(_text),
    "aws-access-key-id": Property(_text, secret=True),
    "aws-secret-key": Property(_text, secret=True),
    "aws-transactor-role": _OTHER,
    "aws-peer-role": _OTHER,
    "aws-s3-log-bucket-id": _OTHER,
    "aws-cloudwatch-region": _OTHER,
    "aws-cloudwatch-dimension-value": _OTHER,
    "aws-autoscaling-group-size": _OTHER,
    "ddb-request-timeout": _OTHER,
    # cass, cass2, cass3
    "cassandra-host": Property(_text),
    "cassandra-port": Property(_PORT, 9042),
    "cassandra-table": Property(_text, "datomic.datomic"),
    "cassandra-user": Property(_text),
    "cassandra-password": Property(str, secret=True),
    "cassandra-ssl": Property(_flag, False),
    # Accepted, without effect.
    "license-key": Property(str, used=False, secret=True),
    "default-partition": _OTHER,
    "index-parallelism": Property(_number(1, 8), used=False),
    "prefetch-concurrency": Property(_number(1), used=False),
    "prefetch-probes": Property(_flag, used=False),
    "ping-concurrency": Property(_number(1), used=False),
    "print-connection-info": Property(_flag, used=False),
    "metrics-callback": _OTHER,
    "gc-storage-pace-msec": Property(_number(0), used=False),
    "memcached-auto-discovery": Property(_flag, used=False),
    "memcached-config-timeout-msec": Property(_number(1), used=False),
    "memcached-expiration-days": Property(_number(1), used=False),
}
# They promise what this transactor can't do: a line that is silently without effect would be worse than none.
_UNSUPPORTED: Final = {
    "memcached-username": "memcached is asked without a user; restrict it by network and leave the line out",
    "memcached-password": "memcached is asked without a user; restrict it by network and leave the line out",
    "cassandra-config-file": "give cassandra-host, -port, -user, -password and -ssl instead",
    "cassandra-session-callback": "give cassandra-host, -port, -user, -password and -ssl instead",
    "cassandra-cluster-callback": "give cassandra-host, -port, -user, -password and -ssl instead",
}
_NEEDED: Final[Mapping[str, tuple[str, ...]]] = {
    "dev": (), "sql": ("sql-url",), "ddb": ("aws-dynamodb-table", "aws-dynamodb-region"),
    "ddb-local": ("aws-dynamodb-table", "aws-dynamodb-override-endpoint"),
    "cass": ("cassandra-host",), "cass2": ("cassandra-host",), "cass3": ("cassandra-host",),
}


@final
@attrs.frozen
class TransactorProperties:
    """A file's values, defaults filled in. ``storage``: the URI of all its databases (``*``); of ``dev`` that is the
    file in ``data-dir``. ``heartbeat_interval`` in seconds, sizes in bytes. ``ignored``: names that were given and
    have no effect."""

    storage: DatabaseURI
    dev: bool
    host: str
    alt_host: str
    port: int
    encrypt_channel: bool
    heartbeat_interval: float
    memory_index_threshold: int
    memory_index_max: int
    object_cache_max: int
    read_concurrency: int
    write_concurrency: int
    memcached: tuple[tuple[str, int], ...]
    valcache_path: Path | None
    valcache_bytes: int
    storage_access: str
    storage_password: str = attrs.field(repr=False)
    log_dir: Path | None
    pid_file: Path | None
    ping: tuple[str, int] | None
    ignored: tuple[str, ...]


def parse_properties(text: str) -> TransactorProperties:
    """Reads the text of a properties file; PropertiesError for the first thing that is wrong."""
    given: dict[str, str] = {}
    for number, name, value in _lines(text):
        if name in given:
            raise PropertiesError(f"line {number}: {name} is given twice; keep one")
        if name in _UNSUPPORTED:
            raise PropertiesError(f"line {number}: {name} is not supported: {_UNSUPPORTED[name]}")
        if name not in PROPERTIES:
            raise PropertiesError(f"line {number}: {name} is no property of a transactor{_like(name)}")
        given[name] = value
        try:
            PROPERTIES[name].read(value)
        except ValueError as error:
            shown = "" if PROPERTIES[name].secret else f"={value}"
            raise PropertiesError(f"line {number}: {name}{shown}: {error}") from None
    values = {name: one.read(given[name]) if name in given else one.default for name, one in PROPERTIES.items()}
    _check(values)
    return _made(values, tuple(name for name in given if not PROPERTIES[name].used))


def _made(values: Mapping[str, Any], ignored: tuple[str, ...]) -> TransactorProperties:
    same = ("host", "alt-host", "port", "encrypt-channel", "memory-index-threshold", "memory-index-max",
            "object-cache-max", "write-concurrency", "memcached", "valcache-path", "storage-access", "log-dir", "pid-file")
    return TransactorProperties(
        storage=_uri(values),
        dev=values["protocol"] == "dev",
        heartbeat_interval=values["heartbeat-interval-msec"] / 1000,
        read_concurrency=values["read-concurrency"] or 2 * values["write-concurrency"],
        valcache_bytes=(values["valcache-max-gb"] or 0) << 30,
        storage_password=values["storage-datomic-password"] or "",
        ping=None if values["ping-host"] is None else (values["ping-host"], values["ping-port"]),
        ignored=ignored,
        **{name.replace("-", "_"): values[name] for name in same},
    )


def _check(values: Mapping[str, Any]) -> None:
    protocol = values["protocol"]
    if protocol is None:
        raise PropertiesError(f"protocol is missing; write protocol= and one of {', '.join(_PROTOCOLS)}")
    if values["host"] is None:
        raise PropertiesError("host is missing; write host= and the address at which peers reach this machine")
    for name in _NEEDED[protocol]:
        if values[name] is None:
            raise PropertiesError(f"{name} is missing; protocol={protocol} needs it")
    if values["memory-index-threshold"] >= values["memory-index-max"]:
        raise PropertiesError("memory-index-threshold must be less than memory-index-max: indexing has to begin before "
                              "transactions are stopped")
    if values["storage-access"] == "remote" and not values["storage-datomic-password"]:
        raise PropertiesError("storage-access=remote opens the storage to the network; give storage-datomic-password, too")
    for one, other in (("valcache-path", "valcache-max-gb"), ("valcache-max-gb", "valcache-path"),
                       ("ping-host", "ping-port"), ("ping-port", "ping-host"),
                       ("aws-access-key-id", "aws-secret-key"), ("aws-secret-key", "aws-access-key-id")):
        if values[one] is not None and values[other] is None:
            raise PropertiesError(f"{one} is given without {other}; give both")


# -- the storage's URI

def _uri(values: Mapping[str, Any]) -> DatabaseURI:
    try:
        return parse_uri(_uri_text(values))
    except Anomaly as anomaly:
        raise PropertiesError(anomaly.message) from None


def _uri_text(values: Mapping[str, Any]) -> str:
    protocol: str = values["protocol"]
    if protocol == "dev":
        return f"datomic:sql://*?jdbc:sqlite:{(values['data-dir'] / 'peerserver.db').absolute()}"
    if protocol == "sql":
        url: str = values["sql-url"]
        more = [f"{key}={quote(values['sql-' + key], safe='')}" for key in ("user", "password")
                if values["sql-" + key] is not None]
        more += [values["sql-driver-params"]] if values["sql-driver-params"] else []
        if more and not url.startswith("jdbc:sqlite:"):
            url += ("&" if "?" in url else "?") + "&".join(more)
        return f"datomic:sql://*?{url}"
    if protocol.startswith("ddb"):
        place = values["aws-dynamodb-region"]
        if protocol == "ddb-local":
            place = re.sub(r"^[a-z]+://|/+$", "", values["aws-dynamodb-override-endpoint"])
        keys = {"aws_access_key_id": values["aws-access-key-id"], "aws_secret_key": values["aws-secret-key"]}
        return f"datomic:{protocol}://{place}/{values['aws-dynamodb-table']}/*{_query(keys)}"
    options = {"user": values["cassandra-user"], "password": values["cassandra-password"],
               "ssl": "true" if values["cassandra-ssl"] else None}
    address = f"{values['cassandra-host']}:{values['cassandra-port']}"
    return f"datomic:{protocol}://{address}/{values['cassandra-table']}/*{_query(options)}"


def _query(options: Mapping[str, str | None]) -> str:
    parts = [f"{key}={quote(value, safe='')}" for key, value in options.items() if value is not None]
    return "?" + "&".join(parts) if parts else ""


# -- the file's form: that of java.util.Properties

_ESCAPE: Final = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_SPLIT: Final = re.compile(r"((?:\\.|[^\\=:\s])*)\s*[=:]?\s*(.*)", re.DOTALL)
_CONTROLS: Final = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}


def _lines(text: str) -> Iterator[tuple[int, str, str]]:
    lines = enumerate(text.splitlines(), 1)
    for number, line in lines:
        line = line.lstrip()
        if not line or line[0] in "#!":
            continue
        while len(line) - len(line.rstrip("\\")) & 1:
            line = line[:-1] + next(lines, (0, ""))[1].lstrip()
        match = _SPLIT.fullmatch(line)
        if match is None:
            raise PropertiesError(f"line {number}: write name=value")
        yield number, _plain(match[1]), _plain(match[2]).strip()


def _plain(text: str) -> str:
    def one(match: re.Match[str]) -> str:
        code = match[1]
        return chr(int(code[1:], 16)) if len(code) == 5 else _CONTROLS.get(code, code)

    return _ESCAPE.sub(one, text)


def _like(name: str) -> str:
    from difflib import get_close_matches

    found = get_close_matches(name, PROPERTIES, 1)
    return f"; is {found[0]} meant?" if found else ""
