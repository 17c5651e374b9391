"""Signed requests for tests, made by botocore, which knows nothing of our verifier.

botocore signs the headers that a request has, and Datomic's clients name five whether present or not; so requests
here have all five, except where a test says otherwise.
"""

from __future__ import annotations

import datetime
import hashlib

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

__all__ = ("KEY", "NOW", "SECRET", "signed_headers")

KEY, SECRET = "myaccesskey", "mysecret"
#: 2026-11-23T03:36:52Z
NOW = 1795405012.0


def signed_headers(body: bytes, *, key: str = KEY, secret: str = SECRET, at: float = NOW,
                   kind: str = "application/transit+msgpack", host: str = "localhost") -> dict[str, str]:
    """The headers of a ``POST /`` of ``body``, lower-case names."""
    date = datetime.datetime.fromtimestamp(at, datetime.UTC).strftime("%Y%m%dT%H%M%SZ")
    request = AWSRequest("POST", f"https://{host}/", data=body, headers={
        "content-type": kind, "host": host, "x-amz-content-sha256": hashlib.sha256(body).hexdigest(),
        "x-amz-target": "t",
    })
    request.context["timestamp"] = date
    request.headers["x-amz-date"] = date
    auth = SigV4Auth(Credentials(key.replace("/", "\\"), secret), "peer-server", "none")
    to_sign = auth.string_to_sign(request, auth.canonical_request(request))
    signature = auth.signature(to_sign, request)
    headers = {name.lower(): str(value) for name, value in request.headers.items()}
    names = auth.signed_headers(auth.headers_to_sign(request))
    headers["authorization"] = (f"AWS4-HMAC-SHA256 Credential={auth.scope(request)}, SignedHeaders={names}, "
                                f"Signature={signature}")
    return headers
