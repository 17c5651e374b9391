"""``python -m peerserver``, ``peer-server`` and ``bin/run``: the twistd plugin's service in the foreground.

It takes the plugin's options and two of its own for the log, which twistd and twist have themselves.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from twisted.python import usage

from peerserver import logging
from peerserver.options import Options

__all__ = ("main",)

#: what -m may name, for those who come with Datomic's own command line.
MODULES = ("datomic.peer-server", "peerserver")
LEVELS = ("debug", "info", "warn", "error", "critical")
EXIT_USAGE = 2


class LaunchOptions(Options):
    """The plugin's options, and how the log is written to standard output."""

    synopsis = f"Usage: bin/run -m datomic.peer-server {Options.synopsis}"

    optParameters = [  # noqa: N815, RUF012 - usage.Options reads it so
        ["log-format", None, "text", f"One of {', '.join(logging.FORMATS)}."],
        ["log-level", None, "info", f"One of {', '.join(LEVELS)}."],
    ]

    def postOptions(self) -> None:  # noqa: N802 - Twisted's name
        for name, known in (("log-format", list(logging.FORMATS)), ("log-level", list(LEVELS))):
            if self[name] not in known:
                raise usage.UsageError(f"--{name} {self[name]}: choose one of {', '.join(known)}")
        super().postOptions()


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
    """Serves until SIGTERM or SIGINT. Exit code 2 for a wrong option, 1 when the start fails."""
    try:
        options = parse(sys.argv[1:] if argv is None else argv)
    except usage.UsageError as error:
        print(f"peer-server: {error} (--help lists all options)", file=sys.stderr)
        raise SystemExit(EXIT_USAGE) from None
    # After the options, for a wrong one should be told at once.
    from twisted.internet import reactor

    from peerserver.service import makeService

    logging.begin(options["log-format"], options["log-level"], sys.stdout)
    service = makeService(options, reactor)
    service.privilegedStartService()
    service.startService()
    reactor.addSystemEventTrigger("before", "shutdown", service.stopService)
    reactor.run()


if __name__ == "__main__":
    main()
