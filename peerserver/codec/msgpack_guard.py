"""A walk over a msgpack body before it is read: lengths that lie cost memory before they are found out.

The C reader makes room for the announced number of elements at once. It refuses a number larger than the
body, but a body of a megabyte may announce a million elements a thousand times over, one array inside the other.
Skipping over the same bytes makes no objects, takes a small part of the time of reading, and finds that the
body ends too early.
"""

from __future__ import annotations

import msgpack

from ..model.anomaly import incorrect

__all__ = ("check_lengths",)

_SMALL = 2048


def check_lengths(body: bytes) -> None:
    """Raises Anomaly incorrect when the body ends before all the elements that it announces."""
    if len(body) < _SMALL:  # nothing that it may announce is large
        return
    walker = msgpack.Unpacker(max_buffer_size=len(body), strict_map_key=False)
    walker.feed(body)
    try:
        walker.skip()
    except (ValueError, msgpack.OutOfData):
        raise incorrect("The body is not msgpack: it is malformed, too deep, or ends too early") from None
