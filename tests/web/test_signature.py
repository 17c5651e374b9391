"""The verifier against botocore's signer and against vectors worked out by hand."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from peerserver.web.signature import Refused, authorization, repaired, verify

from .signing import KEY, NOW, SECRET, signed_headers

BODY = b"\x82\xa5~:op"
KEYS = {"other": "x", KEY: SECRET, "with/slash": "s/e c"}
SKEW = 900.0


def check(headers: dict[str, str], body: bytes = BODY, now: float = NOW) -> str:
    return verify(headers, body, KEYS, now, SKEW)


def without(headers: dict[str, str], *names: str) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name not in names}


def test_botocore_signs_what_we_accept() -> None:
    """A request that botocore signed for region none and service peer-server is its key's."""
    assert check(signed_headers(BODY)) == KEY


@pytest.mark.parametrize(("key", "secret"), [("other", "x"), ("with/slash", "s/e c")])
def test_each_of_several_keys(key: str, secret: str) -> None:
    """Any of the server's keys will do; a slash in one is written as a backslash."""
    assert check(signed_headers(BODY, key=key, secret=secret)) == key


def hand_made(lines: list[str], date: str = "20261123T033652Z") -> str:
    digest = hashlib.sha256(BODY).hexdigest()
    names = "content-type;host;x-amz-content-sha256;x-amz-date;x-amz-target"
    canonical = "POST\n/\n\n" + "".join(line + "\n" for line in lines) + "\n" + names + "\n" + digest
    scope = "20261123/none/peer-server/aws4_request"
    to_sign = "AWS4-HMAC-SHA256\n" + date + "\n" + scope + "\n" + hashlib.sha256(canonical.encode()).hexdigest()
    k = b"AWS4" + SECRET.encode()
    for part in (b"20261123", b"none", b"peer-server", b"aws4_request", to_sign.encode()):
        k = hmac.new(k, part, hashlib.sha256).digest()
    return f"AWS4-HMAC-SHA256 Credential={KEY}/{scope}, SignedHeaders={names}, Signature={k.hex()}"


def clojure_headers() -> dict[str, str]:
    digest = hashlib.sha256(BODY).hexdigest()
    headers = {"content-type": "application/transit+msgpack", "host": "localhost", "x-amz-date": "20261123T033652Z",
               "x-amz-content-sha256": digest, "x-cognitect-host": "localhost"}
    headers["authorization"] = headers["x-cognitect-auth"] = hand_made([
        "content-type:application/transit+msgpack", "host:localhost", f"x-amz-content-sha256:{digest}",
        "x-amz-date:20261123T033652Z"])
    return headers


def test_absent_headers_are_named_but_not_signed() -> None:
    """The list of signed names has all five, also when x-amz-target is absent, as the clients do it."""
    assert check(clojure_headers()) == KEY


def test_values_are_cut_at_space_and_quotes() -> None:
    """Runs of white space become one space outside quotes, and a quotation mark parts words."""
    digest = hashlib.sha256(BODY).hexdigest()
    headers = {**clojure_headers(), "content-type": '  a/b;   c="d   e"  '}
    headers["authorization"] = hand_made(['content-type:a/b; c= "d   e"', "host:localhost",
                                          f"x-amz-content-sha256:{digest}", "x-amz-date:20261123T033652Z"])
    assert check(headers) == KEY


def test_a_proxy_may_change_the_host() -> None:
    """x-cognitect-host replaces host always, when it is there."""
    assert check({**clojure_headers(), "host": "proxy.example:443"}) == KEY
    assert repaired({"host": "a", "x-cognitect-apig-host": "b"})["host"] == "b"
    assert repaired({"host": "a", "x-cognitect-host": "c", "x-cognitect-apig-host": "b"})["host"] == "c"


def test_a_proxy_may_take_the_authorization() -> None:
    """x-cognitect-auth stands in for a missing authorization, and never replaces one that is there."""
    headers = clojure_headers()
    assert check(without(headers, "authorization")) == KEY
    renamed = without(headers, "authorization", "x-cognitect-auth")
    assert check({**renamed, "x-cognitect-apig-auth": headers["x-cognitect-auth"]}) == KEY
    with pytest.raises(Refused):
        check({**headers, "authorization": "Basic eA=="})


@pytest.mark.parametrize("change", [
    {"content-type": "application/transit+json"}, {"x-cognitect-host": "elsewhere"}, {"x-amz-date": "20261123T033653Z"},
    {"x-amz-date": "yesterday"}, {"x-amz-date": "20261399T999999Z"}, {"x-amz-content-sha256": "0" * 64},
    {"x-amz-target": "added"},
    {"authorization": ""}, {"authorization": "AWS4-HMAC-SHA256 nonsense"}, {"authorization": "Ünï\udcff"},
])
def test_a_changed_header_is_refused(change: dict[str, str]) -> None:
    """Every signed header is covered."""
    headers = {**clojure_headers(), **change}
    if change.get("authorization") == "":
        headers["x-cognitect-auth"] = ""
    with pytest.raises(Refused):
        check(headers)


def test_a_changed_body_is_refused() -> None:
    """The body's hash is compared with the body."""
    with pytest.raises(Refused, match="body"):
        check(clojure_headers(), BODY + b" ")


def test_wrong_secret_and_unknown_key_are_refused() -> None:
    """A signature by another secret, or by a key that nobody has, is none; the reason never tells a secret."""
    for headers in (signed_headers(BODY, secret="guess"), signed_headers(BODY, key="nobody")):
        with pytest.raises(Refused) as refused:
            check(headers)
        assert SECRET not in str(refused.value)
        assert "guess" not in str(refused.value)


@pytest.mark.parametrize("scope", ["us-east-1/peer-server", "none/execute-api"])
def test_another_region_or_service_is_refused(scope: str) -> None:
    """The scope is fixed."""
    headers = clojure_headers()
    headers["authorization"] = headers["authorization"].replace("none/peer-server", scope)
    with pytest.raises(Refused):
        check(headers)


@pytest.mark.parametrize(("late", "accepted"), [(0, True), (899, True), (-899, True), (901, False), (-901, False)])
def test_a_captured_request_dies(late: int, accepted: bool) -> None:
    """A date further off than the window is refused, before and after."""
    if accepted:
        assert check(clojure_headers(), now=NOW + late) == KEY
    else:
        with pytest.raises(Refused, match="off"):
            check(clojure_headers(), now=NOW + late)


def test_signing_agrees_with_verifying() -> None:
    """authorization() makes what verify() takes."""
    headers = without(clojure_headers(), "authorization", "x-cognitect-auth")
    assert check({**headers, "authorization": authorization(headers, KEY, SECRET)}) == KEY
