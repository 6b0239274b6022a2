"""All places that hold evidence: texts, addresses and devices, and values computed from them.

Every column of the review database is either in one of these places or in `NO_EVIDENCE`; a test refuses a column that
is in neither, and looks for an erased account's evidence in every table. docs/privacy.md prints the list.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """One place: a table of the review database, or something outside it."""

    name: str
    columns: tuple[str, ...]
    """Columns of the table, or fields of the manifest of the saved state; empty for places of another form."""
    holds: str
    erasure: str
    """What `moderation flags erase` does."""
    kept: str
    """How long it is kept otherwise."""


EVIDENCE_TABLES = (
    Place(
        "evidence",
        ("text", "features", "address_hash", "device_hash", "key_id", "band_0", "band_1", "band_2", "band_3"),
        "texts with hashes of their words, feature vectors, keyed hashes of addresses and devices",
        "deletes the rows; evidence of posts up to the erasure is never stored again",
        "`evidence_days`, counted from a deletion of the post where that is earlier",
    ),
    Place(
        "followed",
        ("number", "mutual", "flagged_before"),
        "64-bit hashes of at most 20 accounts that an account followed when it was flagged last, and whether they "
        "had a flag",
        "deletes the rows of the account, and those of other accounts that name it; it is never stored there again",
        "`evidence_days` after the last flag",
    ),
    Place(
        "outbox",
        ("record_key", "record_value", "record_headers", "reason"),
        "complete records that could not be decoded, until they are relayed",
        "empties letters of the account, and letters of unknown accounts that contain its id",
        "until relayed, at most `evidence_days`",
    ),
    Place(
        "audit_log",
        ("details", "salt"),
        "what reviewers did with an account, with their words",
        "empties both columns in the entries about the account; the chain of digests stays complete",
        "as long as the database",
    ),
    Place("skips", ("reason",), "why a reviewer skipped an account", "empties the reasons", "as long as the database"),
    Place(
        "appeals", ("statement",), "what authors wrote in appeals", "empties the statements", "as long as the database"
    ),
    Place(
        "accounts_in_review",
        ("held_reason", "escalated_reason"),
        "why a reviewer holds an account or asks a senior",
        "empties the reasons",
        "until the hold ends or the next decision",
    ),
    Place("notes", ("text",), "the note of reviewers on an account", "deletes the note", "as long as the database"),
)
"""Tables with evidence. Erasure and expiry reach all of these."""

STATE = Place(
    "state in memory, in `state.directory` and on Redis",
    ("segments", "graph_files"),
    "64-bit hashes of account ids, post ids and texts, with keyed hashes of addresses and devices; scores of an "
    "account's last 16 texts, and of one text a day as a sample of its community; keys of texts, links, mentions and "
    "hashtags, and which accounts posted the same; who follows whom",
    "nothing; with `--state`, while no sidecar runs, removes all rows of the account",
    "25 hours of event time, what was posted 2 hours, the accounts that posted the same 8 days, "
    "scores 14 days, those of communities 17, up to 2 hours longer in the journal; with the disk backend "
    "up to 50 hours, on Redis up to 60, accounts that posted the same up to 14 days, "
    "scores up to 28 days, those of communities up to 32; follows until they end",
)

OUTSIDE = (
    STATE,
    Place(
        "scores in memory",
        (),
        "hashes and scores of the texts that were scored last, without accounts",
        "nothing",
        "until the process ends or newer texts take their place",
    ),
    Place(
        "words in memory",
        (),
        "words of up to 24 letters of the texts that were read last, without accounts and texts",
        "nothing",
        "until the process ends or newer words take their place",
    ),
    Place(
        "addresses in memory",
        (),
        "the addresses that were looked up last in `mapping.network_database`, in plain form",
        "nothing",
        "until the process ends or newer addresses take their place",
    ),
    Place(
        "topic of decisions",
        (),
        "verdicts with the ids of accounts and posts, where `kafka.decisions_topic` is set",
        "nothing",
        "`retention.ms` of the topic",
    ),
    Place("topics of dead letters", (), "relayed records", "nothing", "`retention.ms` of the topic"),
    Place("files of rejected lines", (), "rejected records of `run --input` and `score`", "nothing", "until deleted"),
    Place("files that `score` writes", (), "post ids, scores and reasons", "nothing", "until deleted"),
    Place(
        "files of `vectors export` and `spark`",
        (),
        "ids of accounts and posts with feature vectors, risks, scores and verdicts; for each graph epoch, 64-bit "
        "hashes of account ids with their figures",
        "nothing",
        "until deleted",
    ),
    Place("your Kafka topics", (), "the events themselves", "nothing", "`retention.ms` of the topics"),
)
"""Places outside the review database: what remains there after an erasure, and for how long."""

PLACES = (*EVIDENCE_TABLES, *OUTSIDE)

NO_EVIDENCE: dict[str, frozenset[str]] = {
    # Judgements: ids, the hash of the text, scores, and reasons with values of features. They show what was judged.
    "assessments": frozenset(
        {"key", "flag_key", "post_id_key", "platform_id", "post_id", "content_hash", "account_id", "event_time"}
        | {"synthetic_logit", "synthetic_score", "sections", "truncated", "risk", "threshold", "flagged", "families"}
        | {"agreeing", "reasons", "features_version", "detector_version", "risk_version", "graph_epoch", "degraded"}
        | {"missing", "scored_by", "content_abstained", "recorded_at"}
    ),
    "evidence": frozenset({"assessment_key", "post_key", "account_key", "expires_at"}),
    "flags": frozenset(
        {"id", "key", "post_key", "account_key", "assessment_key", "platform_id", "post_id", "content_hash"}
        | {"account_id", "risk", "event_time", "raised_at", "deleted_at", "retain_until", "status", "version"}
    ),
    "deleted_posts": frozenset({"post_key", "platform_id", "post_id", "account_id", "deleted_at", "recorded_at"}),
    "erased_accounts": frozenset({"key", "erased_at", "number"}),
    "accounts_in_review": frozenset(
        {"key", "platform_id", "account_id", "opened_at", "open_flags", "risk", "waiting_since", "families"}
        | {"claimed_by", "claimed_until", "claimed_since", "held_by", "held_until", "top_assessment", "appeal_due_at"}
        | {"followers", "escalated_at", "escalated_by", "assigned_to", "disagreed_by", "number"}
    ),
    "followed": frozenset({"account_key", "expires_at"}),
    "notes": frozenset({"account_key", "person_id", "written_at"}),
    "first_verdicts": frozenset(
        {"account_key", "person_id", "verdict", "policy", "ground", "state", "seconds", "given_at"}
    ),
    "bulk_decisions": frozenset({"id", "person_id", "verdict", "account_keys", "decided_at", "withdrawn_at"}),
    # Statements are built without ids, texts and words of reviewers.
    "statements": frozenset({"puid", "account_key", "decision_id", "content", "built_at", "withdrawn_at"}),
    "blind_verdicts": frozenset(
        {"id", "assessment_key", "person_id", "kind", "verdict", "policy", "seconds", "given_at"}
    ),
    # The reason is a senior's own words about the threshold, not about an account.
    "threshold_raises": frozenset(
        {
            "id",
            "platform_id",
            "risk_version",
            "policy",
            "before",
            "threshold",
            "wrong",
            "judged",
            "raised_at",
            "ended_at",
            "ended_by",
            "reason",
        }
    ),
    "golden_items": frozenset({"assessment_key", "verdict", "person_id", "added_at"}),
    "people": frozenset(
        {"id", "key", "name", "role", "password_hash", "created_at", "disabled_at", "preferences", "oidc_key"}
    ),
    "sessions": frozenset({"token_digest", "person_id", "created_at", "expires_at", "revoked_at"}),
    "api_tokens": frozenset(
        {"id", "token_digest", "person_id", "name", "scopes", "created_at", "expires_at", "revoked_at"}
    ),
    "skips": frozenset({"account_key", "person_id", "skipped_at"}),
    "appeals": frozenset({"id", "account_key", "kind", "received_at", "due_at", "decided_at", "verdict"}),
    "visits": frozenset({"account_key", "person_id", "seen_at"}),
    "audit_log": frozenset({"id", "at", "actor", "action", "account_key", "details_digest", "digest"}),
    "audit_head": frozenset({"id", "last_id", "digest"}),
    "idempotency_keys": frozenset({"person_id", "key", "request_digest", "response", "created_at"}),
    # The ground is a reviewer's own words; docs/guides/operating.md asks reviewers not to quote texts there.
    "decisions": frozenset(
        {"id", "flag_id", "version", "who", "role", "decided_at", "verdict", "ground", "supersedes"}
        | {"seconds", "sent_at", "refused_reason", "policy"}
    ),
    "labels": frozenset(
        {"event_key", "platform_id", "post_id", "account_id", "post_key", "account_key", "verdict", "given_at"}
        | {"source", "recorded_at"}
    ),
    "audit_samples": frozenset({"flag_key", "assessment_key", "probability", "stratum", "drawn_at"}),
    "ledger": frozenset(
        {"key", "pipeline", "cluster_id", "topic", "topic_id", "partition", "position", "epoch", "owner", "updated_at"}
    ),
    "leases": frozenset({"key", "pipeline", "owner", "expires_at"}),
    "outbox": frozenset(
        {"id", "origin_key", "cluster_id", "topic", "topic_id", "partition", "offset", "timestamp_ms", "stage"}
        | {"recorded_at", "relayed_at", "refused_at", "refused_reason", "account_key", "erased_at"}
    ),
}
"""Columns that hold no evidence: identities, judgements, decisions and positions."""

STATE_WITHOUT_EVIDENCE = frozenset(
    {
        "format",
        "platform_id",
        "stored",
        "scored_with",
        "scores_known_from_ms",
        "key_started_ms",
        "graph_epoch_s",
        "watermark_ms",
        "late_events",
        "degraded_since_ms",
    }
    | {"follows_lost", "follows_refused", "first_follow_ms", "positions", "number"}
)
"""Fields of the manifest of the saved state that hold no evidence."""


def as_markdown() -> str:
    """Return the table of docs/privacy.md."""
    lines = ["| place | holds | `moderation flags erase` | kept |", "|---|---|---|---|"]
    for place in PLACES:
        name = f"table `{place.name}`" if place in EVIDENCE_TABLES else place.name
        lines.append(f"| {name} | {place.holds} | {place.erasure} | {place.kept} |")
    return "\n".join(lines) + "\n"
