"""The root record of a database: where its index and its log are, the newest groups themselves, and who writes.

Changing it by compare-and-set is what commits; the epoch in it tells a writer whether it still is the writer.
What is not decided here: how a record is stored, and when it changes (``durable.log``).
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any, Final

import attrs
import msgpack

from peerserver.codec.columns import CorruptValue

from .groups import group_range

__all__ = ("LogRef", "Root", "decode_root", "encode_root", "groups_of", "refs_of", "span", "write_refs", "write_run")

_VERSION: Final = 1


@attrs.frozen
class LogRef:
    """A part of the log that is a value of its own: at level 0 a run of groups, above it a list of refs one level
    lower. ``size``: its bytes."""

    level: int
    first_t: int
    last_t: int
    key: str
    size: int


@attrs.frozen
class Root:
    """``epoch`` names the writer's incarnation. ``index``: the key of the index's root, None before the first;
    it is complete up to ``index_t``. ``refs`` are the log's parts, oldest first; ``tail`` the groups after them."""

    database_id: str
    epoch: str
    basis_t: int
    next_t: int
    next_schema_id: int
    index: str | None = None
    index_t: int = -1
    refs: tuple[LogRef, ...] = ()
    tail: tuple[bytes, ...] = ()

    @property
    def tail_bytes(self) -> int:
        """How long the tail is."""
        return sum(map(len, self.tail))

    def has(self, last_t: int) -> bool:
        """Whether the log reaches a t."""
        return self.basis_t >= last_t


def encode_root(root: Root) -> bytes:
    """The bytes of the record."""
    return _sealed([
        root.database_id, root.epoch, root.basis_t, root.next_t, root.next_schema_id, root.index, root.index_t,
        [attrs.astuple(ref) for ref in root.refs], list(root.tail)])


def decode_root(data: bytes) -> Root:
    """Reads a record; CorruptValue when it is damaged or of another version."""
    try:
        database_id, epoch, basis_t, next_t, next_schema_id, index, index_t, refs, tail = _opened(data)
        return Root(database_id, epoch, basis_t, next_t, next_schema_id, index, index_t,
                    tuple(LogRef(*ref) for ref in refs), tuple(tail))
    except (ValueError, TypeError) as error:
        raise CorruptValue("it cannot be read") from error


def write_refs(refs: Sequence[LogRef]) -> bytes:
    """A list of refs as a value."""
    return _sealed([attrs.astuple(ref) for ref in refs])


def refs_of(data: bytes) -> list[LogRef]:
    """Reads a list of refs; CorruptValue when it is damaged."""
    return [LogRef(*ref) for ref in _opened(data)]


def write_run(groups: Sequence[bytes]) -> bytes:
    """Groups that follow one another as one value."""
    return _sealed(list(groups))


def groups_of(data: bytes) -> list[bytes]:
    """Reads a run of groups; CorruptValue when it is damaged."""
    found: list[bytes] = _opened(data)
    return found


def span(groups: Sequence[bytes]) -> tuple[int, int]:
    """The first and last t of groups that follow one another."""
    return group_range(groups[0])[0], group_range(groups[-1])[1]


def _sealed(content: Any) -> bytes:
    body: bytes = msgpack.packb(content)
    return bytes([_VERSION]) + zlib.crc32(body).to_bytes(4, "little") + body


def _opened(data: bytes) -> Any:
    if not data or data[0] != _VERSION:
        raise CorruptValue(f"it was written by another version; this one reads version {_VERSION}")
    if zlib.crc32(data[5:]) != int.from_bytes(data[1:5], "little"):
        raise CorruptValue("its checksum does not fit")
    try:
        return msgpack.unpackb(data[5:], max_bin_len=1 << 30, max_str_len=1 << 16)
    except ValueError as error:
        raise CorruptValue("it cannot be read") from error
