"""For each alert: series with which it fires, and series with which it does not, in the notation of promtool."""

from __future__ import annotations

from dataclasses import dataclass

Series = dict[str, str]


@dataclass(frozen=True)
class AlertCase:
    """Series of one sample a minute, and the time at which the alert must have its state."""

    fires: Series
    silent: Series
    at: str = "2h"


def one(name: str, values: str) -> Series:
    """A single series."""
    return {name: values}


STARTED = 'process_start_time_seconds{instance="%s",job="any"}'
RUNS = 'moderation_build_info{instance="%s",job="any"}'
BUILD = 'moderation_build_info{certificate="%s"}'
WAITING = 'moderation_records_waiting_seconds{instance="a"}'
LAG = 'moderation_consumer_lag_records{topic="posts",partition="0"}'
FAST = 'moderation_post_latency_seconds_bucket{le="60.0"}'
ALL = 'moderation_post_latency_seconds_bucket{le="+Inf"}'
SLOW = 'moderation_post_latency_seconds_bucket{le="300.0"}'
POSTS = "moderation_posts_total"
LETTERS, EVENTS = 'moderation_dead_letters_total{reason="decode"}', 'moderation_events_total{kind="post"}'
UNJUDGED, CLEAR = 'moderation_posts_total{outcome="unjudged"}', 'moderation_posts_total{outcome="clear"}'
DEGRADED = 'moderation_degraded{reason="%s"}'
DECIDED, OVERTURNED = (f'moderation_review_{name}_total{{verdict="confirmed"}}' for name in ("decisions", "overturned"))
AGE = 'moderation_review_oldest_age_seconds{queue="%s",state="waiting"}'

CASES: dict[str, AlertCase] = {
    "ModerationSidecarMissing": AlertCase({}, one(BUILD % "certified for 0.0001", "1+0x200")),
    "ModerationRestarts": AlertCase(
        {STARTED % "a": "0+60x200", RUNS % "a": "1+0x200"},
        {STARTED % "a": "5+0x200", RUNS % "a": "1+0x200", STARTED % "of another program": "0+60x200"},
    ),
    "ModerationPartitionStuck": AlertCase(
        one(WAITING, "0+60x200"),
        one(WAITING, "150+0x200"),
    ),
    "ModerationLagGrows": AlertCase(one(LAG, "20000+10x200"), one(LAG, "40000-10x200")),
    "ModerationPostsWait": AlertCase(
        one("moderation_oldest_unscored_post_age_seconds", "1000+0x200"),
        one("moderation_oldest_unscored_post_age_seconds", "800+0x200"),
    ),
    "ModerationLatencyHigh": AlertCase(
        {FAST: "0+90x200", SLOW: "0+100x200", ALL: "0+100x200"},
        {FAST: "0+100x200", SLOW: "0+100x200", ALL: "0+100x200"},
    ),
    "ModerationNoPosts": AlertCase(
        {POSTS: "5+0x200", LAG: "0+0x200"},
        {POSTS: "5+0x200", LAG: "9+0x200"},
    ),
    "ModerationDeadLetters": AlertCase(
        {LETTERS: "0+2x200", EVENTS: "0+98x200"},
        {LETTERS: "0+0x200", EVENTS: "0+98x200"},
    ),
    "ModerationOutboxOld": AlertCase(
        one("moderation_outbox_oldest_age_seconds", "0+60x200"), one("moderation_outbox_oldest_age_seconds", "0+0x200")
    ),
    "ModerationUnjudged": AlertCase(
        {UNJUDGED: "0+30x200", CLEAR: "0+70x200"},
        {UNJUDGED: "0+10x200", CLEAR: "0+90x200"},
    ),
    "ModerationFlagStorm": AlertCase(
        one("moderation_flags_total", "0+0x1410 0+100x60"), one("moderation_flags_total", "0+100x1500"), at="24h"
    ),
    "ModerationFeaturesMissing": AlertCase(
        one(DEGRADED % "graph", "1+0x200"), {DEGRADED % "windows_24h": "1+0x200", DEGRADED % "graph": "0+0x200"}
    ),
    "ModerationGraphOld": AlertCase(
        one("moderation_graph_epoch_age_seconds", "260000+0x200"),
        one("moderation_graph_epoch_age_seconds", "90000+0x200"),
    ),
    "ModerationLateEvents": AlertCase(
        {"moderation_late_events_total": "0+10x200", EVENTS: "0+100x200"},
        {"moderation_late_events_total": "0+1x200", EVENTS: "0+100x200"},
    ),
    "ModerationNotCertified": AlertCase(
        one(BUILD % "not supported for 0.0001", "1+0x200"), one(BUILD % "certified for 0.0001", "1+0x200")
    ),
    "ModerationReviewLate": AlertCase(
        one(AGE % "open", "180000+0x200"), {AGE % "open": "90000+0x200", AGE % "appeals": "180000+0x200"}
    ),
    "ModerationAppealDue": AlertCase(one(AGE % "appeals", "130000+0x200"), one(AGE % "open", "130000+0x200")),
    "ModerationDecisionsOverturned": AlertCase(
        {DECIDED: "0+10x200", OVERTURNED: "0+2x200"},
        {DECIDED: "0+10x200", OVERTURNED: "0+0.5x200"},
    ),
    "ModerationScoresDrift": AlertCase(
        one('moderation_score_psi{stratum="a"}', "0.4+0x2000"),
        one('moderation_score_psi{stratum="a"}', "0.1+0x2000"),
        at="30h",
    ),
    "ModerationWrongFlags": AlertCase(
        one("moderation_live_fpr_upper_bound", "0.002+0x200"), one("moderation_live_fpr_upper_bound", "NaN+0x200")
    ),
}
