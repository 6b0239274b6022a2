"""The section of single sign-on with OpenID Connect."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, model_validator

from moderation.errors import SettingsError
from moderation.settings.sections import Section

Role = Literal["viewer", "reviewer", "senior", "appeals", "admin"]


class OidcSettings(Section):
    """Sign-in at an OpenID Connect provider; people are added at their first sign-in."""

    issuer: str = Field(
        "",
        pattern=r"^$|^https://[^\s?#]+$|^http://(localhost|127\.0\.0\.1)(:\d+)?(/[^\s?#]*)?$",
        description="https:// address of the provider of single sign-on; empty: none",
    )
    client_id: str = Field("", description="id of the console at the provider")
    client_secret: SecretStr | None = Field(None, description="its secret; set it by variable or file")
    client_secret_file: Path | None = Field(None, description="file that holds that secret instead")
    scopes: str = Field("openid profile", description="scopes to ask for; add the one that has the groups")
    name_claim: str = Field("preferred_username", description="claim with the name of the person")
    role_claim: str = Field("groups", description="claim with the groups of the person")
    roles: dict[str, Role] = Field(
        {}, description="role for each group, the first that matches; a person without one is refused"
    )

    @model_validator(mode="after")
    def _complete(self) -> OidcSettings:
        if self.issuer and not (self.client_id and self.roles):
            raise ValueError("oidc.issuer needs oidc.client_id, and oidc.roles with at least one group")
        return self

    def secret(self) -> str | None:
        """Return the client secret from the variable or its file. Raises SettingsError where the file is not read."""
        if self.client_secret is not None:
            return self.client_secret.get_secret_value()
        if self.client_secret_file is None:
            return None
        try:
            return self.client_secret_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"oidc.client_secret_file {self.client_secret_file} cannot be read: {error}") from None
