"""Certificates of the connection to Kafka: the authority of the brokers, and the certificate of the sidecar."""

from __future__ import annotations

import ssl
from pathlib import Path

from moderation.errors import SettingsError
from moderation.settings import KafkaSettings

CLIENT = ("ssl_certfile", "ssl_keyfile", "ssl_password")


def require_complete(settings: KafkaSettings) -> None:
    """Raise SettingsError where a key or its password is set without a certificate."""
    alone = [f"kafka.{name}" for name in CLIENT if getattr(settings, name)]
    if alone and settings.ssl_certfile is None:
        raise SettingsError(
            f"kafka.ssl_certfile is not set, but {' and '.join(alone)}; set it to the client certificate (PEM)"
        )


def certificate_config(settings: KafkaSettings) -> dict[str, str]:
    """Return the configuration of kafka-python.

    The client reads the files at each connection, so that renewed ones are used without a restart. Raises
    SettingsError where a file cannot be used.
    """
    named = {"ssl_cafile": settings.ssl_cafile, "ssl_certfile": settings.ssl_certfile}
    named["ssl_keyfile"] = settings.ssl_keyfile
    config = {name: str(path) for name, path in named.items() if path is not None}
    if config:
        tls_context(settings)
    if settings.ssl_certfile is not None:
        config["ssl_password"] = _password(settings)
    return config


def tls_context(settings: KafkaSettings) -> ssl.SSLContext:
    """Return the context that the clients use. Raises SettingsError where a file cannot be used."""
    if settings.ssl_cafile is not None:
        _require_file("ssl_cafile", settings.ssl_cafile)
    try:
        context = ssl.create_default_context(cafile=settings.ssl_cafile)
    except OSError as error:  # every error of ssl is one
        raise SettingsError(
            f"kafka.ssl_cafile {settings.ssl_cafile} cannot be read ({error.strerror or error}); name a file of "
            "certificates (PEM)"
        ) from None
    if settings.ssl_certfile is not None:
        _load_client(context, settings, settings.ssl_certfile)
    return context


def _load_client(context: ssl.SSLContext, settings: KafkaSettings, certificate: Path) -> None:
    _require_file("ssl_certfile", certificate)
    key = settings.ssl_keyfile or certificate
    if settings.ssl_keyfile is not None:
        _require_file("ssl_keyfile", key)
    try:
        context.load_cert_chain(certificate, key, _password(settings))
    except OSError as error:
        raise SettingsError(_why_unusable(settings, certificate, key, error)) from None


def _why_unusable(settings: KafkaSettings, certificate: Path, key: Path, error: OSError) -> str:
    """Return which of the files is at fault, and what to change."""
    if getattr(error, "reason", None) == "KEY_VALUES_MISMATCH":
        return (
            f"the key in {key} does not belong to the certificate in {certificate}; name the key of this "
            "certificate in kafka.ssl_keyfile"
        )
    text = key.read_bytes()
    if b"ENCRYPTED" in text:
        wrong = "is wrong" if _password(settings) else "is not set"
        return f"the key in {key} is encrypted, and kafka.ssl_password {wrong}; correct MODERATION_KAFKA__SSL_PASSWORD"
    if b"PRIVATE KEY-----" not in text:
        return f"{key} has no private key; set kafka.ssl_keyfile to the key of kafka.ssl_certfile (PEM)"
    return (
        f"kafka.ssl_certfile {certificate} and its key in {key} cannot be used ({error.strerror or error}); name a "
        "certificate and a key in PEM"
    )


def _password(settings: KafkaSettings) -> str:
    """The password of the key: never None, for which OpenSSL asks the terminal."""
    return settings.ssl_password.get_secret_value() if settings.ssl_password is not None else ""


def _require_file(name: str, path: Path) -> None:
    """Raise SettingsError where a file is missing or may not be read."""
    if not path.is_file():
        raise SettingsError(f"kafka.{name} {path} is not a file; name a file of PEM")
    try:
        path.open("rb").close()
    except OSError as error:
        raise SettingsError(
            f"kafka.{name} {path} cannot be read ({error.strerror}); let the user of the sidecar read it"
        ) from None
