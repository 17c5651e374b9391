"""When two URIs are one: the equality of Java's ``URI``, by which Datomic compares them.

Scheme and host count regardless of case, the hex digits of percent escapes too; everything else is compared as it
stands (cases ``values-uri/*``). What is not decided here: their order (``model.order``).
"""

from __future__ import annotations

import re
from typing import Any, Final

__all__ = ("uri_key",)

_PARTS: Final = re.compile(r"(?:([^:/?#]+):)?(?://([^/?#]*))?([^?#]*)(\?[^#]*)?(#.*)?", re.DOTALL)
_ESCAPE: Final = re.compile(r"%[0-9a-fA-F]{2}")
_SERVER: Final = re.compile(
    r"(?:([^@]*)@)?((?:[a-z0-9]|[a-z0-9][a-z0-9-]*[a-z0-9])"
    r"(?:\.(?:[a-z0-9]|[a-z0-9][a-z0-9-]*[a-z0-9]))*\.?|\[[0-9a-f:.%a-z]*\])(?::([0-9]*))?", re.IGNORECASE)


def _escapes(text: str | None) -> str | None:
    if text is None or "%" not in text:
        return text
    return _ESCAPE.sub(lambda found: found[0].upper(), text)


def uri_key(text: str) -> Any:
    """A hashable key: two URIs are equal exactly when their keys are."""
    found = _PARTS.fullmatch(text)
    if found is None:
        return text
    scheme, authority, path, query, fragment = found.groups()
    place: Any = _escapes(authority) or None
    if authority:
        server = _SERVER.fullmatch(authority)
        if server is not None and _is_host(server[2]):
            place = (_escapes(server[1]), server[2].lower(), int(server[3]) if server[3] else -1)
    return (scheme.lower() if scheme else None, place, _escapes(path), _escapes(query), _escapes(fragment))


def _is_host(host: str) -> bool:
    # The last label of a name begins with a letter, else it is an address.
    last = host.rstrip(".").rpartition(".")[2]
    return last[:1].isalpha() or host[:1] == "[" or all(part.isdecimal() for part in host.split("."))
