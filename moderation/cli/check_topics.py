"""The topics in `moderation check`: decodes some real records as the sidecar does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from moderation.errors import InputError
from moderation.events import BadRecord, Post

if TYPE_CHECKING:
    from moderation.effects import Origin
    from moderation.settings import Settings
    from moderation.stream.assembly import Decoder

RECORDS = 100
TIMEOUT_S = 10.0
LEAST_POSTS = 20
"""Minimum number of posts for a warning about a shared address."""
SHARED = 0.5


def describe_topic(settings: Settings, topic: str) -> str:
    """Read the latest records of a topic and describe them. Raises ModerationError where none can be decoded."""
    from connectors.kafka_connection import describe_partitions
    from connectors.kafka_sample import sample_topic
    from moderation.app import topic_kinds
    from moderation.stream.assembly import Decoder

    partitions = describe_partitions(settings.kafka, [topic])
    sample = sample_topic(settings.kafka, partitions, records=RECORDS, timeout_s=TIMEOUT_S)
    size = f"{len(partitions)} partitions, {sample.offsets} offsets"
    if not sample.records:
        return f"{size}; {'no records' if sample.complete else f'no record in {TIMEOUT_S:g} s'}"
    decoder = Decoder(topic_kinds(settings), settings.field_mapping())
    if settings.state.backend == "redis":
        require_keyed(decoder, sample.records)
    return f"{size}; {describe_records(decoder, sample.records)}"


def describe_sharing(settings: Settings) -> str:
    """Return how many sidecars can share the topics, or why they cannot."""
    from connectors.kafka_connection import describe_partitions
    from moderation.app import topic_kinds
    from moderation.stream.slots import Slots

    partitions = describe_partitions(settings.kafka, settings.kafka.topics().values())
    slots = Slots(partitions, topic_kinds(settings), settings.kafka.follows)
    if slots.why_not_shared is not None:
        return f"one sidecar reads all partitions, others wait for it: {slots.why_not_shared}"
    return f"up to {slots.number} sidecars share the partitions"


def require_keyed(decoder: Decoder, records: Sequence[Origin]) -> None:
    """Raise InputError where the posts of an account are in several partitions, which sidecars cannot share."""
    partitions: dict[str, int] = {}
    for origin in records:
        content, number = decoder.item(origin).content, origin.partition.partition
        account = content.account_id if isinstance(content, Post) else None
        if account is not None and partitions.setdefault(account, number) != number:
            raise InputError(
                f"posts of one account are in the partitions {partitions[account]} and {number} of "
                f"{origin.partition.topic}; sidecars that share a pipeline need all posts of an account in one: "
                'produce them with the account id as key, or set state.backend = "disk"'
            )


def describe_records(decoder: Decoder, records: Sequence[Origin]) -> str:
    """Return a description of the decoded records. Raises InputError where all become dead letters."""
    contents = [decoder.item(origin).content for origin in records]
    bad = [content for content in contents if isinstance(content, BadRecord)]
    kinds = Counter(type(content).__name__.lower() for content in contents if not isinstance(content, BadRecord))
    unreadable = sum(content.stage == "record" for content in bad)
    found = [f"{count} as {kind}" for kind, count in sorted(kinds.items())]
    if bad:
        found.append(f"{len(bad)} dead letters, the first: {bad[0].reason}")
    text = f"latest {len(records)} records, {len(records) - unreadable} readable: {', '.join(found)}"
    if len(bad) == len(records):
        raise InputError(f"{text}. Correct the topic or its mapping in the settings")
    posts = [content for content in contents if isinstance(content, Post)]
    warnings = (unjudged(posts), shared_address(posts))
    return "\n".join((text, *(warning for warning in warnings if warning is not None)))


def unjudged(posts: Sequence[Post]) -> str | None:
    """Return a warning where posts lack what a judgement needs."""
    lacking = sum(not post.judgeable for post in posts)
    if not lacking:
        return None
    return (
        f"warning: {lacking} of {len(posts)} posts have no account_id or no valid created_at, so that they are scored "
        "and never flagged; `moderation events check --topic` shows why"
    )


def shared_address(posts: Sequence[Post]) -> str | None:
    """Return a warning where most posts have the same address, which is probably that of a proxy."""
    addresses = Counter(str(post.client.ip) for post in posts if post.client is not None and post.client.ip is not None)
    if addresses.total() < LEAST_POSTS:
        return None
    most = addresses.most_common(1)[0][1]
    if most <= SHARED * addresses.total():
        return None
    return (
        f"warning: {most} of {addresses.total()} posts share one address (client.ip). If it is the address of a proxy, "
        "map client.ip to the address of the author's device: accounts on one address count as one group"
    )
