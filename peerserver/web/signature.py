"""Request signatures, as Datomic's clients make them: AWS Signature V4 of region ``none``, service ``peer-server``.

Pure: headers, body and the time come in, an access key comes out. Three things differ from AWS's own form (all read in
``com.cognitect/hmac-authn``): the list of signed headers always has all five names, also those of headers that are
absent; a header's value is cut at white space *and at quotation marks*; and a ``/`` in an access key is written ``\\``.
What is not decided here: what the caller is told (``resource``: never the reason), and what an access key may do.
"""

from __future__ import annotations

import calendar
import hashlib
import hmac
import re
import time
from collections.abc import Mapping

__all__ = ("Refused", "authorization", "repaired", "verify")

REGION = "none"
SERVICE = "peer-server"
SIGNED = ("content-type", "host", "x-amz-content-sha256", "x-amz-date", "x-amz-target")
_SIGNED_NAMES = ";".join(SIGNED)
_ALGORITHM = "AWS4-HMAC-SHA256"
_WORDS = re.compile(r"""[^\s"']+|"[^"]*"|'[^']*'""")
_DATE = re.compile(r"\d{8}T\d{6}Z")
# Greedy, as the original: an access key may hold anything, the scope may not hold a slash.
_CREDENTIAL = re.compile(r"Credential=(.*)/(.*)/(.*)/(.*)/aws4_request")


class Refused(Exception):
    """The request is not signed by a key that we know. The message is for the log only, and has no secret in it."""


def repaired(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers as the client signed them, where a proxy has changed ``host`` or taken ``authorization``.

    ``headers``: lower-case names. ``x-cognitect-host`` always replaces ``host``; ``x-cognitect-auth`` only stands in
    for a missing ``authorization``; the ``-apig-`` forms stand in for missing plain ones.
    """
    fixed = dict(headers)
    host = headers.get("x-cognitect-host") or headers.get("x-cognitect-apig-host")
    if host:
        fixed["host"] = host
    if not fixed.get("authorization"):
        auth = headers.get("x-cognitect-auth") or headers.get("x-cognitect-apig-auth")
        if auth:
            fixed["authorization"] = auth
    return fixed


def authorization(headers: Mapping[str, str], access_key: str, secret: str) -> str:
    """The authorization header of a ``POST /`` with these (repaired, lower-case) headers.

    ``x-amz-date`` and ``x-amz-content-sha256`` must be among them.
    """
    date = headers["x-amz-date"]
    scope = f"{date[:8]}/{REGION}/{SERVICE}/aws4_request"
    lines = [f"{name}:{_canonical(headers[name])}" for name in SIGNED if name in headers]
    canonical = "\n".join(["POST", "/", "", *lines, "", _SIGNED_NAMES, headers["x-amz-content-sha256"]])
    to_sign = f"{_ALGORITHM}\n{date}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = f"AWS4{secret}".encode()
    for part in (date[:8], REGION, SERVICE, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
    credential = access_key.replace("/", "\\")
    return f"{_ALGORITHM} Credential={credential}/{scope}, SignedHeaders={_SIGNED_NAMES}, Signature={signature}"


def verify(headers: Mapping[str, str], body: bytes, keys: Mapping[str, str], now: float, skew: float) -> str:
    """The access key that signed the request; :class:`Refused` if none of ``keys`` (key → secret) did.

    ``now``: seconds since 1970; ``skew``: how many seconds ``x-amz-date`` may be off either way.
    """
    headers = repaired(headers)
    given = headers.get("authorization")
    if not given:
        raise Refused("no authorization header")
    date = headers.get("x-amz-date", "")
    if not _DATE.fullmatch(date):
        raise Refused("x-amz-date is missing or malformed")
    credential = _CREDENTIAL.search(given)
    if credential is None:
        raise Refused("no credential in the authorization header")
    access_key = credential[1].replace("\\", "/")
    secret = keys.get(access_key)
    # A key that nobody has is checked against a secret too, so that the time taken doesn't tell which keys exist.
    expected = authorization({**headers, "x-amz-content-sha256": headers.get("x-amz-content-sha256", "")},
                             access_key, secret or "no such key")
    same = hmac.compare_digest(expected.encode(), given.encode("utf-8", "surrogateescape"))
    digest = hashlib.sha256(body).hexdigest()
    same_body = hmac.compare_digest(digest.encode(), headers.get("x-amz-content-sha256", "").encode("utf-8", "replace"))
    if secret is None:
        raise Refused("unknown access key")
    if not same:
        raise Refused(f"wrong signature for access key {access_key}")
    if not same_body:
        raise Refused(f"the body is not the one that access key {access_key} signed")
    try:
        signed_at = calendar.timegm(time.strptime(date, "%Y%m%dT%H%M%SZ"))
    except ValueError:
        raise Refused("x-amz-date is no date") from None
    if abs(now - signed_at) > skew:
        raise Refused(f"x-amz-date is {now - signed_at:.0f} s off, more than {skew:.0f} s")
    return access_key


def _canonical(value: str) -> str:
    return " ".join(_WORDS.findall(value))
