"""EDN text: ``read``, ``read_all`` and ``write``; what they agree on is in ``model.values``.

The reader is strict: what Clojure's EDN reader refuses is refused, with line, column and reason. Three
things of Clojure's own reader are taken too, because people write them in queries: ``'x`` is ``(quote x)``,
``#"…"`` is ``Tagged("regex", text)``, and metadata (``^String x``) is read and dropped.

What is not decided here: what a tag means beyond ``#inst``, ``#uuid`` and the three that ``write`` needs for
values which EDN has no syntax for (``#uri "…"``, ``#bytes "base64"``, ``#float "0.1"``).
"""

from __future__ import annotations

from .edn_reader import Tags, read, read_all, read_first
from .edn_writer import write

__all__ = ("Tags", "read", "read_all", "read_first", "write")
