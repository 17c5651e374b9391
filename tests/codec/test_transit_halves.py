"""Half a surrogate pair, which ``subs`` or ``first`` may cut off, is written as Java writes it."""

from __future__ import annotations

import pytest

from peerserver.codec import transit
from peerserver.model.values import Char


@pytest.mark.parametrize("fmt", [transit.json, transit.msgpack], ids=["json", "msgpack"])
def test_a_half_is_a_question_mark(fmt: transit.Format) -> None:
    """Text and characters that UTF-8 has no bytes for come out as ``?``; the rest of the response is whole."""
    body = fmt.encode(("a\ud83d", Char("\ude00"), "é", {"\ud83d": 1}))
    assert fmt.decode(body) == ("a?", Char("?"), "é", {"?": 1})
