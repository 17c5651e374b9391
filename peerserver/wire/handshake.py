"""The handshake: both sides show that they know the secret, without saying it. Pure.

::

    server  hello    magic, version, nonce
    client  hello    magic, version, role, nonce, HMAC-SHA256(secret, "client" role nonces)
    server  welcome  HMAC-SHA256(secret, "server" role nonces)     or     refused  sentence

What is not decided here: where secrets come from, and what a role may do.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Any, Final, final

import attrs

from .messages import VERSION, BadMessage

__all__ = ("MAGIC", "ROLES", "ClientHandshake", "Refused", "ServerHandshake")

MAGIC: Final = "peerserver"
#: ``peer`` follows and transacts, ``admin`` creates and deletes, ``storage`` reads values
ROLES: Final = ("peer", "admin", "storage")
_NONCE: Final = 16


class Refused(Exception):
    """The other side will not have us, or we not it; the message is for people."""


def _mac(secret: bytes, side: str, role: str, server: bytes, client: bytes) -> bytes:
    return hmac.digest(secret, b"\0".join([side.encode(), role.encode(), server, client]), "sha256")


def _check(message: list[Any], kind: str, length: int) -> None:
    if message[0] != kind or len(message) != length or message[1] != MAGIC:
        raise BadMessage("not a hello")


def _mismatch(theirs: object) -> Refused:
    shown = theirs if isinstance(theirs, int) else "another"
    return Refused(f"The other side speaks version {shown} of the transactor protocol, this one version {VERSION}; "
                   "run the same release on both")


@final
@attrs.define
class ServerHandshake:
    """``secret_of(role)``: the secret of a role; None: the role isn't served here (to this address)."""

    nonce: bytes
    secret_of: Callable[[str], bytes | None]

    def hello(self) -> list[Any]:
        """The first message."""
        return ["hello", MAGIC, VERSION, self.nonce]

    def answer(self, message: list[Any]) -> tuple[str, list[Any]]:
        """The role and the welcome for a client's hello; Refused or BadMessage."""
        if message[:2] == ["hello", MAGIC] and len(message) > 2 and message[2] != VERSION:
            raise _mismatch(message[2])
        _check(message, "hello", 6)
        role, nonce, mac = message[3:]
        if role not in ROLES or not isinstance(nonce, bytes) or len(nonce) != _NONCE or not isinstance(mac, bytes):
            raise BadMessage("not a hello")
        secret = self.secret_of(role)
        if secret is None:
            raise Refused(f"The role {role} is not served here" + (
                ", or not to this address (storage-access=remote allows it)" if role == "storage" else ""))
        if not hmac.compare_digest(mac, _mac(secret, "client", role, self.nonce, nonce)):
            raise Refused("The secret does not fit" + (
                "; give the storage's password in the URI (?password=…)" if role == "storage" else
                "; it stands in storage, so both sides must use the same storage"))
        return role, ["welcome", _mac(secret, "server", role, self.nonce, nonce)]


@final
@attrs.define
class ClientHandshake:
    """The other side of :class:`ServerHandshake`."""

    role: str
    secret: bytes
    nonce: bytes
    _expected: bytes = b""

    def answer(self, message: list[Any]) -> list[Any]:
        """Our hello for the server's; Refused or BadMessage."""
        if message[:2] == ["hello", MAGIC] and len(message) > 2 and message[2] != VERSION:
            raise _mismatch(message[2])
        _check(message, "hello", 4)
        server = message[3]
        if not isinstance(server, bytes) or len(server) != _NONCE:
            raise BadMessage("not a hello")
        self._expected = _mac(self.secret, "server", self.role, server, self.nonce)
        return ["hello", MAGIC, VERSION, self.role, self.nonce, _mac(self.secret, "client", self.role, server, self.nonce)]

    def finish(self, message: list[Any]) -> None:
        """The server's last word; Refused or BadMessage."""
        if message[0] == "refused" and len(message) == 2:
            raise Refused(str(message[1])[:500])
        if message[0] != "welcome" or len(message) != 2 or not isinstance(message[1], bytes):
            raise BadMessage("not a welcome")
        if not hmac.compare_digest(message[1], self._expected):
            raise Refused("The transactor does not know the secret")
