"""Transit in its two formats: ``transit.json`` and ``transit.msgpack``, each with ``decode`` and ``encode``.

Bytes written are those that com.cognitect/transit-clj writes for the same value (a set in its own order). Bytes
read are untrusted: whatever they hold, the result is a value or an Anomaly incorrect.

What is not decided here: which format a request is in (``web`` looks into :data:`BY_CONTENT_TYPE`), and what the
values mean.
"""

from __future__ import annotations

import json as std_json
from collections.abc import Callable, Mapping
from typing import Any, Final, NoReturn

import attrs
import msgpack as msgpack_c
import orjson

from ..model.anomaly import Anomaly, incorrect
from ..model.values import Float32
from .limits import DEFAULT_LIMITS, Limits
from .msgpack_floats import FLOAT32_EXTENSION, float32, mark_floats
from .msgpack_guard import check_lengths
from .transit_deep import deep_json, deep_msgpack
from .transit_reader import Pairs, TreeReader
from .transit_rules import as_jackson
from .transit_writer import JsonWriter, MsgpackWriter, TooDeep

__all__ = ("BY_CONTENT_TYPE", "Format", "decode", "encode", "json", "msgpack")


@attrs.frozen
class Format:
    """One wire format. ``content_type`` is the exact HTTP header value that clients compare with."""

    name: str
    content_type: str
    _decode: Callable[[bytes, Limits], Any]
    _encode: Callable[[Any], bytes]

    def decode(self, body: bytes, limits: Limits = DEFAULT_LIMITS) -> Any:
        """The value in a body. Raises Anomaly incorrect, and nothing else, for bytes that are not it."""
        if len(body) > limits.size:
            raise incorrect(f"A body of {len(body)} bytes; at most {limits.size} are read")
        try:
            return self._decode(body, limits)
        except Anomaly:
            raise
        except RecursionError:
            raise incorrect("The body is nested too deep") from None

    def encode(self, value: Any) -> bytes:
        """The bytes of a value, which may hold ``transit_pages`` markers. Raises Anomaly incorrect for no value."""
        return self._encode(value)


def decode(body: bytes, fmt: Format, limits: Limits = DEFAULT_LIMITS) -> Any:
    """As ``fmt.decode``."""
    return fmt.decode(body, limits)


def encode(value: Any, fmt: Format) -> bytes:
    """As ``fmt.encode``."""
    return fmt.encode(value)


def _decode_json(body: bytes, limits: Limits) -> Any:
    try:
        tree = orjson.loads(body)
    except ValueError as problem:
        raise incorrect(f"The body is not JSON: {str(problem)[:200]}") from None
    reader = TreeReader(limits)
    value = reader.message(tree)
    if not reader.huge:
        return value
    # orjson reads integers beyond 64 bits as floats; the slower reader keeps them.
    try:
        tree = std_json.loads(body, parse_constant=_refuse_constant)
    except ValueError:
        raise incorrect("The body is not JSON, or has a number of too many digits") from None
    return TreeReader(limits).message(tree)


def _refuse_constant(text: str) -> NoReturn:
    raise incorrect(f"The body is not JSON: {text}")


def _encode_json(value: Any) -> bytes:
    try:
        tree = JsonWriter().message(value)
        body = orjson.dumps(tree)
    except (TooDeep, RecursionError, orjson.JSONEncodeError):
        return deep_json(value)
    return as_jackson(body)


def _decode_msgpack(body: bytes, limits: Limits) -> Any:
    check_lengths(body)
    marked = mark_floats(body)
    try:
        tree = msgpack_c.unpackb(
            marked, raw=False, strict_map_key=False, object_pairs_hook=Pairs, ext_hook=_refuse_extension if marked is body else _extension,
            unicode_errors="strict",
        )  # fmt: skip
    except Anomaly:
        raise
    except (ValueError, TypeError, OverflowError, MemoryError) as problem:
        raise incorrect(f"The body is not msgpack: {type(problem).__name__} {str(problem)[:200]}") from None
    return TreeReader(limits).message(tree)


def _extension(code: int, data: bytes) -> Float32:
    if code == FLOAT32_EXTENSION:
        return float32(data)
    return _refuse_extension(code, data)


def _refuse_extension(code: int, data: bytes) -> NoReturn:
    raise incorrect(f"The body has a msgpack extension type {code}; transit has none")


def _encode_msgpack(value: Any) -> bytes:
    writer = MsgpackWriter()
    try:
        tree = writer.message(value)
        if not writer.single:
            packed: bytes = msgpack_c.packb(tree, use_bin_type=False)
            return packed
    except (TooDeep, RecursionError, ValueError):
        pass
    return deep_msgpack(value)


json: Final = Format("json", "application/transit+json", _decode_json, _encode_json)
msgpack: Final = Format("msgpack", "application/transit+msgpack", _decode_msgpack, _encode_msgpack)
BY_CONTENT_TYPE: Final[Mapping[str, Format]] = {fmt.content_type: fmt for fmt in (json, msgpack)}
