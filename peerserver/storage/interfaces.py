"""What every storage service must give, and what may go wrong in it."""

from __future__ import annotations

from typing import final

import attrs
from twisted.internet.defer import Deferred
from zope.interface import Attribute, Interface

__all__ = ("IStorage", "Record", "StorageCorrupt", "StorageError", "StorageFull")


class StorageError(Exception):
    """The service did not do what was asked, or it is unknown whether it did.

    The caller may try a read or a ``put`` again; after a ``compare_and_set`` it must read the record to learn what
    happened. The message names the service and never a credential.
    """


class StorageFull(StorageError):
    """The service has no room left; reads go on. Make room, or move to a larger disk."""


class StorageCorrupt(StorageError):
    """Bytes came back that cannot be what was stored; the message names the key."""


@final
@attrs.frozen
class Record:
    """A named value that changes: ``revision`` counts its changes from 1."""

    revision: int
    value: bytes


class IStorage(Interface):
    """A storage service.

    Values are immutable: a key is put with one content for ever, so a value that was read may be kept without end, and
    a ``put`` may be repeated. Records change only by compare-and-set, which is how transactors exclude one another.
    Every method may fail with :class:`StorageError`, within the adapter's time limit and not later.
    """

    max_value = Attribute("The most bytes that one value or record may have.")

    def get(key: str) -> Deferred[bytes | None]:
        """The value under ``key``, or None."""

    def put(key: str, value: bytes) -> Deferred[None]:
        """Stores a value; when the result is there, it is durable."""

    def delete(key: str) -> Deferred[None]:
        """Removes a value that nobody needs any more; removing what isn't there is fine."""

    def read(name: str) -> Deferred[Record | None]:
        """The record of that name as of now (never an older one), or None."""

    def compare_and_set(name: str, revision: int, value: bytes) -> Deferred[bool]:
        """Replaces the record if its revision is ``revision`` (0: if there is none), and adds one to it.

        True: it is durable. False: another revision was found, and nothing was changed.
        """

    def delete_record(name: str) -> Deferred[None]:
        """Removes a record."""

    def close() -> Deferred[None]:
        """Ends connections and threads; calls under way fail."""
