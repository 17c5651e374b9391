"""``create-database``, ``delete-database``, ``rename-database`` and ``list-databases``: read and carried out.

Changes go through the active transactor, which is found through the storage that the URI names; lists are read from
the storage itself. What is not decided here: what a command does to a database (``transactor.host``).
"""

from __future__ import annotations

import random
import re
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, TypeVar, final

from twisted.internet import defer
from twisted.internet.defer import ensureDeferred
from twisted.internet.error import ConnectionLost
from twisted.internet.task import deferLater
from twisted.python import usage
from twisted.python.failure import Failure

from peerserver.clocks import steady
from peerserver.durable.catalogue import databases
from peerserver.durable.finding import find_transactor
from peerserver.model.anomaly import Anomaly, forbidden, interrupted, not_found
from peerserver.storage.interfaces import IStorage, StorageError
from peerserver.storage.opening import open_storage
from peerserver.storage.uri import DatabaseURI, parse_uri
from peerserver.wire.client import dial
from peerserver.wire.handshake import Refused
from peerserver.wire.messages import BadMessage

__all__ = ("COMMANDS", "AdminOptions", "main", "run")

T = TypeVar("T")

#: command → the operation that the transactor knows, None where storage itself is read
COMMANDS: Final = {
    "create-database": "create-database",
    "delete-database": "delete-database",
    "rename-database": "rename-database",
    "index-database": "index",
    "list-databases": None,
}
EXIT_USAGE: Final = 2
#: seconds between attempts to find a transactor that is not there yet
RETRY: Final = 0.25


@final
class AdminOptions(usage.Options):
    """After parsing: ``command``, ``uri`` (DatabaseURI), ``to`` (str or None), ``timeout`` (seconds). Raises
    ``usage.UsageError`` with one sentence that says what to change."""

    synopsis = f"Usage: bin/peerserver {'|'.join(COMMANDS)} URI [--to NEW]"
    optParameters = [  # noqa: N815, RUF012 - usage.Options reads it so
        ["to", None, None, "New name (rename-database)."],
        ["timeout", None, "30", "Seconds to wait for a transactor and its answer."],
    ]

    def parseOptions(self, options: Any = None) -> None:  # noqa: N802 - Twisted's name
        """Options may stand anywhere: Twisted itself takes none after a plain word."""
        before: list[str] = []
        plain: list[str] = []
        words = iter(options or ())
        for word in words:
            if word in ("--to", "--timeout"):
                before += [word, *([value] if (value := next(words, None)) is not None else [])]
            else:
                (before if word.startswith("-") else plain).append(word)
        super().parseOptions([*before, *plain])

    def parseArgs(self, *words: str) -> None:  # noqa: N802 - Twisted's name
        """Command and URI."""
        if not words or words[0] not in COMMANDS:
            raise usage.UsageError(f"give a command: {', '.join(COMMANDS)}")
        if len(words) != 2:
            raise usage.UsageError("give one database URI, as in datomic:dev://localhost:4334/hello")
        self["command"] = words[0]
        try:
            self["uri"] = parse_uri(words[1])
        except Anomaly as anomaly:
            raise usage.UsageError(anomaly.message) from None

    def postOptions(self) -> None:  # noqa: N802 - Twisted's name
        """Checks what the command needs."""
        command, uri = self["command"], self["uri"]
        if uri.protocol == "mem":
            raise usage.UsageError(f"{uri} lives in the memory of one peer server, which makes it when it starts")
        if uri.database == "*" and command != "list-databases":
            raise usage.UsageError(f"{uri} stands for every database; name one")
        if (command == "rename-database") != bool(self["to"]):
            raise usage.UsageError("rename-database takes --to NEW, the other commands do not")
        if not re.fullmatch(r"[0-9]{1,6}", self["timeout"]) or int(self["timeout"]) == 0:
            raise usage.UsageError(f"--timeout {self['timeout']}: write seconds, from 1")
        self["timeout"] = int(self["timeout"])


async def run(reactor: Any, options: AdminOptions) -> list[str]:
    """Carries a command out: the lines to print. Fails with Anomaly or StorageError, whose message is for people."""
    command, uri = options["command"], options["uri"]
    until = reactor.seconds() + options["timeout"]
    storage: IStorage = await _patiently(lambda: open_storage(uri, reactor, random.random), until, reactor)
    try:
        if COMMANDS[command] is None:
            return sorted(await _patiently(lambda: databases(storage), until, reactor))
        changed = await _patiently(lambda: _ask(storage, reactor, options, until), until, reactor)
        return [_told(command, uri, options["to"], changed is True)]
    finally:
        await storage.close()


def _told(command: str, uri: DatabaseURI, new_name: str | None, changed: bool) -> str:
    name = uri.database
    if command == "create-database":
        return f"Created {name}" if changed else f"{name} exists already"
    if not changed:
        raise not_found(f"there is no database {name!r} in this storage")
    if command == "rename-database":
        return f"Renamed {name} to {new_name}"
    return f"Deleted {name}" if command == "delete-database" else f"Indexed {name}"


async def _patiently(attempt: Callable[[], Awaitable[T]], until: float, reactor: Any) -> T:
    # Things may be started in any order: a transactor that is not up yet will be.
    while True:
        try:
            return await attempt()
        except StorageError:
            if reactor.seconds() >= until:
                raise
        await deferLater(reactor, RETRY)


async def _ask(storage: IStorage, reactor: Any, options: AdminOptions, until: float) -> Any:
    address = await find_transactor(storage)
    if address is None:
        raise StorageError("no transactor is active on this storage; start one with bin/transactor FILE.properties")
    try:
        client = await dial(reactor, address, 1.0, "admin", _ignored, _ignored)
    except (Refused, BadMessage) as problem:
        raise forbidden(f"the transactor refused us: {problem}") from problem
    except Exception as problem:
        raise StorageError(f"the transactor at {address.host}:{address.port} cannot be reached "
                           f"({type(problem).__name__}); is it running?") from problem
    try:
        args = [options["uri"].database] + ([options["to"]] if options["to"] else [])
        call = client.call("admin", COMMANDS[options["command"]], args)
        return (await call.addTimeout(max(1.0, until - reactor.seconds()), reactor))[0]
    except (ConnectionLost, defer.TimeoutError, defer.CancelledError) as problem:
        raise interrupted("the transactor did not answer; it may have carried out the command or not") from problem
    finally:
        client.transport.loseConnection()


def _ignored(_: Any) -> None:
    return None


def main(argv: Sequence[str]) -> None:
    """Runs one command of ``bin/peerserver`` and exits: 0, 1 where it could not be done, 2 for a wrong option."""
    options = AdminOptions()
    try:
        options.parseOptions(argv)
    except usage.UsageError as error:
        print(f"peerserver: {error} (--help lists all options)", file=sys.stderr)
        raise SystemExit(EXIT_USAGE) from None
    from twisted.internet import reactor as _reactor

    reactor: Any = _reactor
    steady(reactor)
    lines: list[str] = []
    problems = ["it was ended"]

    def failed(failure: Failure) -> None:
        problems[0] = (failure.getErrorMessage() if failure.check(Anomaly, StorageError) is not None
                       else failure.getTraceback())

    def done(found: list[str]) -> None:
        problems.clear()
        lines.extend(found)

    reactor.callWhenRunning(lambda: ensureDeferred(run(reactor, options)).addCallbacks(done, failed).addBoth(
        lambda _: reactor.stop()))
    reactor.run()
    for line in lines:
        print(line)
    if problems:
        print(f"{options['command']}: {problems[0]}", file=sys.stderr)
        raise SystemExit(1)
