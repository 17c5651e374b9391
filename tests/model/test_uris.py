"""Equality of URIs is Java's (recorded as ``values-uri/*``)."""

from __future__ import annotations

import pytest

from peerserver.model.uris import uri_key


@pytest.mark.parametrize(("left", "right"), [
    ("http://a/b", "HTTP://A/b"), ("mailto:x@y", "MAILTO:x@y"), ("http://a/%c3", "http://a/%C3"),
    ("http://a:/b", "http://a/b"), ("file:///a", "file:/a"), ("http://[::A]/a", "http://[::a]/a"),
])
def test_equal(left: str, right: str) -> None:
    """Scheme, host and the digits of escapes count regardless of case; an empty port is none."""
    assert uri_key(left) == uri_key(right)


@pytest.mark.parametrize(("left", "right"), [
    ("http://a/b", "http://a/B"), ("mailto:x@y", "mailto:X@y"), ("http://a/%7E", "http://a/~"),
    ("http://a_b/c", "http://A_B/c"), ("http://a/b?", "http://a/b"), ("http://u@a/", "http://U@a/"),
    ("http://a:80/", "http://a/"), ("http://a/#", "http://a/"),
])
def test_different(left: str, right: str) -> None:
    """Everything else is compared as it stands, names that are no hosts too."""
    assert uri_key(left) != uri_key(right)
