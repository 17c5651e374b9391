"""Functions whose results differ from call to call, over a source of chance and a clock that the caller gives.

They are not in the table: the composition root makes them and installs them (``builtins.install``).
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from typing import Any

from ...model.values import EdnList
from .function import Function, Wrong
from .numbers import as_double, long_of
from .seqs import seq_of

__all__ = ("impure_functions",)


def impure_functions(chance: Callable[[], float], now_ms: Callable[[], int]) -> Mapping[str, Function]:
    """By name. ``chance()`` is a random number from 0 to below 1, ``now_ms()`` the time in milliseconds since 1970."""

    def below(n: int) -> int:
        return int(chance() * n)

    def pick(items: Any) -> Any:
        members = seq_of(items)
        if not members:
            raise Wrong("there is nothing to choose from")
        return members[below(len(members))]

    def shuffled(items: Any) -> tuple[Any, ...]:
        members = list(seq_of(items))
        for at in range(len(members) - 1, 0, -1):
            other = below(at + 1)
            members[at], members[other] = members[other], members[at]
        return tuple(members)

    def sampled(share: Any, items: Any) -> EdnList:
        return EdnList(item for item in seq_of(items) if chance() < as_double(share))

    def random_bits(count: int) -> int:
        return sum(below(1 << 16) << 16 * at for at in range(count // 16))

    def random_uuid() -> uuid.UUID:
        return uuid.UUID(int=random_bits(128), version=4)

    def squuid() -> uuid.UUID:
        # The seconds come first, so that new ones are near one another in an index.
        return uuid.UUID(int=(now_ms() // 1000 & 0xFFFFFFFF) << 96 | random_uuid().int & (1 << 96) - 1)

    made: dict[str, tuple[Callable[..., Any], int, int]] = {
        "rand": (lambda n=1: chance() * as_double(n), 0, 1),
        "rand-int": (lambda n: int(chance() * long_of(n)), 1, 1),
        "rand-nth": (pick, 1, 1),
        "shuffle": (shuffled, 1, 1),
        "random-sample": (sampled, 2, 2),
        "random-uuid": (random_uuid, 0, 0),
        "java.util.UUID/randomUUID": (random_uuid, 0, 0),
        "datomic.api/squuid": (squuid, 0, 0),
        "Math/random": (chance, 0, 0),
        "System/currentTimeMillis": (now_ms, 0, 0),
    }
    return {name: Function(name, run, least, most, pure=False) for name, (run, least, most) in made.items()}
