"""What is kept for clients stays within its bounds, and tokens can't be made up."""

from __future__ import annotations

import base64

import pytest
from twisted.internet.task import Clock

from peerserver.model.anomaly import Anomaly
from peerserver.model.values import Keyword
from peerserver.web.continuations import Continuations, IterSource, Opened, token_key
from peerserver.web.forks import Fork, Forks
from peerserver.web.kept import Kept

REQUEST = {Keyword("op"): Keyword("datoms"), Keyword("index"): Keyword("eavt")}


def test_the_oldest_go_first() -> None:
    """Beyond the count or the size, what was used longest ago goes."""
    kept: Kept[int] = Kept(Clock().seconds, 3, 100, 60)
    for n in range(3):
        kept.put(str(n), n, 10)
    kept.get("0")
    kept.put("3", 3, 10)
    assert [kept.get(str(n)) for n in range(4)] == [0, None, 2, 3]
    kept.put("large", 4, 95)
    assert (len(kept), kept.size) == (1, 95)


def test_what_nobody_uses_expires() -> None:
    """Age counts from the last use."""
    clock = Clock()
    kept: Kept[int] = Kept(clock.seconds, 10, 100, 60)
    kept.put("a", 1, 1)
    kept.put("b", 2, 1)
    clock.advance(50)
    assert kept.get("a") == 1
    clock.advance(50)
    assert (kept.get("a"), kept.get("b"), len(kept)) == (1, None, 1)


def opened(n: int = 10) -> Opened:
    return Opened(IterSource(lambda: iter(range(n))), None)


def continuations(key: bytes = b"k") -> Continuations:
    return Continuations(key, Clock().seconds, 10, 10**6, 60, 1000)


def test_a_token_names_its_result() -> None:
    """A token leads back to the result and carries the request."""
    made = continuations()
    first = opened()
    _, found, request = made.find(made.put(first, REQUEST))
    assert found is first
    assert request == REQUEST


def test_another_server_with_the_same_keys_reads_the_token() -> None:
    """It doesn't have the result, and has the request to make it again."""
    keys = {"a": "1", "b": "2"}
    one, other = (continuations(token_key(k)) for k in (keys, dict(reversed(keys.items()))))
    _, found, request = other.find(one.put(opened(), REQUEST))
    assert found is None
    assert request == REQUEST


def test_a_large_request_does_not_travel() -> None:
    """A token stays small enough for a header."""
    made = continuations()
    token = made.put(opened(), {Keyword("query"): "x" * 5000})
    assert len(token) < 2000
    assert made.find(token)[2] is None


@pytest.mark.parametrize("change", [
    lambda t: t[:-2] + ("AA" if t[-2:] != "AA" else "BB"),
    lambda t: "A" + t,
    lambda t: t.split(".")[0],
    lambda t: "",
    lambda t: 7,
    lambda t: t + ".x",
    lambda t: "ž.ž",
    lambda t: base64.urlsafe_b64encode(b"x").decode() + "." + t.split(".")[1],
])
def test_a_token_cannot_be_made_up(change: object) -> None:
    """Any change to a token is found out, and told without detail."""
    made = continuations()
    token = made.put(opened(), REQUEST)
    with pytest.raises(Anomaly, match="none of ours"):
        made.find(change(token))  # type: ignore[operator]


def test_a_key_of_another_server_does_not_do() -> None:
    """Tokens of servers with other access keys are refused."""
    with pytest.raises(Anomaly):
        continuations(b"other").find(continuations().put(opened(), REQUEST))


def test_pages_of_an_iterator() -> None:
    """Pages follow one another, can be read again, and the last one says so."""
    source = IterSource(lambda: iter(range(5)))
    pages = [source.page(offset, 2) for offset in (0, 2, 4, 0, 3, 9)]
    assert [p.data for p in pages] == [(0, 1), (2, 3), (4,), (0, 1), (3, 4), ()]
    assert [p.more for p in pages] == [True, True, False, True, False, False]


def test_an_end_before_the_end() -> None:
    """A limit ends the pages, whatever is behind it."""
    limited = Opened(IterSource(lambda: iter(range(100))), 5)
    pages = [limited.page(offset, 3) for offset in (0, 3, 5)]
    assert [(p.data, p.more) for p in pages] == [((0, 1, 2), True), ((3, 4), False), ((), False)]


def test_forks_are_named_by_tokens() -> None:
    """A token that is gone, or never was, says what to do."""
    forks = Forks(Clock().seconds, 1, 1000, 60)
    fork = Fork(None)  # type: ignore[arg-type]
    old = forks.put(fork, 1)
    assert forks.get(old) is fork
    forks.put(Fork(None), 1)  # type: ignore[arg-type]
    for token in (old, "x", None, 5):
        with pytest.raises(Anomaly, match="call with-db again"):
            forks.get(token)
