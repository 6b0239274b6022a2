"""Files of certificates that cannot be used: one sentence that names the file and the setting."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from connectors.kafka_certificates import tls_context
from connectors.kafka_connection import connection_config
from moderation.errors import SettingsError
from moderation.settings import KafkaSettings
from tests.services.certificates import Certificates, divided, encrypted, make_certificates

PASSWORD = "secret-of-the-test"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


def settings(**changes: Any) -> KafkaSettings:
    return KafkaSettings(bootstrap_servers="127.0.0.1:1", security_protocol="SSL", **changes)


def chain_of(certificates: Certificates) -> Path:
    return divided(certificates.client)[0]


def key_of(certificates: Certificates) -> Path:
    return divided(certificates.client)[1]


def test_certificate_and_key_may_be_in_one_file_and_reach_the_clients(certificates: Certificates) -> None:
    config = connection_config(settings(ssl_cafile=certificates.authority, ssl_certfile=certificates.client))
    assert config["ssl_certfile"] == str(certificates.client)
    assert config["ssl_password"] == "", "without a password OpenSSL would ask the terminal for one"
    assert isinstance(tls_context(settings(ssl_certfile=certificates.client)), ssl.SSLContext)


FAULTS: dict[str, tuple[Callable[[Certificates], dict[str, Any]], str]] = {
    "no such certificate": (lambda _: {"ssl_certfile": "/none.pem"}, "kafka.ssl_certfile /none.pem is not a file"),
    "no such key": (
        lambda files: {"ssl_certfile": chain_of(files), "ssl_keyfile": "/none.key"},
        "kafka.ssl_keyfile /none.key is not a file",
    ),
    "no such authority": (lambda _: {"ssl_cafile": "/none.pem"}, "kafka.ssl_cafile /none.pem is not a file"),
    "no certificate in the file": (
        lambda files: {"ssl_certfile": key_of(files), "ssl_keyfile": key_of(files)},
        "cannot be used .* name a certificate and a key in PEM",
    ),
    "no key in the file": (
        lambda files: {"ssl_certfile": chain_of(files)},
        "client.crt has no private key; set kafka.ssl_keyfile",
    ),
    "key of another certificate": (
        lambda files: {"ssl_certfile": chain_of(files), "ssl_keyfile": files.foreign_client},
        "does not belong to the certificate in .*client.crt",
    ),
    "encrypted key without a password": (
        lambda files: {"ssl_certfile": chain_of(files), "ssl_keyfile": encrypted(key_of(files), PASSWORD)},
        "is encrypted, and kafka.ssl_password is not set; correct MODERATION_KAFKA__SSL_PASSWORD",
    ),
    "encrypted key with another password": (
        lambda files: {
            "ssl_certfile": chain_of(files),
            "ssl_keyfile": encrypted(key_of(files), PASSWORD),
            "ssl_password": f"not-{PASSWORD}",
        },
        "is encrypted, and kafka.ssl_password is wrong",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_file_that_cannot_be_used_is_refused_before_a_connection(certificates: Certificates, name: str) -> None:
    changes, message = FAULTS[name]
    with pytest.raises(SettingsError, match=message) as raised:
        connection_config(settings(**changes(certificates)))
    assert "\n" not in str(raised.value)
    assert PASSWORD not in str(raised.value)


def test_a_file_that_may_not_be_read_is_refused_with_the_reason(
    certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, mode: str) -> Any:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(SettingsError, match=r"ssl_certfile .* cannot be read \(Permission denied\); let the user"):
        connection_config(settings(ssl_certfile=certificates.client))
