"""The server's HTTP side: signatures, operations, pages, anomalies, TLS."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from peerserver.peer.interfaces import IConnection

    from .http import BoundedSite
    from .settings import Settings

__all__ = ("make_site",)


def make_site(databases: Mapping[str, IConnection], keys: Mapping[str, str], settings: Settings,
              reactor: Any) -> BoundedSite:
    """The site over databases (name → connection) for clients with ``keys`` (access key → secret).

    It opens nothing by itself. Its worker threads run from now until the reactor stops.
    """
    # Late, so that reading the command line does not load the whole server.
    from .dispatcher import Dispatcher
    from .http import BoundedSite
    from .resource import Web
    from .work import Threads

    threads = Threads(reactor, settings.query_threads, settings.other_threads, settings.queue_limit)
    threads.start()
    dispatcher = Dispatcher(databases, keys, settings, queries=threads.queries, others=threads.others)
    web = Web(dispatcher, keys, settings, time.time, threads.others)
    return BoundedSite(web.app.resource(), settings, reactor)
