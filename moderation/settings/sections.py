"""The sections of the settings but the mapping: Kafka, batches, state, audit, scoring, console, telemetry."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from moderation.settings.types import (
    GROUP_TIMEOUT_MS,
    YEAR_S,
    CollectorUrl,
    Lateness,
    Name,
    OptionalTopic,
    Policy,
    PublicUrl,
    Seconds,
    Servers,
    Share,
    Topic,
    Whole,
)
from moderation.state import GRAPH_EPOCH_S, MAX_EDGES, Coverage
from moderation.state.coverage import LATENESS_MS
from moderation.state.working_set import MOST_KEYS
from moderation.values.bounds import milliseconds


class Section(BaseModel):
    """Base of the sections: frozen, and unknown names are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class KafkaSettings(Section):
    """Where the events come from."""

    bootstrap_servers: Servers = Field("", description="host:port of one or more brokers, joined by commas")
    group_id: Name = Field("moderation", description="consumer group; its offsets only show lag, the ledger decides")
    posts: Topic = Field("posts", description="topic of posts")
    follows: OptionalTopic = Field("", description="topic of follow events; empty: none")
    deletions: OptionalTopic = Field("", description="topic of deletion events; empty: none")
    labels: OptionalTopic = Field("", description="topic of label events; empty: none")
    decisions_topic: OptionalTopic = Field(
        "", description="topic to which decisions of reviewers are sent; empty: none"
    )
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
    ssl_certfile: Path | None = Field(
        None, description="certificate of the sidecar, for brokers that require one from clients (PEM)"
    )
    ssl_keyfile: Path | None = Field(None, description="its private key (PEM); none: it is in ssl_certfile")
    ssl_password: SecretStr | None = Field(
        None, description="password of the private key, if it is encrypted; set it by variable or file"
    )
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


class BatchSettings(Section):
    """How much is done at a time."""

    max_records: Whole = Field(256, ge=1, description="records judged and committed together, if so many are there")
    max_bytes: Whole = Field(
        131_072, ge=1, description="and no more bytes than this, so that long texts hold up nothing"
    )


class StateSettings(Section):
    """What is remembered between posts."""

    backend: Literal["memory", "disk", "redis"] = Field(
        "memory",
        description="where account histories and windows are: in memory; on disk in state.directory, for a state that "
        "is larger than memory; on a Redis or Valkey server, which several sidecars share",
    )
    redis_url: SecretStr = Field(
        SecretStr(""), description="server of the redis backend, such as redis://:password@redis.example:6379/0"
    )
    cached_keys: Whole = Field(
        MOST_KEYS,
        ge=1,
        description="accounts, addresses and devices each that the disk and redis backends keep in memory",
    )
    directory: Path | None = Field(
        None,
        description="directory in which the state is saved, with the redis backend the follow graph; none: rebuild it "
        "from the log at each start",
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
    graph_epochs: Path | None = Field(
        None,
        description="directory from which the whole-graph figures of each epoch are read, where `moderation spark "
        "graph` writes them; none: the sidecar computes them",
    )
    lateness_s: Seconds = Field(300.0, description="offline: how far back in time a line may step")

    @model_validator(mode="after")
    def _backend_has_a_place(self) -> StateSettings:
        if self.backend == "disk" and self.directory is None:
            raise ValueError('state.backend = "disk" needs state.directory: name a directory on a local disk')
        if self.backend == "redis" and not self.redis_url.get_secret_value():
            raise ValueError('state.backend = "redis" needs state.redis_url, such as redis://127.0.0.1:6379/0')
        return self

    def of_a_file(self) -> StateSettings:
        """Return the settings for a file: it is read once, and its follow events are complete unless stated."""
        complete = self.follows_complete_from or datetime.fromtimestamp(0, UTC)
        return self.model_copy(update={"directory": None, "backend": "memory", "follows_complete_from": complete})

    def coverage(self) -> Coverage:
        """Return the clock of a new state with these settings."""
        complete = self.follows_complete_from
        return Coverage(
            lateness_ms=round(1000 * self.allowed_lateness_s),
            follows_complete_from_ms=None if complete is None else milliseconds(complete),
        )


class FlagSettings(Section):
    """How many accounts reviewers are asked about."""

    daily_quota: Whole = Field(
        0,
        ge=0,
        description="most accounts that enter the queue of reviewers in a day (UTC); others are recorded, and held "
        "until a day with a free place; 0: no limit",
    )
    most_wrong_share: Share = Field(
        0.5,
        description="share of the flagged accounts that may be genuine: where blind verdicts of the audit sample are "
        "evidence that it is larger, the console raises the threshold, and only a person lowers it again; 0: never",
    )


class AuditSettings(Section):
    """The random sample by which error rates are measured in operation."""

    rate: Share = Field(0.001, description="probability that an unflagged post is kept for audit")
    flagged_rate: Share = Field(0.1, description="probability that a flagged post is kept for audit")


class ScoringSettings(Section):
    """Which texts the detector scores."""

    policy: Literal["all", "selective"] = Field(
        "all",
        description="all: every text; selective: posts whose metadata would lead to a flag with suspicious texts, "
        "those of their accounts for 14 days, and samples. Each has a threshold and a certificate of its own",
    )


class TrialSettings(Section):
    """A second risk model that judges beside the live one, and in place of it for a share of the accounts."""

    risk: Path | None = Field(None, description="folder of the risk bundle on trial; none: there is no trial")
    share: Share = Field(
        0.0,
        description="share of the accounts that it judges in place of the live model; 0: none of its flags reaches a "
        "reviewer, and `moderation trial` compares them with those of the live model",
    )


class ConsoleSettings(Section):
    """The reviewers' console, `moderation serve`."""

    host: Name = Field("127.0.0.1", description="address to listen on; other than this machine's needs public_url")
    port: int = Field(8090, ge=1, le=65_535, description="port to listen on")
    public_url: PublicUrl = Field(
        "",
        description="address at which browsers reach the console, such as https://reviews.example, through a proxy "
        "that terminates TLS; empty: http://localhost only",
    )
    trusted_proxies: str = Field(
        "127.0.0.1", description="addresses of proxies whose X-Forwarded-For is used, joined by commas"
    )
    session_hours: int = Field(12, ge=1, le=168, description="hours until a person must sign in again")
    password_sign_in: bool = Field(True, description="people sign in with a password; off needs oidc.issuer")
    show_names: bool = Field(
        False, description="people see the names of others; otherwise pseudonyms, except seniors and admins"
    )
    second_person_followers: Whole = Field(
        0,
        ge=0,
        description="two people must agree about an account with so many followers or more; 0: one person decides",
    )
    sla_hours: int = Field(24, ge=1, le=8_760, description="hours from the flag in which a decision is due")
    bulk_limit: int = Field(100, ge=2, le=200, description="most accounts of a decision about many accounts")
    policies: tuple[Policy, ...] = Field(
        (),
        max_length=50,
        description="names of the policies that an account can break; with any, the verdict confirmed names one, and "
        "agreement is also shown by policy",
    )
    ground_templates: tuple[str, ...] = Field(
        (), max_length=50, description="texts that people can choose as the beginning of a ground"
    )
    passages: bool = Field(
        True,
        description="people can see which passages the score of a text depends on; the console loads the detector "
        "(`detector`, `detector_threads`) when it is asked for the first time",
    )
    blur_texts: bool = Field(True, description="texts are blurred until a person asks; own choices of people win")

    @field_validator("policies")
    @classmethod
    def _different(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        twice = next((name for name in value if value.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"lists {twice!r} twice; each policy needs a name of its own")
        return value


class TelemetrySettings(Section):
    """Metrics, probes and traces of `moderation run`."""

    host: Name = Field("127.0.0.1", description="address on which metrics and probes are served, without encryption")
    port: int = Field(
        0, ge=0, le=65_535, description="port of metrics (/metrics) and probes, such as 9464; 0: none are served"
    )
    otlp_endpoint: CollectorUrl = Field(
        "",
        description="address of an OpenTelemetry collector for traces, such as http://127.0.0.1:4318/v1/traces; "
        "empty: none are sent",
    )
