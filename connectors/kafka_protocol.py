"""Which settings of TLS and login a security protocol needs, and which it does not use."""

from __future__ import annotations

from moderation.errors import SettingsError
from moderation.settings import KafkaSettings

LOGIN = ("sasl_mechanism", "sasl_username", "sasl_password")


def require_fitting_settings(settings: KafkaSettings) -> None:
    """Raise SettingsError where the login is incomplete, or login or authority are set and not used."""
    protocol, login = settings.security_protocol, settings.security_protocol.startswith("SASL_")
    missing = [f"kafka.{name}" for name in LOGIN if not getattr(settings, name)]
    unused = [f"kafka.{name}" for name in LOGIN if getattr(settings, name)]
    if login and missing:
        raise SettingsError(f"kafka.security_protocol {protocol} needs {' and '.join(missing)}")
    if unused and not login:
        raise SettingsError(
            f"kafka.security_protocol {protocol} does not use {' and '.join(unused)}; set it to SASL_SSL, or "
            "remove the login"
        )
    if settings.ssl_cafile is not None and not protocol.endswith("SSL"):
        raise SettingsError(
            f"kafka.security_protocol {protocol} does not use kafka.ssl_cafile; set it to "
            f"{protocol.replace('PLAINTEXT', 'SSL')}, or remove kafka.ssl_cafile"
        )
