"""What every operation has at hand."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from .databases import Databases
from .forks import Forks
from .settings import Settings
from .work import Work

__all__ = ("Context",)


@attrs.frozen(eq=False)
class Context:
    """``queries`` and ``others``: where work is done; ``monotonic``: the clock of deadlines, in seconds."""

    databases: Databases
    forks: Forks
    settings: Settings
    queries: Work
    others: Work
    monotonic: Callable[[], float]
