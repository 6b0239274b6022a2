"""Fixed-size identities of rows whose parts are untrusted."""

from __future__ import annotations

import hashlib

from moderation.effects import Assessment, Origin, Partition

DIGEST_CHARS = 64


def digest(*parts: str | int) -> str:
    """Return the SHA-256 of the parts, each with its length as prefix, in hex (64 characters).

    The encoding of the parts is unique. Index rows have a fixed size: PostgreSQL refuses index rows beyond 2 704 bytes,
    which an id of 512 four-byte characters almost reaches.
    """
    state = hashlib.sha256()
    for part in parts:
        data = str(part).encode("utf-8", "surrogatepass")
        state.update(len(data).to_bytes(8, "big"))
        state.update(data)
    return state.hexdigest()


def post_key(platform_id: str, account_id: str | None, post_id: str) -> str:
    """Return the identity of a post, for any text. A post id is unique only within its account."""
    return digest("post", platform_id, *_parts(account_id), post_id)


def post_id_key(platform_id: str, post_id: str) -> str:
    """Return the identity of a post id on a platform, which posts of several accounts can share."""
    return digest("post id", platform_id, post_id)


def account_key(platform_id: str, account_id: str) -> str:
    """Return the identity of an account."""
    return digest("account", platform_id, account_id)


def flag_key(platform_id: str, account_id: str | None, post_id: str, content_hash: str) -> str:
    """Return the identity of a flag: one post with one text."""
    return digest("flag", platform_id, *_parts(account_id), post_id, content_hash)


def assessment_key(assessment: Assessment) -> str:
    """Return the identity of an assessment: one post with one text, judged by one set of models."""
    return digest(
        "assessment",
        assessment.platform_id,
        *_parts(assessment.account_id),
        assessment.post_id,
        assessment.content_hash,
        assessment.features_version,
        assessment.detector_version,
        assessment.risk_version,
    )


def partition_key(pipeline: str, partition: Partition) -> str:
    """Return the identity of a ledger row: a recreated topic has another topic id and therefore another row."""
    return digest("ledger", pipeline, partition.cluster_id, partition.topic, partition.topic_id, partition.partition)


def origin_key(origin: Origin) -> str:
    """Return the identity of a record in a log."""
    where = origin.partition
    return digest("origin", where.cluster_id, where.topic, where.topic_id, where.partition, origin.offset)


def _parts(account_id: str | None) -> tuple[str, ...]:
    """Return the account as parts of a digest: none and an empty id differ in the number of parts."""
    return () if account_id is None else (account_id,)


def stored_number(number: int) -> int:
    """Return an account number of the state (`state/identifiers.py`) as the databases store it: 64 bits with a sign."""
    return number - (1 << 64) if number >= 1 << 63 else number
