"""A check before msgpack reads a body: lengths that lie cost memory before they are found out.

The C reader makes room for the announced number of elements at once. It refuses a number larger than the
body, but a body of a megabyte may announce a million elements a thousand times over, one array inside the other.
"""

from __future__ import annotations

import re
from typing import Final

from ..model.anomaly import incorrect

__all__ = ("check_lengths",)

_LARGE: Final = re.compile(rb"(?=[\xdd\xdf](\x00...))", re.DOTALL)
_ALLOWED: Final = 64


def check_lengths(body: bytes) -> None:
    """Raises Anomaly incorrect when what could be headers of large arrays and maps announces far more than the body holds."""
    size = len(body)
    if size < 4096:
        return
    announced = 0
    for found in _LARGE.finditer(body):
        count = int.from_bytes(found[1], "big")
        if count <= size:
            announced += count
            if announced > _ALLOWED * size:
                raise incorrect("The body announces more elements than it can hold")
