"""Bodies that lie, nest, overflow or are noise: a value or an anomaly, never anything else."""

from __future__ import annotations

import random
import struct

import pytest

from peerserver.codec import edn, transit
from peerserver.codec.limits import Limits
from peerserver.model.anomaly import Anomaly

MEGABYTE = 1 << 20
LYING = struct.pack(">BI", 0xDD, MEGABYTE - 6000)

MSGPACK = [
    b"", b"\xdd\xff\xff\xff\xff", b"\xdb\xff\xff\xff\xffabc", LYING * 1000 + b"\xc0" * MEGABYTE,
    b"\xdc\xff\xff" * 500 + b"\xc0" * MEGABYTE,
    b"\x91" * MEGABYTE, b"\x91" * 200 + b"\xc0", b"\xd4\x01\x00", b"\xd6\xff\0\0\0\0", b"\xa1\xff", b"\xc0\xc0",
    b"\xc1", b"\x81\x90",
    b"\x92\xa5~#set\x01", b"\x91\xa5~#set", b"\x93\xa5~#set\x90\x90", b"\xa2^0", b"\x92\xa3~#m\xa1x",
    b"\x92\xa3~#u\x92\x01\xc3", b"\xa2~:",
    b"\x92\xa3~#m\xcf\xff\xff\xff\xff\xff\xff\xff\xff", b"\xa1~",
]  # fmt: skip
JSON = [
    b"", b"[", b"[" * MEGABYTE, b"[" * 200 + b"]" * 200, b'{"a":' * 200 + b"1" + b"}" * 200, b"nul", b'["\\ud800"]',
    b'"\xff"',
    b"[" + b"9" * 100_000 + b"]", b'["~n' + b"9" * 100_000 + b'"]', b'["~#set",["~n1","~n1"]]', b'["^ ","a"]',
    b'["^ ","a",1,"a",2]',
    b'["~#cmap",[1]]', b'["~#list",5]', b'["~#ratio",["~n1","~n0"]]', b'["~uzz"]', b'["~iabc"]', b'["~i1_0"]',
    b'["~d0x1"]', b'["~fNaN"]',
    b'["~f1E99999999999"]', b'["~b!"]', b'["~cab"]', b'["~zfoo"]', b'["~t2020-13"]', b'["~?x"]', b'["^!"]', b'["^"]',
    b'[1,"~#set"]',
    b'"~#tag"', b"NaN",
]  # fmt: skip


@pytest.mark.parametrize("body", MSGPACK, ids=range(len(MSGPACK)))
def test_msgpack_is_refused(body: bytes) -> None:
    """Each of these is refused as incorrect."""
    with pytest.raises(Anomaly) as caught:
        transit.msgpack.decode(body)
    assert caught.value.category == "incorrect"


@pytest.mark.parametrize("body", JSON, ids=range(len(JSON)))
def test_json_is_refused(body: bytes) -> None:
    """Each of these is refused as incorrect."""
    with pytest.raises(Anomaly) as caught:
        transit.json.decode(body)
    assert caught.value.category == "incorrect"


def test_equal_hashes_are_refused() -> None:
    """Members chosen to have one hash would take quadratic time; they are refused in all formats."""
    numbers = [n * (2**61 - 1) for n in range(9, 5000)]
    with pytest.raises(Anomaly, match="equal hashes"):
        edn.read("#{" + " ".join(map(str, numbers)) + "}")
    with pytest.raises(Anomaly, match="equal hashes"):
        transit.json.decode(b'["~#set",[' + ",".join(f'"~n{n}"' for n in numbers).encode() + b"]]")


def test_new_names_are_bounded() -> None:
    """One body may bring only so many keywords that the process has not seen."""
    with pytest.raises(Anomaly, match="More than 10"):
        transit.json.decode(b"[" + b",".join(b'"~:hostile/n%d"' % n for n in range(20)) + b"]", Limits(new_names=10))


def test_integers_beyond_64_bits_in_json_stay_exact() -> None:
    """JSON numbers that no long holds become bigints, and floats stay floats."""
    value = transit.json.decode(b"[18446744073709551616,1e300,9223372036854775808]")
    assert repr(value) == "(18446744073709551616N, 1e+300, 9223372036854775808N)"


def test_mutations() -> None:
    """Bodies with bytes changed, cut out and put in give a value or an anomaly incorrect."""
    chance = random.Random(3)
    text = (
        '[{:aaa 1 "abcd" [#{:aaa 1} (f "~x") #inst "2020"] [1] 2.5} {:aaa 3N "abcd" 1.5M} 1/3 \\c'
        ' #uuid "12345678-1234-1234-f234-123456789012"'
        ' #x/y {nil true} #uri "http://a" 70000 -5 #bytes "AP8="]'
    )
    seeds = [(fmt, fmt.encode(edn.read(text))) for fmt in (transit.json, transit.msgpack)]
    for _ in range(20_000):
        fmt, seed = chance.choice(seeds)
        body = bytearray(seed)
        for _ in range(chance.randint(1, 4)):
            place = chance.randrange(len(body))
            kind = chance.randrange(3)
            if kind == 0:
                body[place] = chance.randrange(256)
            elif kind == 1:
                del body[place : place + chance.randint(1, 5)]
            else:
                noise = chance.choices(b'~^#:$"[]{},0123 \xdd\xdf\xc1', k=chance.randint(1, 4))
                body[place:place] = bytes(noise)
        try:
            fmt.decode(bytes(body))
        except Anomaly as problem:
            assert problem.category == "incorrect"
