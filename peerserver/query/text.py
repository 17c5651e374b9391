"""Forms as EDN text for messages, cut short. What is not decided here: EDN as an interchange format (``codec``)."""

from __future__ import annotations

from typing import Any

from peerserver.model.values import Char, EdnList, Instant, Keyword, Symbol

__all__ = ("edn_text", "set_text")

_LIMIT = 400


def _text(x: Any, depth: int) -> str:
    if x is None:
        return "nil"
    if isinstance(x, bool):
        return "true" if x else "false"
    if isinstance(x, Symbol):
        return x.text
    if isinstance(x, Keyword):
        return ":" + x.text
    if isinstance(x, str) and not isinstance(x, Char):
        return '"' + x[:80].replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(x, Instant):
        return f"#inst/ms {x.ms}"
    if depth > 8:
        return "…"
    if isinstance(x, tuple):
        inner = " ".join(_text(item, depth + 1) for item in x[:30]) + (" …" if len(x) > 30 else "")
        return f"({inner})" if isinstance(x, EdnList) else f"[{inner}]"
    if isinstance(x, frozenset):
        return "#{" + " ".join(_text(item, depth + 1) for item in list(x)[:30]) + "}"
    if isinstance(x, dict):
        pairs = list(x.items())[:30]
        return "{" + ", ".join(f"{_text(k, depth + 1)} {_text(v, depth + 1)}" for k, v in pairs) + "}"
    return str(x)


def edn_text(form: Any) -> str:
    """A form as EDN text of bounded length."""
    text = _text(form, 0)
    return text if len(text) <= _LIMIT else text[:_LIMIT] + "…"


def set_text(names: Any) -> str:
    """Names as the text of an EDN set, sorted."""
    return "#{" + " ".join(sorted(_text(name, 0) for name in names)) + "}"
