"""Every setting of the sidecar in one frozen model, read from `MODERATION_…` variables and one TOML file."""

from __future__ import annotations

import os
import re
import tomllib
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any, Literal, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    IPvAnyNetwork,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings import SettingsError as UnreadableVariable

from moderation.errors import SettingsError
from moderation.events import mappable_fields
from moderation.mapping import KINDS, FieldMapping, FieldPath, Kind
from moderation.mapping.expressions import compile_expression
from moderation.state import GRAPH_EPOCH_S, MAX_EDGES, Coverage
from moderation.state.coverage import LATENESS_MS
from moderation.values.bounds import milliseconds
from moderation.values.setting_types import (
    FOLLOWS_INCOMPLETE,
    GROUP_TIMEOUT_MS,
    YEAR_S,
    Lateness,
    Name,
    OptionalTopic,
    Seconds,
    Servers,
    Share,
    Topic,
    Whole,
)

PREFIX = "MODERATION_"
Fields = dict[str, FieldPath]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class KafkaSettings(_Section):
    """Where the events come from."""

    bootstrap_servers: Servers = Field("", description="host:port of one or more brokers, joined by commas")
    group_id: Name = Field("moderation", description="consumer group; its offsets only show lag, the ledger decides")
    posts: Topic = Field("posts", description="topic of posts")
    follows: OptionalTopic = Field("", description="topic of follow events; empty: none")
    deletions: OptionalTopic = Field("", description="topic of deletion events; empty: none")
    labels: OptionalTopic = Field("", description="topic of label events; empty: none")
    isolation_level: Literal["read_committed", "read_uncommitted"] = Field(
        "read_committed",
        description="records of transactions: committed ones only, or also those of open and aborted transactions",
    )
    stalled_ms: Whole = Field(
        30_000,
        ge=0,
        description="how long a partition holds up the others whose log continues, but that returns nothing; after "
        "that, features that depend on it are missing",
    )
    session_timeout_ms: int = Field(
        45_000, ge=1000, le=GROUP_TIMEOUT_MS, description="the group forgets a silent consumer after this"
    )
    max_poll_records: Whole = Field(2_000, ge=1, description="records taken from the client at a time")
    buffer_records: Whole = Field(10_000, ge=1, description="records held per partition while others catch up")
    buffer_bytes: Whole = Field(16 << 20, ge=1, description="and bytes held per partition")
    buffer_bytes_in_all: Whole = Field(128 << 20, ge=1, description="and bytes held of all partitions together")
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="protocol of the connection to the brokers"
    )
    ssl_cafile: Path | None = Field(None, description="certificate authority of the brokers (PEM)")
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = Field(
        None, description="SASL mechanism"
    )
    sasl_username: str | None = Field(None, description="SASL username")
    sasl_password: SecretStr | None = Field(None, description="SASL password; set it by variable or file")
    on_recreated_topic: Literal["stop", "restart"] = Field(
        "stop", description="a recreated topic: exit with an error message, or read the new one from its start"
    )
    on_lost_records: Literal["stop", "skip"] = Field(
        "stop", description="records that expired unread: exit with an error message, or go on after the gap"
    )

    def topics(self) -> dict[str, str]:
        """Topic by kind of event, those that are set."""
        named = {"post": self.posts, "follow": self.follows, "deletion": self.deletions, "label": self.labels}
        return {kind: topic for kind, topic in named.items() if topic}


class BatchSettings(_Section):
    """How much is done at a time."""

    max_records: Whole = Field(256, ge=1, description="records judged and committed together, if so many are there")
    max_bytes: Whole = Field(
        131_072, ge=1, description="and no more bytes than this, so that long texts hold up nothing"
    )


class StateSettings(_Section):
    """What is remembered between posts."""

    directory: Path | None = Field(
        None, description="directory in which the state is saved; none: rebuild it from the log at each start"
    )
    save_every_s: Seconds = Field(
        10.0, description="seconds between saves, which write what changed since the last one"
    )
    allowed_lateness_s: Lateness = Field(
        LATENESS_MS / 1000,
        description="windows over other accounts end with the last minute that ended this long before a post, so that "
        "events that are less late change nothing",
    )
    follows_complete_from: AwareDatetime | None = Field(
        None,
        description="from when the follow events are complete, such as after a backfill: graph features of earlier "
        "posts are missing; none: of all posts",
    )
    max_follows: Whole = Field(
        MAX_EDGES, ge=1, description="follows held in memory; beyond them graph features are missing"
    )
    graph_epoch_s: int = Field(
        GRAPH_EPOCH_S,
        ge=1,
        le=YEAR_S,
        description="event-time length of an epoch of the follow graph, in seconds; the risk model that ships was "
        "trained with the default, another length needs a model of its own",
    )
    lateness_s: Seconds = Field(300.0, description="offline: how far back in time a line may step")

    def of_a_file(self) -> StateSettings:
        """Return the settings for a file: it is read once, and its follow events are complete unless stated."""
        complete = self.follows_complete_from or datetime.fromtimestamp(0, UTC)
        return self.model_copy(update={"directory": None, "follows_complete_from": complete})

    def coverage(self) -> Coverage:
        """Return the clock of a new state with these settings."""
        complete = self.follows_complete_from
        return Coverage(
            lateness_ms=round(1000 * self.allowed_lateness_s),
            follows_complete_from_ms=None if complete is None else milliseconds(complete),
        )


class AuditSettings(_Section):
    """The random sample by which error rates are measured in operation."""

    rate: Share = Field(0.001, description="probability that an unflagged post is kept for audit")
    flagged_rate: Share = Field(0.1, description="probability that a flagged post is kept for audit")


class ScoringSettings(_Section):
    """Which texts the detector scores."""

    policy: Literal["all", "selective"] = Field(
        "all",
        description="all: every text; selective: posts whose metadata let the text decide about a flag, those of their "
        "accounts for 14 days, and the audit sample, which raises the same flags at a fraction of the cost",
    )


class MappingSettings(_Section):
    """Where our fields are in the platform's own records (docs/events.md)."""

    post: Fields = Field(default_factory=dict, description="JMESPath expression of each field of a post")
    follow: Fields = Field(default_factory=dict, description="the same for follow events")
    deletion: Fields = Field(default_factory=dict, description="the same for deletions")
    label: Fields = Field(default_factory=dict, description="the same for labels")
    ignore: tuple[str, ...] = Field((), description="expressions; a record for which one is true is skipped")
    time_zone: str | None = Field(
        None, description='time zone of times without an offset, such as "UTC"; none: they are invalid'
    )
    trusted_proxies: tuple[IPvAnyNetwork, ...] = Field(
        (), description="networks of your own proxies, which `client.forwarded_for` and `client.ip` look behind"
    )

    @field_validator(*KINDS, mode="before")
    @classmethod
    def _short_paths(cls, fields: Any) -> Any:
        """Read a bare string as the path of a value that needs no conversion."""
        if not isinstance(fields, dict):
            return fields
        return {name: {"path": path} if isinstance(path, str) else path for name, path in fields.items()}

    @field_validator(*KINDS)
    @classmethod
    def _known_fields(cls, fields: dict[str, FieldPath], info: ValidationInfo) -> dict[str, FieldPath]:
        kind = cast(Kind, info.field_name)
        for name, path in fields.items():
            if name not in mappable_fields(kind):
                raise ValueError(f"{name!r} is no field of a {kind} (see docs/events.md for all of them)")
            path.check_options(name)
        return fields

    @field_validator("ignore")
    @classmethod
    def _rules_compile(cls, rules: tuple[str, ...]) -> tuple[str, ...]:
        for rule in rules:
            compile_expression(rule)
        return rules

    @field_validator("time_zone")
    @classmethod
    def _zone_exists(cls, name: str | None) -> str | None:
        _zone(name)
        return name

    def compiled(self) -> FieldMapping:
        """Return the mapping in the form that decoding takes."""
        paths: dict[Kind, dict[str, FieldPath]] = {kind: getattr(self, kind) for kind in KINDS}
        return FieldMapping(
            {kind: fields for kind, fields in paths.items() if fields},
            ignore=self.ignore,
            time_zone=_zone(self.time_zone),
            trusted_proxies=self.trusted_proxies,
        )


def _zone(name: str | None) -> tzinfo | None:
    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{name!r} is not a time zone; write a name such as 'UTC' or 'Europe/Berlin'") from None


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
    audit: AuditSettings = AuditSettings()
    scoring: ScoringSettings = ScoringSettings()
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
        """Return what in these settings has less effect than it seems, one sentence each."""
        if self.kafka.follows and self.state.follows_complete_from is None:
            return [FOLLOWS_INCOMPLETE]
        return []

    def address_secret(self) -> bytes | None:
        """The address key from the variable or its file, None where neither is set."""
        return _secret(self.address_key, self.address_key_file, "address_key")

    def previous_address_secret(self) -> bytes | None:
        """The address key before, from the variable or its file, None where neither is set."""
        return _secret(self.previous_address_key, self.previous_address_key_file, "previous_address_key")


def _secret(value: SecretStr | None, file: Path | None, name: str) -> bytes | None:
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


def load_settings(file: Path | None = None) -> Settings:
    """Settings from the environment and, below it, a TOML file. Raises SettingsError with every problem named."""
    from_file = _read_toml(file) if file is not None else {}
    _refuse_unknown_variables()
    try:
        return Settings(**from_file)
    except ValidationError as error:
        problems = "; ".join(_sentence(item) for item in error.errors(include_url=False, include_input=False))
        raise SettingsError(f"the settings cannot be used: {problems}") from None
    except UnreadableVariable as error:
        raise SettingsError(_whole_section(error)) from None


def _whole_section(error: UnreadableVariable) -> str:
    """A variable that names a section instead of one setting in it, and does not hold JSON."""
    named = re.search(r'field "(\w+)"', str(error))
    section = f"{PREFIX}{named[1].upper()}" if named else f"a variable {PREFIX}…"
    return f"{section} stands for a whole section and must hold a JSON object, or name one setting as {section}__NAME"


def _sentence(problem: Any) -> str:
    name = ".".join(str(part) for part in problem["loc"]) or "settings"
    if problem["type"] == "extra_forbidden":
        return f"{name} is no setting (see docs/settings.md for all of them)"
    return f"{name}: {problem['msg'].removeprefix('Value error, ')}"


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"the settings file {file} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:  # not only TOMLDecodeError: also bytes and numbers without end
        reason = "too deeply nested" if isinstance(error, RecursionError) else error
        raise SettingsError(f"the settings file {file} is not valid TOML: {reason}") from None


def _refuse_unknown_variables() -> None:
    known = {name.upper() for name in Settings.model_fields}
    for variable in os.environ:
        if variable.startswith(PREFIX):
            section = variable.removeprefix(PREFIX).split("__")[0].upper()
            if section not in known:
                raise SettingsError(f"the variable {variable} is no setting (see docs/settings.md for all of them)")
