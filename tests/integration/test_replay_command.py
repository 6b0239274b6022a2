"""`moderation replay` on both databases: what changes with another risk model, and against whose verdict."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from connectors.reviewdb.store import ReviewStore
from moderation.cli import build_app, db
from moderation.effects import Assessment, AuditSample, Effects
from moderation.errors import BundleError, SettingsError
from moderation.features import FEATURES_VERSION
from moderation.features.catalogue import FEATURES
from moderation.risk.bundle import SHIPPED, read_bundle
from tests.contract.samples import evidence, flag, label, partition, sample
from tests.integration.test_flags_command import run

EXTREME = {
    "content_evidence": 12.0,
    "content_mean": 6.0,
    "content_scored": 12.0,
    "network_accounts_1h": 60.0,
    "network_accounts_24h": 80.0,
    "network_new_account_share_24h": 1.0,
    "network_posts_1h": 120.0,
    "network_accounts_vs_kind": 5.0,
    "account_age_days": 0.5,
    "account_posts_1h": 8.0,
    "account_posts_24h": 12.0,
    "account_has_bio": 0.0,
    "account_has_avatar": 0.0,
    "account_follow_ratio": -2.0,
    "graph_out_degree": 12.0,
    "graph_in_degree": 12.0,
    "graph_reciprocity": 1.0,
    "graph_clustering": 1.0,
}
"""A new account among many on one address, whose texts all read like a machine's."""


def values(known: dict[str, float]) -> tuple[float | None, ...]:
    return tuple(known.get(feature.name) for feature in FEATURES)


def stored(post_id: str, known: dict[str, float], **changes: Any) -> dict[str, Any]:
    versions = {"features_version": FEATURES_VERSION, "detector_version": read_bundle(SHIPPED).detector_hash}
    return {"post_id": post_id, "account_id": f"author of {post_id}", "features": values(known), **versions, **changes}


@pytest.fixture
def database(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[ReviewStore]:
    """Flags of posts with and without unusual values, audit samples of both, and verdicts of people."""
    monkeypatch.setenv("MODERATION_DATABASE_URL", database_url)
    run(db.app, "upgrade")
    store = ReviewStore(database_url)
    flags = [
        flag(**stored("kept", EXTREME)),
        flag(**stored("dropped", {})),
        flag(**stored("old", EXTREME, features_version="another")),
    ]
    missed: Assessment = sample("missed").assessment
    missed = replace(missed, **stored("missed", EXTREME), flagged=False, risk=0.2)
    labels = [
        label("e1", "dropped", "author of dropped"),
        replace(label("e2", "missed", "author of missed"), verdict="not_a_violation"),
    ]
    effects = Effects(flags=flags, audit_samples=[AuditSample(missed, evidence(), 0.1, "all")], labels=labels)
    store.commit(store.claim("main", "one", [partition()]), effects)
    yield store
    store.close()


def test_replay_lists_changed_decisions_and_the_verdicts_they_contradict(database: ReviewStore, tmp_path: Path) -> None:
    out = tmp_path / "flips.jsonl"
    shown = run(build_app(), "replay", "--risk", str(SHIPPED), "--out", str(out)).output
    assert "3 stored assessments judged again; 1 cannot be: of other models" in shown
    assert "2 flags: 1 are flags of this model too" in shown
    assert "1 audited posts without a flag: 1 are flags of this model, which stand for about 10 posts" in shown
    assert "verdicts of people: 2; contradicted by the stored decisions: 0, by this model: 2" in shown
    flips = {flip["post_id"]: flip for flip in map(json.loads, out.read_text(encoding="utf-8").splitlines())}
    assert set(flips) == {"dropped", "missed"}
    assert flips["missed"]["newly_flagged"]
    assert flips["missed"]["new_risk"] > flips["dropped"]["new_risk"]
    assert "post dropped of author of dropped: flagged -> not flagged, risk 0.9700 -> 0.0" in shown
    assert "a person: confirmed (contradicted)" in shown


def test_replay_prints_as_many_changes_as_asked_and_says_how_many_are_left(database: ReviewStore) -> None:
    shown = run(build_app(), "replay", "--risk", str(SHIPPED), "--show", "1").output
    assert shown.count("flagged ->") == 1
    assert "1 more; --show prints more, --out writes all" in shown


def test_replay_uses_the_threshold_of_the_scoring_policy_of_the_settings(
    database: ReviewStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = Path(shutil.copytree(SHIPPED, tmp_path / "bundle"))
    manifest = json.loads((bundle / "manifest.json").read_text("utf-8"))
    del manifest["policies"]["all"]
    (bundle / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    monkeypatch.setenv("MODERATION_SCORING__POLICY", "selective")
    assert "3 stored assessments judged again" in run(build_app(), "replay", "--risk", str(bundle)).output
    with pytest.raises(BundleError, match=r'no threshold for scoring\.policy = "all"'):
        run(build_app(), "replay", "--risk", str(bundle), "--policy", "all")


def test_replay_refuses_what_is_no_bundle_and_no_policy(database: ReviewStore, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"Cannot read manifest\.json"):
        run(build_app(), "replay", "--risk", str(tmp_path))
    nowhere = str(tmp_path / "none" / "flips.jsonl")
    with pytest.raises(SettingsError, match="cannot write"):
        run(build_app(), "replay", "--risk", str(SHIPPED), "--out", nowhere)
    with pytest.raises(SettingsError, match="--policy must be one of all, selective, got some"):
        run(build_app(), "replay", "--risk", str(SHIPPED), "--policy", "some")
