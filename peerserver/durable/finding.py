"""Where the active transactor is, as storage tells."""

from __future__ import annotations

from itertools import count
from typing import Any

from peerserver.storage.interfaces import IStorage
from peerserver.wire.client import Address

from .lease_driver import read_lease
from .secret import read_secret

__all__ = ("find_transactor",)

_turns = count()


async def find_transactor(storage: IStorage) -> Address | None:
    """The address and the secret of the newest transactor, or None when there is none, or it has gone in peace. Where
    it has two hosts, each is told in turn. Fails with StorageError."""
    _, lease = await read_lease(storage)
    if lease is None or lease.released:
        return None
    secret = await read_secret(storage)
    if secret is None:
        return None
    holder: Any = lease.holder
    hosts = [host for host in (holder.host, holder.alt_host) if host and host != "0.0.0.0"]  # noqa: S104
    if not hosts:
        return None
    return Address(hosts[next(_turns) % len(hosts)], holder.port, secret, bool(holder.certificate), holder.certificate)
