"""What a setting can be: bounded numbers, names that are not empty, topics and brokers."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

LARGEST_INT = 2**31 - 1
YEAR_S = 366 * 86_400
GROUP_TIMEOUT_MS = 1_800_000
"""The largest session timeout that a broker with default settings accepts (group.max.session.timeout.ms)."""

_TOPIC = re.compile(r"[a-zA-Z0-9._-]{1,249}")
_PUBLIC_URL = re.compile(r"https://[a-zA-Z0-9.-]{1,253}(?::[0-9]{1,5})?/?")
_COLLECTOR = re.compile(r"https?://(?:\[[0-9a-fA-F:.]+\]|[a-zA-Z0-9._-]{1,253})(?::[0-9]{1,5})?(?:/[\w./-]*)?")
_SERVER = re.compile(r"(?:\[[0-9a-fA-F:.]+\]|[^\s:/@\[\]]+):([0-9]{1,5})")


def _named(value: str) -> str:
    if not value.strip():
        raise ValueError("must not be empty")
    return value


def _topic(value: str) -> str:
    if not _TOPIC.fullmatch(value) or value in (".", ".."):
        allowed = "1 to 249 letters, digits, dots, underscores or hyphens"
        raise ValueError(f"must be the name of a Kafka topic ({allowed}), got {value!r:.60}")
    return value


def _topic_or_none(value: str) -> str:
    return _topic(value) if value else value


def _servers(value: str) -> str:
    """The message shows no entry with an @, which can contain a password."""
    for entry in value.split(",") if value else ():
        match = _SERVER.fullmatch(entry.strip())
        if match is None or not 0 < int(match[1]) < 65_536:
            shown = "an entry with '@'" if "@" in entry else f"{entry.strip()!r:.80}"
            raise ValueError(f"must be host:port of each broker, separated by commas, got {shown}")
    return value


def _public_url(value: str) -> str:
    if value and not _PUBLIC_URL.fullmatch(value):
        raise ValueError(f"must be https://HOST or https://HOST:PORT without a path, got {value!r:.80}")
    return value.rstrip("/")


def _collector(value: str) -> str:
    if value and not _COLLECTOR.fullmatch(value):
        shown = value.rpartition("@")[2]
        raise ValueError(f"must be an address such as http://127.0.0.1:4318/v1/traces, got {shown!r:.80}")
    return value


Name = Annotated[str, AfterValidator(_named)]
Policy = Annotated[str, StringConstraints(strip_whitespace=True, max_length=64), AfterValidator(_named)]
"""The name of a policy that an account can break."""
Topic = Annotated[str, AfterValidator(_topic)]
OptionalTopic = Annotated[str, AfterValidator(_topic_or_none)]
Servers = Annotated[str, AfterValidator(_servers)]
CollectorUrl = Annotated[str, AfterValidator(_collector)]
PublicUrl = Annotated[str, AfterValidator(_public_url)]
Seconds = Annotated[float, Field(gt=0, le=YEAR_S, allow_inf_nan=False)]
Lateness = Annotated[float, Field(gt=0, le=240, allow_inf_nan=False)]
"""Seconds; the state keeps minutes apart for a quarter of an hour only."""
Whole = Annotated[int, Field(le=LARGEST_INT)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]

SASL_PLAINTEXT = (
    "kafka.security_protocol SASL_PLAINTEXT sends login and posts without encryption: set it to SASL_SSL, and "
    "kafka.ssl_cafile"
)
FOLLOWS_INCOMPLETE = (
    "follow events are read, but graph features are missing: set state.follows_complete_from to the time from which "
    "the topic has every follow"
)
"""Warning about settings that name a topic of follows only."""
