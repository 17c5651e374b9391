"""Names are one object for one text, and leave when nobody holds them."""

from __future__ import annotations

from peerserver.model.values import _KEPT, Keyword, Symbol


def test_names_that_nobody_holds_leave() -> None:
    """However many names were read, only those that are held and a bounded number of others stay."""
    held = [Keyword(f"held/{n}") for n in range(1000)]
    for n in range(3 * _KEPT):
        Keyword(f"passing/{n}")
    assert len(Keyword._interned) <= 2 * _KEPT
    assert all(Keyword(f"held/{n}") is name for n, name in enumerate(held))
    assert Keyword("a/b") is Keyword("a/b")
    assert Symbol("a/b") is Symbol("a/b")
