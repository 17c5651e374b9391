"""Column files: what is packed comes back, whatever it is; and the reader of the documentation reads it too."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from peerserver.codec.columns import CorruptValue, pack, peek, unpack

INT64 = st.integers(-(2**63), 2**63 - 1)
INTS = st.one_of(st.lists(INT64, max_size=40), st.lists(st.integers(0, 300), max_size=300).map(sorted),
                 st.builds(lambda a, d, n: [a + d * i for i in range(n)], st.integers(-9, 9), st.integers(-3, 3),
                           st.integers(0, 90)))
TEXT = st.text(st.characters(), max_size=12)


def _documented_reader() -> Any:
    page = (Path(__file__).parents[2] / "docs" / "storage-format.md").read_text(encoding="utf-8")
    code = re.search(r"```python\n(.*?)```", page, re.DOTALL)
    assert code is not None
    names: dict[str, Any] = {}
    exec(code[1], names)
    assert len(code[1].splitlines()) <= 32
    return names["read"]


READ = _documented_reader()


@given(INTS, INTS, st.lists(TEXT, max_size=30), st.lists(st.binary(max_size=20), max_size=30))
def test_what_is_packed_comes_back(first: list[int], second: list[int], texts: list[str], blobs: list[bytes]) -> None:
    """Any integers, texts and bytes come back as they were, through our reader and through the documented one."""
    ints = {"a": np.array(first, np.int64), "b": np.array(second, np.int64)}
    data = pack("some", {"x": [1]}, ints, {"t": texts}, {"t": blobs})
    file = unpack(data)
    assert (file.kind, file.meta, dict(peek(data))) == ("some", {"x": [1]}, {"x": [1]})
    assert (file.ints["a"].tolist(), file.ints["b"].tolist()) == (first, second)
    assert (file.texts["t"], file.blobs["t"]) == (texts, blobs)
    kind, meta, found = READ(data)
    assert (kind, meta) == ("some", {"x": [1]})
    assert (found["a", "int"].tolist(), found["b", "int"].tolist()) == (first, second)
    assert (found["t", "text"], found["t", "bytes"]) == (texts, blobs)


def test_every_changed_byte_is_noticed() -> None:
    """A file with one byte changed, or cut short, is CorruptValue."""
    data = pack("some", {}, {"a": np.arange(100) ** 2}, {"t": ["one", "two"] * 60})
    for at in range(len(data)):
        changed = bytearray(data)
        changed[at] ^= 0x20
        with pytest.raises(CorruptValue):
            unpack(bytes(changed))
        with pytest.raises(CorruptValue):
            unpack(data[:at])


def test_small_numbers_take_few_bytes() -> None:
    """Ascending ids with small steps take about a byte each before compression, constants none."""
    rng = np.random.default_rng(1)
    ids = np.cumsum(rng.integers(1, 200, 10_000)) + (4 << 42)
    assert len(pack("k", {}, {"e": ids, "tx": np.full(10_000, 13194139534312)})) < 11_000


def test_another_version_says_so() -> None:
    """A file of a later version is refused with a sentence that names the versions."""
    data = b"PSC2" + pack("some", {}, {})[4:]
    with pytest.raises(CorruptValue, match="another version"):
        unpack(data)
