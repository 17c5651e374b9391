"""The indexing job as a process: started with what it needs on its standard input, ended with the transactor.

Its answer is a line of JSON: the key of the new index. Secrets of the storage never stand on a command line.
What is not decided here: when it is run, and what it does (``transactor.indexing``).
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import sys
from typing import Any, final

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.error import ProcessDone, ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure
from twisted.python.threadpool import ThreadPool

from peerserver.durable.loading import Loader
from peerserver.index.segment_cache import ObjectCache
from peerserver.storage.guard import Limits
from peerserver.storage.opening import open_storage
from peerserver.storage.uri import DatabaseURI, parse_uri

from .indexing import index_once

__all__ = ("JobProcess", "main")


class JobFailed(Exception):
    """The job ended without an answer; the message is the last that it wrote."""


@final
class JobProcess:
    """Runs jobs, one at a time."""

    def __init__(self, reactor: Any, uri: DatabaseURI, cache_bytes: int, write_concurrency: int) -> None:
        self._reactor = reactor
        self._uri = uri
        self._cache_bytes = cache_bytes
        self._write_concurrency = write_concurrency
        self._running: _Protocol | None = None

    def run(self, database_id: str) -> Deferred[str | None]:
        """The key of the new index, or None when there is nothing new. Fails with JobFailed."""
        order = {"uri": self._uri.text, "database": database_id, "cache": self._cache_bytes,
                 "writes": self._write_concurrency}
        self._running = protocol = _Protocol(json.dumps(order).encode())
        command = [sys.executable, "-m", "peerserver.transactor.job"]
        self._reactor.spawnProcess(protocol, sys.executable, command, env=dict(os.environ))
        return protocol.done

    def stop(self) -> None:
        """Ends the job that runs."""
        if self._running is not None:
            self._running.kill()


@final
class _Protocol(ProcessProtocol):
    def __init__(self, order: bytes) -> None:
        self.done: Deferred[str | None] = Deferred()
        self._order = order
        self._out = b""
        self._err = b""

    def connectionMade(self) -> None:  # noqa: N802 - Twisted's name
        transport: Any = self.transport
        transport.write(self._order)
        transport.closeStdin()

    def outReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        self._out += data

    def errReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        self._err = (self._err + data)[-2000:]

    def processEnded(self, reason: Failure) -> None:  # noqa: N802 - Twisted's name
        self.transport = None
        if reason.check(ProcessDone) is not None:
            try:
                self.done.callback(json.loads(self._out.splitlines()[-1])["index"])
                return
            except (ValueError, LookupError):
                pass
        lines = self._err.decode("utf-8", "replace").strip().splitlines()
        self.done.errback(JobFailed(lines[-1] if lines else "the indexing job was ended"))

    def kill(self) -> None:
        if self.transport is not None:
            with contextlib.suppress(ProcessExitedAlready):
                self.transport.signalProcess("KILL")


def main() -> None:
    """The job: reads its order, writes its answer."""
    from twisted.internet import reactor as _reactor

    reactor: Any = _reactor
    os.nice(5)  # transactions come first where there is one processor too few
    order = json.loads(sys.stdin.read())
    answers: list[str | None] = []
    problems: list[str] = []

    async def work() -> None:
        storage = await open_storage(parse_uri(order["uri"]), reactor, random.random,
                                     Limits(write_concurrency=order["writes"]))
        pool = ThreadPool(1, 2, "indexing")
        pool.start()
        reactor.addSystemEventTrigger("during", "shutdown", pool.stop)
        loader = Loader(storage, reactor, ObjectCache(order["cache"]), pool)
        answers.append(await index_once(loader, order["database"]))
        await storage.close()

    def failed(failure: Failure) -> None:
        problems.append(f"{type(failure.value).__name__}: {failure.getErrorMessage()}")

    def begin() -> None:
        ensureDeferred(work()).addErrback(failed).addBoth(lambda _: reactor.stop())

    reactor.callWhenRunning(begin)
    reactor.run()
    if problems:
        sys.stderr.write(problems[0] + "\n")
        raise SystemExit(1)
    sys.stdout.write(json.dumps({"index": answers[0]}) + "\n")


if __name__ == "__main__":
    main()
