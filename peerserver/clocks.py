"""Two clocks: one that only goes forward, for deadlines and leases, and the wall's, for what people read.

Twisted's reactors time their calls by the wall clock; when an administrator or NTP sets it, heartbeats would stop or
hurry.
"""

from __future__ import annotations

import time
from typing import Any

__all__ = ("steady",)


def steady(reactor: Any) -> None:
    """From now on the reactor's own time is the monotonic clock. To be called before anything is scheduled; test
    clocks stay as they are."""
    from twisted.internet.base import ReactorBase

    if isinstance(reactor, ReactorBase) and reactor.seconds is not time.monotonic:
        reactor.seconds = time.monotonic
