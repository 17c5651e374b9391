"""Messages as bytes: a list whose first element names its kind, in msgpack; and anomalies on their way.

What is not decided here: which messages are answered with which (``docs/transactor-protocol.md`` lists them).
"""

from __future__ import annotations

from typing import Any, Final

import msgpack

from peerserver.codec import transit
from peerserver.model.anomaly import Anomaly

__all__ = ("MAX_MESSAGE", "VERSION", "BadMessage", "anomaly_of", "pack", "told", "unpack")

#: what both sides must speak alike
VERSION: Final = 1
#: the most bytes of a message
MAX_MESSAGE: Final = 256 << 20


class BadMessage(ValueError):
    """Bytes that are no message; who sends such is cut off."""


def pack(*message: Any) -> bytes:
    """The bytes of a message: strings, bytes, integers, lists, maps, None."""
    data: bytes = msgpack.packb(message)
    return data


def unpack(data: bytes) -> list[Any]:
    """A message; BadMessage for anything else."""
    try:
        message = msgpack.unpackb(data, strict_map_key=False, max_bin_len=MAX_MESSAGE, max_str_len=MAX_MESSAGE)
    except (ValueError, msgpack.exceptions.UnpackException, RecursionError) as error:
        raise BadMessage("not a message") from error
    if not isinstance(message, list) or not message or not isinstance(message[0], str):
        raise BadMessage("not a message")
    return message


def told(anomaly: Anomaly) -> list[Any]:
    """An anomaly as part of a message."""
    try:
        data = transit.msgpack.encode(anomaly.data)
    except Exception:
        data = transit.msgpack.encode({})
    return [anomaly.category, anomaly.message, anomaly.error, data]


def anomaly_of(parts: Any) -> Anomaly:
    """The anomaly again; BadMessage when it is none."""
    try:
        category, message, error, data = parts
        return Anomaly(str(category), str(message), error, transit.msgpack.decode(data))
    except (ValueError, TypeError, Anomaly) as problem:
        raise BadMessage("not an anomaly") from problem
