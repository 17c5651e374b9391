"""The port's TLS: where its certificate comes from, and the context that every new connection is given.

Certificates are read from PEM, PKCS12 and Java keystores; without any a self-signed one is made once and kept. The
context is replaced as a whole by ``reload``, so open connections go on with what they had. When to reload, and where
the state folder is, is not decided here.
"""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import os
import socket
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID
from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from twisted.internet.ssl import CertificateOptions, TLSVersion
from twisted.logger import Logger
from twisted.protocols.tls import TLSMemoryBIOProtocol
from zope.interface import implementer

__all__ = ("CertificateSource", "Identity", "ReloadableTLS", "TLSError", "fingerprint", "load", "self_signed")

#: Years that a self-signed certificate is good for. Clients pin it, so each new one means work for every client.
SELF_SIGNED_YEARS = 10
_JKS_MAGIC = b"\xfe\xed\xfe\xed"
_CERTIFICATE, _KEY = "certificate.pem", "key.pem"


class TLSError(Exception):
    """A certificate or key cannot be used; the message is one sentence that says which file and what to change."""


@attrs.frozen
class CertificateSource:
    """Where certificate and key are: ``kind`` is ``pem``, ``pkcs12`` or ``jks``; ``key`` is for ``pem`` only."""

    kind: str
    path: Path
    key: Path | None = None
    password: str | None = attrs.field(default=None, repr=False)


@attrs.frozen
class Identity:
    """A private key and its certificates, the server's own first."""

    key: Any = attrs.field(repr=False)
    chain: tuple[x509.Certificate, ...]

    def context(self) -> SSL.Context:
        """An OpenSSL context with it: TLS 1.2 and later only."""
        # pyOpenSSL takes cryptography's objects now; Twisted's types still name its old ones.
        certificates: Any = self.chain
        options = CertificateOptions(
            privateKey=self.key,
            certificate=certificates[0],
            extraCertChain=list(certificates[1:]) or None,
            raiseMinimumTo=TLSVersion.TLSv1_2,
        )
        return options.getContext()


def load(source: CertificateSource) -> Identity:
    """Reads key and certificates; TLSError when a file is missing, wrong or its password is."""
    readers: dict[str, Callable[[CertificateSource], Identity]] = {"pem": _pem, "pkcs12": _pkcs12, "jks": _jks}
    identity = readers[source.kind](source)
    if identity.key.public_key() != identity.chain[0].public_key():
        raise TLSError(f"{source.key or source.path} does not hold the key of the first certificate in {source.path}")
    try:
        identity.context()
    except (SSL.Error, ValueError, TypeError) as error:
        raise TLSError(f"{source.path} holds a certificate or key that OpenSSL refuses: {error}") from None
    return identity


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise TLSError(f"{path} cannot be read: {error.strerror}") from None


def _pem(source: CertificateSource) -> Identity:
    text = _bytes(source.path)
    try:
        chain = tuple(x509.load_pem_x509_certificates(text))
    except ValueError:
        raise TLSError(f"{source.path} holds no certificate in PEM (-----BEGIN CERTIFICATE-----)") from None
    key_path = source.key or source.path
    return Identity(_key(_bytes(key_path), key_path, source.password, pem=True), chain)


def _key(data: bytes, path: Path, password: str | None, *, pem: bool) -> Any:
    reader = serialization.load_pem_private_key if pem else serialization.load_der_private_key
    secret = password.encode() if password else None
    try:
        return reader(data, secret)
    except TypeError:
        # Encrypted without a password, or a password for what is not encrypted.
        if secret is not None:
            return _key(data, path, None, pem=pem)
        raise TLSError(f"the key in {path} is encrypted; give its password in --tls-password-file") from None
    except ValueError:
        advice = "or the password is wrong" if secret else "in PEM (-----BEGIN PRIVATE KEY-----)"
        raise TLSError(f"{path} holds no private key {advice}") from None


def _pkcs12(source: CertificateSource) -> Identity:
    data = _bytes(source.path)
    if data.startswith(_JKS_MAGIC):
        raise TLSError(f"{source.path} is a Java keystore (JKS); give it with --tls-jks")
    try:
        key, first, others = pkcs12.load_key_and_certificates(data, (source.password or "").encode() or None)
    except ValueError:
        raise TLSError(f"{source.path} is no PKCS12 keystore, or its password (--tls-password-file) is wrong") from None
    if key is None or first is None:
        raise TLSError(f"{source.path} holds no private key with its certificate")
    return Identity(key, (first, *others))


def _jks(source: CertificateSource) -> Identity:
    data = _bytes(source.path)
    if not data.startswith(_JKS_MAGIC):
        raise TLSError(f"{source.path} is not a JKS keystore; newer Javas make PKCS12: give it with --tls-pkcs12")
    try:
        import jks
    except ImportError:
        raise TLSError(
            f"reading {source.path} needs the extra peerserver[jks]; or convert it with keytool -importkeystore "
            f"-srckeystore {source.path} -destkeystore {source.path.with_suffix('.p12')} -deststoretype PKCS12 "
            "and give that with --tls-pkcs12"
        ) from None
    try:
        store = jks.KeyStore.loads(data, source.password or "", try_decrypt_keys=True)
    except jks.util.KeystoreException:
        raise TLSError(f"{source.path} is damaged, or its password (--tls-password-file) is wrong") from None
    for entry in store.private_keys.values():
        if not entry.is_decrypted():
            raise TLSError(f"the key in {source.path} has a password of its own; make it that of the keystore")
        chain = tuple(x509.load_der_x509_certificate(der) for _, der in entry.cert_chain)
        return Identity(_key(entry.pkey_pkcs8, source.path, None, pem=False), chain)
    raise TLSError(f"{source.path} holds no private key, only certificates that it trusts")


def self_signed(folder: Path, host: str, now: datetime.datetime) -> CertificateSource:
    """The self-signed certificate kept in ``folder``; made when there is none, it has expired or lacks ``host``.

    The key's file is never readable by others, not even for a moment. TLSError when the folder cannot be written.
    """
    source = CertificateSource("pem", folder / _CERTIFICATE, folder / _KEY)
    wanted = _names(host)
    if source.path.exists():
        # A damaged one is made anew; only what is good is kept, for clients may have pinned it.
        with contextlib.suppress(TLSError, x509.ExtensionNotFound):
            certificate = load(source).chain[0]
            names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
            if certificate.not_valid_after_utc > now and _general_name(host) in names:
                return source
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _sign(key, wanted, now)
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _write(folder / _KEY, _pem_of(key), 0o600)
        _write(folder / _CERTIFICATE, certificate.public_bytes(serialization.Encoding.PEM), 0o644)
    except OSError as error:
        raise TLSError(f"{folder} cannot be written ({error.strerror}); give a folder with --state-dir") from None
    return source


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host.encode("idna").decode() if not host.isascii() else host)


def _names(host: str) -> list[x509.GeneralName]:
    """The host, this machine's name, and every way to say localhost; each once, the host first."""
    texts = [host, socket.gethostname(), "localhost", "127.0.0.1", "::1"]
    return list(dict.fromkeys(_general_name(text) for text in texts if text))


def _sign(key: ec.EllipticCurvePrivateKey, names: list[x509.GeneralName], now: datetime.datetime) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "peerserver")])
    public = key.public_key()
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        # An hour back, for clients whose clock is a little behind.
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=365 * SELF_SIGNED_YEARS))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .sign(key, hashes.SHA256())
    )


def _pem_of(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, data: bytes, mode: int) -> None:
    """Writes under a private temporary name and renames: a crash leaves the old file or the new, never half."""
    handle, name = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "wb") as file:
        os.fchmod(handle, mode)
        file.write(data)
    Path(name).replace(path)


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 of the certificate as keytool and browsers write it: ``AB:CD:…``."""
    return certificate.fingerprint(hashes.SHA256()).hex(":").upper()


@implementer(IOpenSSLServerConnectionCreator)
class ReloadableTLS:
    """Gives each new connection the context of the newest certificate that could be read."""

    _log = Logger()

    def __init__(self, source: CertificateSource) -> None:
        """Reads the source at once; TLSError when it cannot be used."""
        self._source = source
        self.identity = load(source)
        self._context = self.identity.context()

    def reload(self) -> bool:
        """Reads the source again. A broken one is logged and changes nothing; True when the new one is in use."""
        try:
            identity = load(self._source)
            context = identity.context()
        except TLSError as error:
            self._log.error("Kept the old TLS certificate, for the new one is unusable: {error}", error=str(error))
            return False
        self.identity, self._context = identity, context
        self._log.info("Reloaded the TLS certificate {name}", name=fingerprint(identity.chain[0]))
        return True

    def serverConnectionForTLS(self, protocol: TLSMemoryBIOProtocol) -> SSL.Connection:  # noqa: N802 - Twisted's name
        """A connection object for a socket that was just accepted."""
        connection = SSL.Connection(self._context, None)
        # Twisted's ALPN callback looks up its protocol there; without it each handshake with ALPN fails.
        connection.set_app_data(protocol)
        return connection
