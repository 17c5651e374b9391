"""Pull patterns as data: what a parsed pattern says, whatever the database.

What is not decided here: how names become attributes (``execute``), how forms are read (``parse``).
"""

from __future__ import annotations

from typing import Any, Final, final

import attrs

from peerserver.model.values import Keyword

__all__ = ("DEFAULT_LIMIT", "NO_DEFAULT", "Pattern", "Recursion", "Spec")

#: values of a cardinality-many attribute, or reverse references, that a pattern without ``:limit`` gives.
DEFAULT_LIMIT: Final = 1000
#: stands for "no :default option"; nil is a default that gives nothing.
NO_DEFAULT: Final = object()


@final
@attrs.frozen
class Recursion:
    """``...`` (no bound) or a number of levels."""

    levels: int | None


@final
@attrs.frozen(eq=False)
class Spec:
    """One attribute of a pattern.

    ``name`` is the keyword as written, underscore included; ``key`` what the result calls it; ``as_text``
    that the name was a string, so that the maps below have text keys too. ``sub`` is the pattern of a map
    spec, a :class:`Recursion`, or None.
    """

    name: Keyword
    key: Any
    as_text: bool = False
    limit: float | None = DEFAULT_LIMIT
    default: Any = NO_DEFAULT
    xform: str | None = None
    sub: Pattern | Recursion | None = None


@final
@attrs.frozen(eq=False)
class Pattern:
    """A pattern: ``:db/id`` asked for or not, a wildcard (``"keyword"``, ``"text"`` or None), attributes."""

    specs: tuple[Spec, ...]
    db_id: bool = False
    wildcard: str | None = None
