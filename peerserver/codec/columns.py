"""Column files: parallel columns of integers, texts and bytes with a checksum, compressed; what storage holds.

The layout is documented, with a reader of thirty lines, in ``docs/storage-format.md``::

    0   4 bytes   magic "PSC1": the version is in its last digit
    4   u32       CRC-32 of all that follows this field
    8   u32       length of the header
    12  header    JSON: {"kind", "meta", "columns": [[name, type, rows, encoding…], …], "raw", "zstd"}
    …   body      the columns' bytes one after the other; one zstd frame if "zstd"

Numbers are little-endian. What the columns mean is not decided here (``index.segments``, ``durable.groups``).
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

import attrs
import numpy as np
import zstandard

__all__ = ("ColumnFile", "CorruptValue", "pack", "peek", "unpack")

Ints: TypeAlias = "np.ndarray[Any, np.dtype[np.int64]]"

_MAGIC: Final = b"PSC1"
_HEAD: Final = struct.Struct("<4sII")
# Less than this is not worth compressing.
_SMALL: Final = 200
_MAX_RAW: Final = 1 << 30
_WIDTHS: Final = ((1, np.uint8), (2, np.uint16), (4, np.uint32))


class CorruptValue(ValueError):
    """Bytes that cannot be what was written: a checksum, a length or a version does not fit."""


@attrs.frozen(eq=False)
class ColumnFile:
    """What was read. ``ints``: int64 arrays; ``texts`` and ``blobs``: lists; all by name."""

    kind: str
    meta: Mapping[str, Any]
    ints: Mapping[str, Ints]
    texts: Mapping[str, list[str]]
    blobs: Mapping[str, list[bytes]]


def pack(kind: str, meta: Mapping[str, Any], ints: Mapping[str, Ints], texts: Mapping[str, Sequence[str]] | None = None,
         blobs: Mapping[str, Sequence[bytes]] | None = None) -> bytes:
    """The file. ``meta`` is anything that JSON holds."""
    columns: list[list[Any]] = []
    parts: list[bytes] = []
    for name, column in ints.items():
        columns.append([name, "int", *_encode(column, parts)])
    for name, texts_ in (texts or {}).items():
        whole = "".join(texts_).encode("utf-8", "surrogatepass")
        lengths = np.fromiter(map(len, texts_), np.int64, len(texts_))
        columns.append([name, "text", *_encode(lengths, parts), len(whole)])
        parts.append(whole)
    for name, blobs_ in (blobs or {}).items():
        whole = b"".join(blobs_)
        lengths = np.fromiter(map(len, blobs_), np.int64, len(blobs_))
        columns.append([name, "bytes", *_encode(lengths, parts), len(whole)])
        parts.append(whole)
    body = b"".join(parts)
    raw, compressed = len(body), len(body) > _SMALL
    if compressed:
        body = zstandard.ZstdCompressor(level=1).compress(body)
    header = json.dumps({"kind": kind, "meta": meta, "columns": columns, "raw": raw, "zstd": compressed},
                        separators=(",", ":")).encode()
    rest = struct.pack("<I", len(header)) + header + body
    return _MAGIC + struct.pack("<I", zlib.crc32(rest)) + rest


def unpack(data: bytes) -> ColumnFile:
    """Reads a file; CorruptValue when a byte is not as it was written."""
    header, start = _header(data)
    if zlib.crc32(memoryview(data)[8:]) != _HEAD.unpack_from(data)[1]:
        raise CorruptValue("its checksum does not fit")
    try:
        return _read(header, data[start:])
    except (KeyError, TypeError, IndexError, ValueError, struct.error, zstandard.ZstdError) as error:
        raise CorruptValue(f"its columns cannot be read: {type(error).__name__}") from error


def _header(data: bytes) -> tuple[dict[str, Any], int]:
    if len(data) < _HEAD.size or data[:3] != _MAGIC[:3]:
        raise CorruptValue("it is not a column file")
    if data[:4] != _MAGIC:
        raise CorruptValue("it was written by another version; this one reads PSC1")
    length = _HEAD.unpack_from(data)[2]
    try:
        return json.loads(data[_HEAD.size:_HEAD.size + length]), _HEAD.size + length
    except ValueError:
        raise CorruptValue("its header cannot be read") from None


def peek(data: bytes) -> Mapping[str, Any]:
    """The ``meta`` of a file, without reading its columns or checking its checksum."""
    meta: Mapping[str, Any] = _header(data)[0]["meta"]
    return meta


def _read(header: Mapping[str, Any], body: bytes) -> ColumnFile:
    raw = header["raw"]
    if not 0 <= raw <= _MAX_RAW:
        raise CorruptValue("its length is out of bounds")
    if header["zstd"]:
        body = zstandard.ZstdDecompressor().decompress(body, max_output_size=raw)
    if len(body) != raw:
        raise CorruptValue("its length does not fit")
    ints: dict[str, Ints] = {}
    texts: dict[str, list[str]] = {}
    blobs: dict[str, list[bytes]] = {}
    at = 0
    for name, kind, rows, encoding, first, base, width, *size in header["columns"]:
        column, at = _decode(body, at, rows, encoding, first, base, width)
        if kind == "int":
            ints[name] = column
            continue
        whole = body[at:at + size[0]]
        at += size[0]
        ends = column.cumsum().tolist()
        starts = [0, *ends[:-1]]
        if kind == "text":
            text = whole.decode("utf-8", "surrogatepass")
            texts[name] = [text[i:j] for i, j in zip(starts, ends)]
        else:
            blobs[name] = [whole[i:j] for i, j in zip(starts, ends)]
    return ColumnFile(header["kind"], header["meta"], ints, texts, blobs)


def _encode(column: Ints, parts: list[bytes]) -> list[Any]:
    # [rows, encoding, first, base, width]: "const"; "base": first is unused, base + unsigned; "delta": first, then the
    # differences as base + unsigned; "raw": int64.
    n = len(column)
    if n == 0:
        return [0, "const", 0, 0, 0]
    low, high = int(column.min()), int(column.max())
    if low == high:
        return [n, "const", low, 0, 0]
    if high - low >= 1 << 62:
        parts.append(column.astype("<i8").tobytes())
        return [n, "raw", 0, 0, 8]
    width, kind = _width(high - low)
    if width > 1 and n > 2:
        steps = np.diff(column)
        least, most = int(steps.min()), int(steps.max())
        narrow, narrow_kind = _width(most - least)
        if narrow < width or least == most:
            if least == most:
                return [n, "delta", int(column[0]), least, 0]
            parts.append((steps - least).astype(narrow_kind).tobytes())
            return [n, "delta", int(column[0]), least, narrow]
    parts.append((column - low).astype(kind).tobytes())
    return [n, "base", 0, low, width]


def _width(span: int) -> tuple[int, Any]:
    for width, kind in _WIDTHS:
        if span < 1 << (8 * width):
            return width, kind
    return 8, np.int64


def _decode(body: bytes, at: int, n: int, encoding: str, first: int, base: int, width: int) -> tuple[Ints, int]:
    if encoding == "const":
        return np.full(n, first, np.int64), at
    if encoding == "raw":
        return np.frombuffer(body, "<i8", n, at).astype(np.int64), at + 8 * n
    kind = {0: "<u1", 1: "<u1", 2: "<u2", 4: "<u4", 8: "<i8"}[width]
    count = n - 1 if encoding == "delta" else n
    values = np.frombuffer(body, kind, count, at).astype(np.int64) if width else np.zeros(count, np.int64)
    values += base
    if encoding == "delta":
        column = np.empty(n, np.int64)
        column[0] = first
        np.cumsum(values, out=column[1:])
        column[1:] += first
        return column, at + width * count
    return values, at + width * count
