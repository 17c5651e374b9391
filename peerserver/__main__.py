"""``python -m peerserver`` and the commands in ``bin``: the twistd plugins' services in the foreground.

Without a word before its options it is a peer server (``bin/run``); ``transactor FILE.properties`` is a transactor
(``bin/transactor``), and ``create-database URI`` and its like are for administrators (``bin/peerserver``). Each takes
the plugin's options and two for the log, which twistd and twist have themselves.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from twisted.python import usage

from peerserver import logging
from peerserver.admin.commands import COMMANDS, AdminOptions
from peerserver.clocks import steady
from peerserver.options import Options
from peerserver.transactor.options import TransactorOptions

__all__ = ("main",)

#: what -m may name, for those who come with Datomic's own command line.
MODULES = ("datomic.peer-server", "peerserver")
LEVELS = ("debug", "info", "warn", "error", "critical")
EXIT_USAGE = 2


class LogOptions(usage.Options):
    """How the log is written to standard output."""

    optParameters = [  # noqa: N815, RUF012 - usage.Options reads it so
        ["log-format", None, "text", f"One of {', '.join(logging.FORMATS)}."],
        ["log-level", None, "info", f"One of {', '.join(LEVELS)}."],
    ]

    def postOptions(self) -> None:  # noqa: N802 - Twisted's name
        for name, known in (("log-format", list(logging.FORMATS)), ("log-level", list(LEVELS))):
            if self[name] not in known:
                raise usage.UsageError(f"--{name} {self[name]}: choose one of {', '.join(known)}")
        super().postOptions()


class LaunchOptions(LogOptions, Options):  # type: ignore[misc] # the lists of parameters add up
    """The peer server's options, and the log's."""

    synopsis = f"Usage: bin/run -m datomic.peer-server {Options.synopsis}"


class TransactorLaunch(LogOptions, TransactorOptions):
    """The transactor's options, and the log's."""

    synopsis = f"Usage: bin/transactor {TransactorOptions.synopsis}"


def parse(argv: Sequence[str]) -> LaunchOptions:
    """The options of a command line, ``-m datomic.peer-server`` before them or not; UsageError when one is wrong."""
    arguments = list(argv)
    if arguments[:1] == ["-m"]:
        if arguments[1:2] == [] or arguments[1] not in MODULES:
            raise usage.UsageError(f"-m names no program of this server; write -m {MODULES[0]}")
        del arguments[:2]
    options = LaunchOptions()
    options.parseOptions(arguments)
    return options


def main(argv: Sequence[str] | None = None) -> None:
    """Serves until SIGTERM or SIGINT, or carries out a command. Exit code 2 for a wrong option, 1 when it fails."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments[:1] == ["transactor"]:
        _transact(arguments[1:])
    elif arguments and arguments[0] in COMMANDS:
        _administer(arguments)
    else:
        _serve(arguments)


def _serve(arguments: Sequence[str]) -> None:
    try:
        options = parse(arguments)
    except usage.UsageError as error:
        raise _wrong("peer-server", error) from None
    # After the options, for a wrong one should be told at once.
    from twisted.internet import reactor

    from peerserver.service import makeService

    logging.begin(options["log-format"], options["log-level"], sys.stdout)
    service = makeService(options, reactor)
    service.privilegedStartService()
    service.startService()
    _run(reactor, service)


def _transact(arguments: Sequence[str]) -> None:
    options = TransactorLaunch()
    try:
        options.parseOptions(arguments)
    except usage.UsageError as error:
        raise _wrong("transactor", error) from None
    from twisted.internet import reactor

    from peerserver.transactor.service import makeService

    logging.begin(options["log-format"], options["log-level"], sys.stdout)
    service = makeService(options, reactor)
    service.startService()
    _run(reactor, service)
    raise SystemExit(service.exit_code)


def _run(reactor: Any, service: Any) -> None:
    reactor.addSystemEventTrigger("before", "shutdown", service.stopService)
    reactor.run()


def _administer(arguments: Sequence[str]) -> None:
    options = AdminOptions()
    try:
        options.parseOptions(arguments)
    except usage.UsageError as error:
        raise _wrong("peerserver", error) from None
    from twisted.internet import reactor as _reactor
    from twisted.internet.defer import ensureDeferred

    from peerserver.admin.commands import run

    reactor: Any = _reactor
    steady(reactor)
    outcome: list[Any] = []

    def begin() -> None:
        ensureDeferred(run(reactor, options)).addBoth(outcome.append).addBoth(lambda _: reactor.stop())

    reactor.callWhenRunning(begin)
    reactor.run()
    if not outcome or not isinstance(outcome[0], list):
        message = outcome[0].getErrorMessage() if outcome else "it was ended"
        print(f"{options['command']}: {message}", file=sys.stderr)
        raise SystemExit(1)
    for line in outcome[0]:
        print(line)


def _wrong(program: str, error: usage.UsageError) -> SystemExit:
    print(f"{program}: {error} (--help lists all options)", file=sys.stderr)
    return SystemExit(EXIT_USAGE)


if __name__ == "__main__":
    main()
