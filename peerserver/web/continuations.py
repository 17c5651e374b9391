"""Results that are read page by page: where the pages come from, and the tokens that name them.

A token is signed, so nobody can make one up. It names a result that is kept here, and, where the request is small, it
holds that request too: any server that has the same access keys can then go on from the same place, also after
this one has forgotten the result. What is not decided here: how a page is encoded (``codec``).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Callable, Iterator, Mapping
from threading import Lock
from typing import Any, Protocol

import attrs

from peerserver.codec import transit
from peerserver.model.anomaly import Anomaly, incorrect
from peerserver.model.values import Keyword

from .kept import Kept

__all__ = ("Continuations", "IterSource", "Opened", "Page", "Source", "token_key")


@attrs.frozen(eq=False)
class Page:
    """Some rows: ``data`` is what is encoded, ``rows`` how many there are, ``more`` whether any come after them."""

    data: Any
    rows: int
    more: bool


class Source(Protocol):
    """A result, fixed when it was made; read in a worker thread, by one at a time."""

    @property
    def size(self) -> int:
        """About how many bytes it keeps alive."""

    def page(self, offset: int, n: int) -> Page:
        """Up to ``n`` rows from ``offset`` on."""


@attrs.frozen(eq=False)
class Opened:
    """An open result. ``end``: no rows from this offset on (None: as many as there are). ``first``: what the first
    response has beside the page."""

    source: Source
    end: int | None
    first: Mapping[Keyword, Any] = attrs.field(factory=dict)
    lock: Lock = attrs.field(factory=Lock)

    def page(self, offset: int, chunk: int) -> Page:
        """A page within ``end``."""
        wanted = chunk if self.end is None else max(0, min(chunk, self.end - offset))
        with self.lock:
            page = self.source.page(offset, wanted)
        if self.end is not None and offset + page.rows >= self.end:
            return attrs.evolve(page, more=False)
        return page


class IterSource:
    """Rows of an iterator, made as they are asked for; asking for earlier ones makes a new iterator."""

    size = 4096

    def __init__(self, make: Callable[[], Iterator[Any]]) -> None:
        self._make = make
        self._iterator = make()
        self._next = 0
        self._ahead: list[Any] = []

    def page(self, offset: int, n: int) -> Page:
        if offset < self._next:
            self._iterator, self._next, self._ahead = self._make(), 0, []
        while self._next < offset and self._take(1):
            pass
        rows = self._take(n)
        if not self._ahead:
            self._ahead = list(_up_to(self._iterator, 1))
        return Page(tuple(rows), len(rows), bool(self._ahead))

    def _take(self, n: int) -> list[Any]:
        rows = self._ahead[:n]
        self._ahead = self._ahead[n:]
        rows.extend(_up_to(self._iterator, n - len(rows)))
        self._next += len(rows)
        return rows


class Continuations:
    """Open results by token."""

    def __init__(self, key: bytes, now: Callable[[], float], count: int, size: int, age: float,
                 token_bytes: int) -> None:
        self._key = key
        self._token_bytes = token_bytes
        self._kept: Kept[Opened] = Kept(now, count, size, age)

    def __len__(self) -> int:
        return len(self._kept)

    def put(self, opened: Opened, request: Mapping[Any, Any]) -> str:
        """Keeps a result; the token for it."""
        name = secrets.token_urlsafe(12)
        self._kept.put(name, opened, opened.source.size)
        payload = transit.msgpack.encode((name, request))
        if len(payload) > self._token_bytes:
            payload = transit.msgpack.encode((name, None))
        return _text(payload) + "." + _text(self._mac(payload))

    def find(self, token: Any) -> tuple[str, Opened | None, Mapping[Any, Any] | None]:
        """(name, the result or None if it is gone, its request or None if that was too large to travel)."""
        name, request = self._read(token)
        return name, self._kept.get(name), request

    def renew(self, name: str, opened: Opened) -> None:
        """Keeps a result that was made again, under its old name."""
        self._kept.put(name, opened, opened.source.size)

    def drop(self, name: str) -> None:
        """Forgets a result that was read to its end."""
        self._kept.drop(name)

    def _read(self, token: Any) -> tuple[str, Mapping[Any, Any] | None]:
        refused = incorrect("This :next-token is none of ours, or was changed")
        if type(token) is not str or token.count(".") != 1:
            raise refused
        try:
            payload, mac = (base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in token.split("."))
        except (binascii.Error, ValueError):
            raise refused from None
        if not hmac.compare_digest(mac, self._mac(payload)):
            raise refused
        try:
            name, request = transit.msgpack.decode(payload)
        except (Anomaly, ValueError):
            raise refused from None
        return name, request

    def _mac(self, payload: bytes) -> bytes:
        return hmac.digest(self._key, payload, "sha256")[:16]


def token_key(keys: Mapping[str, str]) -> bytes:
    """The key that tokens are signed with: the same on every server that has the same access keys."""
    if not keys:
        return secrets.token_bytes(32)
    pairs = "\0".join(f"{key}\0{secret}" for key, secret in sorted(keys.items()))
    return hashlib.sha256(b"continuations\0" + pairs.encode()).digest()


def _up_to(iterator: Iterator[Any], n: int) -> Iterator[Any]:
    for _ in range(n):
        try:
            yield next(iterator)
        except StopIteration:
            return


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
