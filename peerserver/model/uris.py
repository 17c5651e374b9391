"""When two URIs are one: the equality of Java's ``URI``, by which Datomic compares them.

Scheme and host count regardless of case, the hex digits of percent escapes too; everything else is compared as it
stands (cases ``values-uri/*``). What is not decided here: their order (``model.order``).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

__all__ = ("uri_key",)

_PARTS: Final = re.compile(r"(?:([^:/?#]+):)?(?://([^/?#]*))?([^?#]*)(\?[^#]*)?(#.*)?", re.DOTALL)
_ESCAPE: Final = re.compile(r"%[0-9a-fA-F]{2}")
_SERVER: Final = re.compile(
    r"(?:([^@]*)@)?((?:[a-z0-9]|[a-z0-9][a-z0-9-]*[a-z0-9])"
    r"(?:\.(?:[a-z0-9]|[a-z0-9][a-z0-9-]*[a-z0-9]))*\.?|\[[0-9a-f:.%a-z]*\])(?::([0-9]*))?", re.IGNORECASE)
# What is its own key, as nearly all are.
_COMMON: Final = re.compile(r"[a-z][a-z0-9+.-]*://[a-z](?:[a-z0-9.]*[a-z])?(?:[/?#][^%]*)?")


@lru_cache(1 << 14)
def uri_key(text: str) -> str:
    """The form that all equal URIs have in common: two are equal exactly when their keys are."""
    if _COMMON.fullmatch(text):
        return text
    found = _PARTS.fullmatch(text)
    if found is None:
        return text
    scheme, authority, path, query, fragment = found.groups()
    if authority:
        server = _SERVER.fullmatch(authority)
        if server is not None and _is_host(server[2]):
            user, port = server[1], server[3]
            authority = ("" if user is None else user + "@") + server[2].lower() + (f":{int(port)}" if port else "")
    place = f"//{authority}" if authority or path.startswith("//") else ""
    whole = f"{place}{path}{query or ''}{fragment or ''}"
    if "%" in whole:
        whole = _ESCAPE.sub(lambda escape: escape[0].upper(), whole)
    return f"{scheme.lower()}:{whole}" if scheme else whole


def _is_host(host: str) -> bool:
    # The last label of a name begins with a letter, else it is an address.
    last = host.rstrip(".").rpartition(".")[2]
    return last[:1].isalpha() or host[:1] == "[" or all(part.isdecimal() for part in host.split("."))
