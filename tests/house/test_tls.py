"""The port's certificates: where they come from, and what a client may and may not speak."""

from __future__ import annotations

import contextlib
import datetime
import shutil
import signal
import socket
import ssl
import stat
import subprocess
import sys
import time
import warnings
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

from peerserver.web.tls import CertificateSource, ReloadableTLS, TLSError, fingerprint, load, self_signed

from .servers import HELLO, connected, health, serving

NOW = datetime.datetime(2026, 11, 23, tzinfo=datetime.UTC)
CA = trustme.CA()


def leaf_files(folder: Path, *names: str) -> tuple[Path, Path]:
    """A certificate with its chain and its key, as PEM files."""
    leaf = CA.issue_cert(*(names or ("localhost",)))
    certificate, key = folder / "cert.pem", folder / "key.pem"
    certificate.write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
    key.write_bytes(leaf.private_key_pem.bytes())
    return certificate, key


def trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    CA.configure_trust(context)
    return context


def pem(folder: Path) -> CertificateSource:
    return CertificateSource("pem", *leaf_files(folder))


# -- where certificates come from


def test_pem(tmp_path: Path) -> None:
    """PEM: the first certificate is the server's own, and the key must belong to it."""
    identity = load(pem(tmp_path))
    assert identity.key.public_key() == identity.chain[0].public_key()


def test_pem_with_the_key_in_the_same_file(tmp_path: Path) -> None:
    """A certificate's file may hold its key."""
    certificate, key = leaf_files(tmp_path)
    certificate.write_bytes(key.read_bytes() + certificate.read_bytes())
    assert load(CertificateSource("pem", certificate)).chain


def test_pem_with_an_encrypted_key(tmp_path: Path) -> None:
    """An encrypted key needs its password, and says so."""
    source = pem(tmp_path)
    key = load(source).key
    assert source.key
    source.key.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                             serialization.BestAvailableEncryption(b"pass")))
    assert load(CertificateSource("pem", source.path, source.key, "pass")).chain
    with pytest.raises(TLSError, match="is encrypted; give its password in --tls-password-file"):
        load(source)
    with pytest.raises(TLSError, match="or the password is wrong"):
        load(CertificateSource("pem", source.path, source.key, "other"))


def test_pkcs12(tmp_path: Path) -> None:
    """PKCS12: what Java has made since version 9."""
    identity = load(pem(tmp_path))
    path = tmp_path / "store.p12"
    path.write_bytes(pkcs12.serialize_key_and_certificates(
        b"x", identity.key, identity.chain[0], list(identity.chain[1:]) or None,
        serialization.BestAvailableEncryption(b"changeit")))
    assert load(CertificateSource("pkcs12", path, None, "changeit")).chain == identity.chain
    with pytest.raises(TLSError, match="or its password"):
        load(CertificateSource("pkcs12", path, None, "wrong"))


def test_jks(tmp_path: Path) -> None:
    """JKS, as keytool makes it: what Datomic users already have."""
    jks = pytest.importorskip("jks", reason="NOT TESTED: the extra [jks] is not installed")
    path = tmp_path / "store.jks"
    keytool = shutil.which("keytool")
    if keytool:
        subprocess.run([keytool, "-genkeypair", "-alias", "transactor", "-keyalg", "RSA", "-dname", "CN=localhost",
                        "-keystore", str(path), "-storetype", "JKS", "-storepass", "changeit", "-keypass", "changeit",
                        "-noprompt"], check=True, capture_output=True)
    else:
        warnings.warn("keystore made by pyjks, for keytool is missing", stacklevel=1)
        identity = load(pem(tmp_path))
        chain = [c.public_bytes(serialization.Encoding.DER) for c in identity.chain]
        key = identity.key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8,
                                         serialization.NoEncryption())
        entry = jks.PrivateKeyEntry.new("transactor", chain, key)
        jks.KeyStore.new("jks", [entry]).save(str(path), "changeit")
    assert load(CertificateSource("jks", path, None, "changeit")).chain
    with pytest.raises(TLSError, match="or its password"):
        load(CertificateSource("jks", path, None, "wrong"))
    with pytest.raises(TLSError, match="give it with --tls-jks"):
        load(CertificateSource("pkcs12", path, None, "changeit"))


def test_jks_without_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra the refusal has the one line of keytool that helps."""
    monkeypatch.setitem(sys.modules, "jks", None)
    path = tmp_path / "store.jks"
    path.write_bytes(b"\xfe\xed\xfe\xed" + bytes(20))
    with pytest.raises(TLSError, match=r"keytool -importkeystore -srckeystore \S+store.jks -destkeystore \S+store.p12"):
        load(CertificateSource("jks", path))


@pytest.mark.parametrize("kind", ["pem", "pkcs12", "jks"])
def test_no_file_and_no_sense(tmp_path: Path, kind: str) -> None:
    """A missing file and one that holds something else are refused by name, whatever the kind."""
    with pytest.raises(TLSError, match="none cannot be read: No such file"):
        load(CertificateSource(kind, tmp_path / "none"))
    (tmp_path / "text").write_text("certificate?")
    with pytest.raises(TLSError, match="text"):
        load(CertificateSource(kind, tmp_path / "text"))


def test_a_key_of_another_certificate(tmp_path: Path) -> None:
    """A key that doesn't fit its certificate is found at the start, not at the first handshake."""
    certificate, _ = leaf_files(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    with pytest.raises(TLSError, match="does not hold the key of the first certificate"):
        load(CertificateSource("pem", certificate, leaf_files(other)[1]))


# -- the self-signed one


def test_self_signed_is_made_once(tmp_path: Path) -> None:
    """The certificate is made on the first run and kept, for clients have pinned it; only the owner reads its key."""
    first = self_signed(tmp_path / "tls", "localhost", NOW)
    before = first.path.read_bytes()
    assert first.key and stat.S_IMODE(first.key.stat().st_mode) == 0o600
    assert self_signed(tmp_path / "tls", "localhost", NOW).path.read_bytes() == before
    assert len(list((tmp_path / "tls").iterdir())) == 2


def test_self_signed_names(tmp_path: Path) -> None:
    """It is good for the host of -h, this machine's name and every way to say localhost."""
    certificate = load(self_signed(tmp_path, "db.example.org", NOW)).chain[0]
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    dns = names.get_values_for_type(x509.DNSName)
    assert {"db.example.org", "localhost", socket.gethostname()} <= set(dns)
    assert {str(a) for a in names.get_values_for_type(x509.IPAddress)} == {"127.0.0.1", "::1"}


@pytest.mark.parametrize("change", ["host", "time", "damage"])
def test_self_signed_is_made_anew(tmp_path: Path, change: str) -> None:
    """Another host, its end, or damage: then a new one is made."""
    before = fingerprint(load(self_signed(tmp_path, "localhost", NOW)).chain[0])
    host, now = "localhost", NOW
    if change == "host":
        host = "192.0.2.1"
    elif change == "time":
        now = NOW + datetime.timedelta(days=3700)
    else:
        (tmp_path / "certificate.pem").write_text("")
    assert fingerprint(load(self_signed(tmp_path, host, now)).chain[0]) != before


def test_reload_keeps_the_old_when_the_new_is_broken(tmp_path: Path) -> None:
    """A reload is all or nothing."""
    source = pem(tmp_path)
    tls = ReloadableTLS(source)
    before = tls.identity
    source.path.write_text("oops")
    assert not tls.reload()
    assert tls.identity is before
    leaf_files(tmp_path)
    assert tls.reload()
    assert tls.identity.chain[0] != before.chain[0]


# -- on the wire


def test_the_self_signed_server(tmp_path: Path) -> None:
    """A client that trusts the file in the state folder, and checks host names, is served over TLS 1.2 and 1.3."""
    with serving(tmp_path) as server:
        trust = tmp_path / "state" / "tls" / "certificate.pem"
        assert str(trust) in server.log()
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = ssl.create_default_context(cafile=str(trust))
            context.minimum_version = context.maximum_version = version
            answer = health(server.port, context)
            assert answer.startswith(b"HTTP/1.1 200 ") and answer.endswith(b"\r\n\r\nOK")
            assert b"\r\ncontent-type: text/plain\r\n" in answer.lower()
        with pytest.raises(ssl.SSLCertVerificationError):
            health(server.port, ssl.create_default_context())


def test_old_tls_and_plain_http(tmp_path: Path) -> None:
    """TLS 1.1 and plain HTTP get an alert or a closed connection, no answer; the next client is served."""
    with serving(tmp_path) as server:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            old = ssl._create_unverified_context()
            old.minimum_version = ssl.TLSVersion.TLSv1
            old.maximum_version = ssl.TLSVersion.TLSv1_1
            old.set_ciphers("ALL:@SECLEVEL=0")
        with pytest.raises((ssl.SSLError, ConnectionError)), connected(server.port, old):
            pass
        with socket.create_connection(("127.0.0.1", server.port), 30) as plain:
            plain.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
            answer = plain.recv(4096)
            # An alert record (type 21) or nothing.
            assert answer[:1] in (b"", b"\x15")
        assert b"200" in health(server.port)


def test_alpn(tmp_path: Path) -> None:
    """A client that offers HTTP/2 first is given HTTP/1.1."""
    with serving(tmp_path) as server:
        context = ssl._create_unverified_context()
        context.set_alpn_protocols(["h2", "http/1.1"])
        with connected(server.port, context) as channel:
            assert channel.selected_alpn_protocol() == "http/1.1"


def test_hangup_reloads_the_certificate(tmp_path: Path) -> None:
    """SIGHUP: new connections get the new certificate, open ones go on; a broken file changes nothing."""
    certificate, key = leaf_files(tmp_path)
    with serving(tmp_path, *HELLO, "--tls-cert", str(certificate), "--tls-key", str(key)) as server:
        assert b"200" in health(server.port, trusting())
        first = server.certificate()
        with connected(server.port, trusting()) as open_before:
            certificate.write_text("broken")
            server.process.send_signal(signal.SIGHUP)
            server.wait_for("Kept the old TLS certificate")
            assert server.certificate() == first
            leaf_files(tmp_path)
            server.process.send_signal(signal.SIGHUP)
            server.wait_for("Reloaded the TLS certificate")
            assert server.certificate() != first
            open_before.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert open_before.recv(4096).startswith(b"HTTP/1.1 200 ")


def test_a_silent_client(tmp_path: Path) -> None:
    """Who opens connections and says nothing holds up nobody, and is cut off; too many connections are closed."""
    with serving(tmp_path, *HELLO, "--max-connections", "4") as server:
        silent = [socket.create_connection(("127.0.0.1", server.port), 60) for _ in range(3)]
        try:
            assert b"200" in health(server.port)
            silent += [socket.create_connection(("127.0.0.1", server.port), 60) for _ in range(3)]
            server.wait_for("Closing new connections: 4 are open")
            for quiet in silent:
                # The end comes from the server: a reset, or an orderly close.
                with contextlib.suppress(ConnectionError):
                    assert quiet.recv(1) == b""
        finally:
            for quiet in silent:
                quiet.close()
        for _ in range(100):
            try:
                assert b"200" in health(server.port)
                return
            except (ConnectionError, ssl.SSLError):
                time.sleep(0.1)
        raise AssertionError("the server did not recover")
