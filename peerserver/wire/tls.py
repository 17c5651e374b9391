"""The encrypted channel: a certificate made for one run of a transactor, which peers know by its SHA-256.

The digest stands in storage, beside the secret; so no authority has to vouch, and no file has to be carried around.
"""

from __future__ import annotations

import datetime
from typing import Any, final

import attrs
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from OpenSSL import SSL, crypto
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.ssl import CertificateOptions
from zope.interface import implementer

__all__ = ("ChannelCertificate", "PinnedClient", "peer_digest")


@final
@attrs.frozen
class ChannelCertificate:
    """A key and its self-signed certificate."""

    options: CertificateOptions
    digest: str

    @classmethod
    def new(cls, now: datetime.datetime) -> ChannelCertificate:
        """One that is valid from yesterday for ten years; it ends with the process."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "peerserver transactor")])
        day = datetime.timedelta(days=1)
        certificate = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
                       .serial_number(x509.random_serial_number()).not_valid_before(now - day)
                       .not_valid_after(now + 3650 * day).sign(key, hashes.SHA256()))
        pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                serialization.NoEncryption())
        options = CertificateOptions(privateKey=crypto.load_privatekey(crypto.FILETYPE_PEM, pem),
                                     certificate=crypto.X509.from_cryptography(certificate))
        return cls(options, certificate.fingerprint(hashes.SHA256()).hex())


@final
@implementer(IOpenSSLClientConnectionCreator)
class PinnedClient:
    """The client's end of a channel; who is at the other end is checked by :func:`peer_digest` afterwards."""

    def __init__(self) -> None:
        self._context = CertificateOptions(verify=False).getContext()

    def clientConnectionForTLS(self, tlsProtocol: Any) -> SSL.Connection:  # noqa: N802, N803 - Twisted's names
        return SSL.Connection(self._context, None)


def peer_digest(transport: Any) -> str:
    """The SHA-256 of the certificate that the other end showed, in hex."""
    certificate = transport.getPeerCertificate()
    if certificate is None:
        return ""
    digest: str = certificate.to_cryptography().fingerprint(hashes.SHA256()).hex()
    return digest
