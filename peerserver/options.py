"""The command line of ``peer-server``: reads it, refuses it in one sentence, and opens nothing.

The options are Datomic's (``-h`` is the host, ``-p``, ``-a``, ``-d``) and a few of our own. Secrets may come from a
file or the environment, because a command line stands in the process list. What is done with them is decided in
``service``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import attrs
from twisted.python import usage

from peerserver.extensions import parse
from peerserver.model.anomaly import Anomaly
from peerserver.storage.opening import CacheSettings
from peerserver.storage.uri import DatabaseURI, mask, parse_uri
from peerserver.web.settings import Settings
from peerserver.web.tls import CertificateSource, TLSError, load

__all__ = ("AUTH_VARIABLE", "PASSWORD_VARIABLE", "DatabaseSpec", "Options", "default_state_dir")

AUTH_VARIABLE = "PEERSERVER_AUTH"
PASSWORD_VARIABLE = "PEERSERVER_TLS_PASSWORD"
#: how long one call of an operator's function may take.
EXTENSION_SECONDS = 10.0
_DBNAME = re.compile(r"[A-Za-z0-9-]+")
_UNITS = {"s": 1, "m": 60, "h": 3600}
_SIZES = {"k": 1024, "m": 1024**2, "g": 1024**3}


@attrs.frozen
class DatabaseSpec:
    """One ``-d``: the name that clients connect to, and where the database is."""

    name: str
    uri: DatabaseURI


@attrs.frozen
class StorageSettings:
    """What is kept of storage, in bytes of memory and in caches, and how many reads go on at once."""

    object_cache_max: int
    caches: CacheSettings
    read_concurrency: int


def default_state_dir(environ: Mapping[str, str]) -> Path:
    """Where the server keeps its own files: systemd's state folder, else XDG's."""
    if environ.get("STATE_DIRECTORY"):
        return Path(environ["STATE_DIRECTORY"].split(":")[0])
    base = environ.get("XDG_STATE_HOME") or str(Path("~").expanduser() / ".local" / "state")
    return Path(base) / "peerserver"


class Options(usage.Options):
    """``peer-server`` as twistd, twist and ``bin/run`` take it.

    After parsing: ``host`` (str), ``port`` (int), ``keys`` (dict key → secret), ``databases`` (list of DatabaseSpec),
    ``settings`` (Settings), ``state-dir`` (Path), ``certificate`` (CertificateSource, or None for the self-signed one),
    ``functions`` (name → Python function, from ``--extensions``), ``storage`` (StorageSettings), ``tx-timeout`` and
    ``start-timeout`` (seconds, or None).
    Raises ``usage.UsageError`` with one sentence that says what to change.
    """

    synopsis = "-h HOST -p PORT -a KEY,SECRET [-a …] -d NAME,URI [-d …]"
    longdesc = (
        "Serves Datomic databases to Datomic clients over HTTPS. "
        f"Keys and secrets may also come from --auth-file or the environment variable {AUTH_VARIABLE}, "
        f"a keystore's password from --tls-password-file or {PASSWORD_VARIABLE}."
    )
    optParameters = [  # noqa: N815, RUF012 - usage.Options reads it so
        ["host", "h", "localhost", "Address or name of this machine to listen on."],
        ["port", "p", "8998", "Port to listen on; 0 takes a free one."],
        ["auth-file", None, None, "File with a KEY,SECRET a line; # begins a comment."],
        ["state-dir", None, None, "Folder for the server's own files (its self-signed certificate)."],
        ["tls-cert", None, None, "Certificate in PEM, its chain after it."],
        ["tls-key", None, None, "Private key in PEM; not needed when --tls-cert holds it too."],
        ["tls-pkcs12", None, None, "PKCS12 keystore, in place of --tls-cert."],
        ["tls-jks", None, None, "Java keystore (JKS), in place of --tls-cert; needs the extra [jks]."],
        ["tls-password-file", None, None, "File whose first line is the password of the key or keystore."],
        ["clock-skew", None, "15m", "How far a request's date may be off: 90s, 15m, 1h."],
        ["max-body", None, "64m", "Largest body of a request: bytes, or 500k, 64m, 1g."],
        ["query-timeout", None, "30s", "Time for a query that names none: 90s, 15m, 1h."],
        ["max-connections", None, "1000", "Connections open at once."],
        ["object-cache-max", None, "128m", "Memory for what is read of storage: 128m, 2g."],
        ["memcached", None, None, "Memcached servers between memory and storage: host:port, several with commas."],
        ["valcache-path", None, None, "Folder on a local disk that keeps what was read of storage; goes with the next."],
        ["valcache-max-gb", None, None, "Gigabytes that it may have."],
        ["read-concurrency", None, "8", "Reads of storage under way at once."],
        ["tx-timeout", None, "10s", "Time for a transaction that names none (Datomic: txTimeoutMsec)."],
        ["start-timeout", None, None, "Time for all databases to be there at the start; without it, it goes on trying."],
        ["extensions", None, None, "File that allows Python functions in transactions, queries and pulls (EDN)."],
    ]

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        self._environ = os.environ if environ is None else environ
        self._auth: list[str] = []
        self._databases: list[str] = []
        super().__init__()

    def opt_auth(self, pair: str) -> None:
        """KEY,SECRET that clients sign with; may be given several times."""
        self._auth.append(pair)

    opt_a = opt_auth

    def opt_database(self, pair: str) -> None:
        """NAME,URI of a database to serve (hello,datomic:mem://hello); may be given several times."""
        self._databases.append(pair)

    opt_d = opt_database

    def opt_version(self) -> None:
        """Print the version and exit."""
        from importlib.metadata import version

        print("peerserver", version("peerserver"))
        raise SystemExit(0)

    def parseArgs(self, *extra: str) -> None:  # noqa: N802 - Twisted's name
        """Nothing may stand without an option. The text is not echoed: it may be a secret."""
        if extra:
            raise usage.UsageError("a value stands without its option; write each as in -p 8998 (--help lists them)")

    def postOptions(self) -> None:  # noqa: N802 - Twisted's name
        """Checks everything, in the order in which a user would put it right."""
        self["port"] = self._port(self["port"])
        if not self["host"]:
            raise usage.UsageError("-h is empty; give the address or name of this machine to listen on")
        self["keys"] = self._keys()
        self["databases"] = self._specs()
        self["settings"] = Settings(
            clock_skew=_amount(self, "clock-skew", _UNITS, "90s, 15m or 1h"),
            max_body=_amount(self, "max-body", _SIZES, "500k, 64m or 1g"),
            query_timeout=1000 * _amount(self, "query-timeout", _UNITS, "90s, 15m or 1h"),
            max_connections=_amount(self, "max-connections", {}, "a number from 1"),
        )
        self["storage"] = self._storage()
        self["tx-timeout"] = _amount(self, "tx-timeout", _UNITS, "10s, 1m")
        if self["start-timeout"] is not None:
            self["start-timeout"] = _amount(self, "start-timeout", _UNITS, "60s, 5m")
        state = self["state-dir"]
        self["state-dir"] = Path(state).expanduser() if state else default_state_dir(self._environ)
        self["certificate"] = self._certificate()
        self["functions"] = self._functions()

    def _port(self, text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,5}", text) or int(text) > 65535:
            raise usage.UsageError(f"-p {text}: a port is a number from 0 to 65535")
        return int(text)

    def _keys(self) -> dict[str, str]:
        sources = [("-a", pair) for pair in self._auth]
        sources += [(AUTH_VARIABLE, pair) for pair in self._environ.get(AUTH_VARIABLE, "").split()]
        if self["auth-file"]:
            lines = _read("--auth-file", self["auth-file"]).splitlines()
            pairs = (line.strip() for line in lines)
            sources += [(f"--auth-file {self['auth-file']}", p) for p in pairs if p and not p.startswith("#")]
        keys: dict[str, str] = {}
        for source, pair in sources:
            key, _, secret = (part.strip() for part in pair.partition(","))
            if not key or not secret:
                # What stands there is not repeated: it may be the secret.
                lack = "no secret" if key and not secret else "no key"
                raise usage.UsageError(f"{source}: an access key has {lack}; write KEY,SECRET")
            if keys.setdefault(key, secret) != secret:
                raise usage.UsageError(f"{source}: access key {key} has two secrets; keep one")
        if not keys:
            raise usage.UsageError(
                f"no access key; give at least one with -a KEY,SECRET, with --auth-file or in {AUTH_VARIABLE}"
            )
        return keys

    def _specs(self) -> list[DatabaseSpec]:
        if not self._databases:
            raise usage.UsageError("no database; give at least one with -d NAME,URI as in -d hello,datomic:mem://hello")
        specs: dict[str, DatabaseSpec] = {}
        for pair in self._databases:
            name, comma, uri = pair.partition(",")
            if not comma:
                raise usage.UsageError(f"-d {mask(pair)}: write NAME,URI as in hello,datomic:mem://hello")
            if not _DBNAME.fullmatch(name):
                raise usage.UsageError(f"-d {mask(pair)}: a name consists of letters, digits and - only")
            if name in specs:
                raise usage.UsageError(f"-d {name}: the name is given twice; give each database its own")
            specs[name] = DatabaseSpec(name, _served(name, uri))
        return list(specs.values())

    def _storage(self) -> StorageSettings:
        if (self["valcache-path"] is None) != (self["valcache-max-gb"] is None):
            raise usage.UsageError("--valcache-path and --valcache-max-gb go together; give both or none")
        gigabytes = 0 if self["valcache-max-gb"] is None else _amount(self, "valcache-max-gb", {}, "a number from 1")
        folder = self["valcache-path"]
        caches = CacheSettings(Path(folder).expanduser() if folder else None, gigabytes << 30, self._memcached())
        return StorageSettings(_amount(self, "object-cache-max", _SIZES, "128m or 2g"), caches,
                               _amount(self, "read-concurrency", {}, "a number from 1"))

    def _memcached(self) -> tuple[tuple[str, int], ...]:
        found = []
        for item in (self["memcached"] or "").split(","):
            host, _, port = item.strip().rpartition(":")
            if item and (not host or not port.isdigit() or not 0 < int(port) < 65536):
                raise usage.UsageError(f"--memcached {item}: write host:port, several with commas between")
            if item:
                found.append((host, int(port)))
        return tuple(found)

    def _certificate(self) -> CertificateSource | None:
        given = [kind for kind in ("cert", "pkcs12", "jks") if self["tls-" + kind]]
        if len(given) > 1:
            raise usage.UsageError(f"--tls-{given[0]} and --tls-{given[1]} are both given; keep one")
        if not given:
            if self["tls-key"]:
                raise usage.UsageError("--tls-key is given without --tls-cert; give both")
            return None
        kind = "pem" if given[0] == "cert" else given[0]
        key = Path(self["tls-key"]) if self["tls-key"] else None
        source = CertificateSource(kind, Path(self["tls-" + given[0]]), key, self._password())
        try:
            load(source)
        except TLSError as error:
            raise usage.UsageError(str(error)) from None
        return source

    def _functions(self) -> Mapping[str, Callable[..., Any]]:
        path = self["extensions"]
        if not path:
            return {}
        try:
            return parse(_read("--extensions", path), EXTENSION_SECONDS)
        except ValueError as error:
            raise usage.UsageError(f"--extensions {path}: {error}") from None

    def _password(self) -> str | None:
        if self["tls-password-file"]:
            return (_read("--tls-password-file", self["tls-password-file"]).splitlines() or [""])[0]
        return self._environ.get(PASSWORD_VARIABLE)


def _served(name: str, text: str) -> DatabaseURI:
    try:
        uri = parse_uri(text)
    except Anomaly as anomaly:
        raise usage.UsageError(f"-d {name}: {anomaly.message}") from None
    if uri.database == "*":
        raise usage.UsageError(f"-d {name}: {uri} stands for every database; name one")
    return uri


def _amount(options: Options, name: str, units: Mapping[str, int], example: str) -> int:
    text = options[name]
    match = re.fullmatch(r"([0-9]{1,12})([a-z]?)", text)
    unit = match[2] if match else "?"
    if match is None or int(match[1]) == 0 or (unit and unit not in units):
        raise usage.UsageError(f"--{name} {text}: write {example}")
    return int(match[1]) * (units[unit] if unit else 1)


def _read(option: str, path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text file"
        raise usage.UsageError(f"{option} {path} cannot be read: {reason}") from None


