"""Every setting of the sidecar in one frozen model."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from moderation.mapping import FieldMapping
from moderation.settings.mapping import MappingSettings
from moderation.settings.oidc import OidcSettings
from moderation.settings.secrets import secret_bytes
from moderation.settings.sections import (
    AuditSettings,
    BatchSettings,
    ConsoleSettings,
    FlagSettings,
    KafkaSettings,
    ScoringSettings,
    StateSettings,
    TelemetrySettings,
    TrialSettings,
)
from moderation.settings.statements import StatementSettings
from moderation.settings.types import FOLLOWS_INCOMPLETE, SASL_PLAINTEXT, Name, Seconds, Whole
from moderation.settings.unprotected import of_database, of_redis

PREFIX = "MODERATION_"


class Settings(BaseSettings):
    """The sidecar's settings. A variable wins over the file; `__` steps into a section: MODERATION_KAFKA__POSTS."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", frozen=True, extra="forbid", env_ignore_empty=True
    )

    platform_id: Name = Field("platform", description="scope of every id, so that platforms never mix")
    pipeline: Name = Field("moderation", description="name of this job in the ledger")
    database_url: SecretStr = Field(
        SecretStr("sqlite:///moderation.sqlite"), description="review database (sqlite:///… or postgresql://…)"
    )
    detector: Path | None = Field(
        None,
        description="directory of a detector bundle; none: the shipped detector",
    )
    risk: Path | None = Field(None, description="folder of the risk bundle; none: the one that ships with the detector")
    address_key: SecretStr | None = Field(
        None, description="secret for hashing addresses and devices, 32 bytes or more"
    )
    address_key_file: Path | None = Field(None, description="file that holds that secret instead")
    address_key_id: str = Field(
        "k1", min_length=1, max_length=32, description="name of the secret, kept with each hash"
    )
    previous_address_key: SecretStr | None = Field(
        None,
        description="the secret before; keep it for 25 hours after the change, until the new one's windows are full",
    )
    previous_address_key_file: Path | None = Field(None, description="file that holds the secret before instead")
    previous_address_key_id: str | None = Field(None, description="name of the secret before")
    max_text_bytes: Whole = Field(65_536, ge=64, description="text beyond this is scored in part and marked truncated")
    detector_threads: int | None = Field(
        None, ge=1, le=1_024, description="processor cores for the detector; none: all"
    )
    detector_deadline_s: Seconds = Field(
        240.0,
        description="a batch that takes longer to score is split; a single post that does ends the process. At most "
        "0.8 of watchdog_s is used",
    )
    evidence_days: int = Field(90, ge=1, le=36_500, description="texts and address hashes are kept this long")
    lease_ttl_s: Seconds = Field(20.0, description="a dead sidecar's place is free after this many seconds")
    standby: bool = Field(
        False,
        description="wait while another sidecar runs this pipeline and take over when it ends, instead of exiting",
    )
    watchdog_s: Seconds = Field(300.0, description="no progress for this long ends the process")
    log_format: Literal["json", "text"] = Field("json", description="form of the log lines on standard error")
    kafka: KafkaSettings = KafkaSettings()
    batch: BatchSettings = BatchSettings()
    state: StateSettings = StateSettings()
    flags: FlagSettings = FlagSettings()
    audit: AuditSettings = AuditSettings()
    scoring: ScoringSettings = ScoringSettings()
    trial: TrialSettings = TrialSettings()
    console: ConsoleSettings = ConsoleSettings()
    oidc: OidcSettings = OidcSettings()
    statements: StatementSettings = StatementSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    mapping: MappingSettings = MappingSettings()

    @model_validator(mode="after")
    def _keys_in_pairs(self) -> Settings:
        no_key = self.previous_address_key is None and self.previous_address_key_file is None
        if no_key != (self.previous_address_key_id is None):
            raise ValueError(
                "previous_address_key (or its file) and previous_address_key_id belong together: set both or none"
            )
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003  # the signature is pydantic-settings' own
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Variables first, then the TOML file (handed in as initial values)."""
        return env_settings, init_settings

    def field_mapping(self) -> FieldMapping:
        """Return the mapping in the form that decoding takes, with all expressions compiled."""
        return self.mapping.compiled()

    def warnings(self) -> list[str]:
        """Return what in these settings has less effect than it seems, or protects less, one sentence each."""
        found = [*of_database(self.database_url.get_secret_value()), *of_redis(self.state.redis_url.get_secret_value())]
        if self.kafka.security_protocol == "SASL_PLAINTEXT":
            found.append(SASL_PLAINTEXT)
        if self.kafka.follows and self.state.follows_complete_from is None:
            found.append(FOLLOWS_INCOMPLETE)
        return found

    def address_secret(self) -> bytes | None:
        """The address key from the variable or its file, None where neither is set."""
        return secret_bytes(self.address_key, self.address_key_file, "address_key")

    def previous_address_secret(self) -> bytes | None:
        """The address key before, from the variable or its file, None where neither is set."""
        return secret_bytes(self.previous_address_key, self.previous_address_key_file, "previous_address_key")
