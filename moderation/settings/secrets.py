"""Secrets from a variable or a file."""

from __future__ import annotations

from pathlib import Path

from pydantic import SecretStr

from moderation.errors import SettingsError


def secret_bytes(value: SecretStr | None, file: Path | None, name: str) -> bytes | None:
    """Return a secret of at least 32 bytes, None where neither is set. Raises SettingsError."""
    if value is not None:
        return _strong(value.get_secret_value().encode(), name)
    if file is None:
        return None
    try:
        return _strong(file.read_bytes().strip(), str(file))
    except OSError as error:
        raise SettingsError(f"{name}_file {file} cannot be read: {error.strerror}") from None


def _strong(secret: bytes, name: str) -> bytes:
    if len(secret) < 32:
        raise SettingsError(
            f"{name} is {len(secret)} bytes long; hashes of addresses need 32 or more. Make one with: "
            'python3 -c "import secrets; print(secrets.token_hex(32))"'
        )
    return secret
