"""``bin/conformance PATH…``: PATH is a folder with ``cases/`` and ``expected/``, or single expected files."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from twisted.internet import task
from twisted.internet.defer import ensureDeferred

from .cases import load
from .runner import read_differences, run_all
from .servers import over_http, within
from .steps import Session

DIFFERENCES = Path(__file__).resolve().parent.parent.parent / "docs" / "differences.md"


def arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bin/conformance", description="Runs recorded cases against this server.")
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH")
    parser.add_argument("--http", action="store_true", help="over TLS with signed requests, not only the dispatcher")
    parser.add_argument("--only", help="cases whose id contains this")
    parser.add_argument("--differences", type=Path, default=DIFFERENCES,
                        help="the document whose tables list cases that may differ (docs/differences.md)")
    return parser.parse_args(argv)


async def run(reactor: Any, options: argparse.Namespace) -> bool:
    cases = (case for case in load(options.paths) if options.only is None or options.only in case.id)
    known = read_differences(options.differences.read_text()) if options.differences.exists() else {}

    async def inside() -> Session:
        return await within(reactor)

    with tempfile.TemporaryDirectory() as folder:
        begin: Callable[[], Awaitable[Session]] = over_http(reactor, Path(folder)) if options.http else inside
        return await run_all(cases, begin, known, lambda line: print(line, flush=True))


def main(argv: list[str] | None = None) -> None:
    """Exits with 0 when every case passes, 1 otherwise."""
    options = arguments(sys.argv[1:] if argv is None else argv)
    passed: list[bool] = []

    def start(reactor: Any) -> Any:
        return ensureDeferred(run(reactor, options)).addCallback(passed.append)

    _react(start)
    sys.exit(0 if passed and passed[0] else 1)


def _react(start: Callable[[Any], Any]) -> None:
    try:
        task.react(start)
    except SystemExit as done:
        if done.code:
            raise


if __name__ == "__main__":
    main()
