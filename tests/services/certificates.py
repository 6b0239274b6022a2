"""Certificate authorities and certificates of servers, made for a test run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Certificates:
    """Files of an authority, of another one, and of servers on this machine."""

    authority: Path
    other_authority: Path
    """An authority that signed no certificate of the servers."""
    server: Path
    """Key and certificates."""
    expired: Path
    """The same with a certificate that has expired."""
    elsewhere: Path
    """The same with a certificate for another host name."""
    client: Path
    """Key and certificate of a client."""
    foreign_client: Path
    """The same, signed by the other authority."""


CLIENT = "moderation"
"""Common name of the clients."""


def make_certificates(folder: Path) -> Certificates:
    """Write the files."""
    authority, other = trustme.CA(), trustme.CA()
    names = ("ca", "other-ca", "server", "expired", "elsewhere", "client", "foreign-client")
    found = Certificates(*(folder / f"{name}.pem" for name in names))
    authority.cert_pem.write_to_path(str(found.authority))
    other.cert_pem.write_to_path(str(found.other_authority))
    yesterday = datetime.now(UTC) - timedelta(days=1)
    issued = {
        found.server: authority.issue_cert(HOST),
        found.expired: authority.issue_cert(HOST, not_before=yesterday - timedelta(days=9), not_after=yesterday),
        found.elsewhere: authority.issue_cert("elsewhere.example"),
        found.client: authority.issue_cert("client.example", common_name=CLIENT),
        found.foreign_client: other.issue_cert("client.example", common_name=CLIENT),
    }
    for path, certificate in issued.items():
        chain = b"".join(blob.bytes() for blob in certificate.cert_chain_pems)
        path.write_bytes(_pkcs8(certificate.private_key_pem.bytes()) + chain)
        path.chmod(0o644)
    return found


def _pkcs8(pem: bytes) -> bytes:
    """The key in the form that Java reads."""
    key = load_pem_private_key(pem, None)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def divided(pem: Path) -> tuple[Path, Path]:
    """Write the certificates and the key of a file to two files, as PostgreSQL and Redis read them."""
    key, _, chain = pem.read_text(encoding="ascii").partition("-----BEGIN CERTIFICATE-----")
    chain_file, key_file = pem.with_suffix(".crt"), pem.with_suffix(".key")
    chain_file.write_text(f"-----BEGIN CERTIFICATE-----{chain}", encoding="ascii")
    key_file.write_text(key, encoding="ascii")
    key_file.chmod(0o600)
    return chain_file, key_file


def encrypted(key: Path, password: str) -> Path:
    """Write a key to another file, encrypted with a password."""
    found = key.with_suffix(".encrypted.key")
    loaded = load_pem_private_key(key.read_bytes(), None)
    encryption = BestAvailableEncryption(password.encode())
    found.write_bytes(loaded.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))
    return found
