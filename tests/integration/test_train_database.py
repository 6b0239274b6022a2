"""`moderation train --database` on a real PostgreSQL database, with decisions and blind verdicts of people."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Engine, select, update

from connectors.reviewdb.models import AssessmentRow, AuditSampleRow, FlagRow
from connectors.reviewdb.statements import table_of
from connectors.reviewdb.store import ReviewStore
from moderation.cli import build_app
from moderation.effects import Assessment, AuditSample, Effects, Evidence, FlagRaised
from moderation.errors import InputError
from moderation.features import FEATURES, FEATURES_VERSION
from moderation.features.catalogue import COLUMN
from moderation.ports import FeatureVersions
from moderation.review.blind_review import BlindVerdict, give_verdict
from moderation.review.decisions import ProposedDecision
from moderation.review.flag_decisions import decide
from moderation.review.judged_posts import judged_posts
from moderation.review.people import NewPerson, add_person
from moderation.review.permissions import Actor
from moderation.risk.bundle import read_bundle, read_manifest
from tests.contract.samples import PLATFORM, assessment, evidence, label, partition
from tests.integration.test_flags_command import run

START = datetime(2026, 3, 2, tzinfo=UTC)
MANIFEST, RISK = read_manifest(None)


def vector(rng: np.random.Generator, *, bought: bool) -> tuple[float | None, ...]:
    """Return the features of a post as this platform has them: bought accounts are young and share addresses."""
    values = {
        "content_evidence": rng.normal(3.0 if bought else 0.0, 1.0),
        "content_mean": rng.normal(1.5 if bought else 0.0, 0.7),
        "content_scored": float(rng.integers(1, 12)),
        "network_accounts_24h": float(rng.poisson(9 if bought else 1) + 1),
        "network_accounts_1h": float(rng.poisson(4 if bought else 0) + 1),
        "account_age_days": float(rng.lognormal(1.5 if bought else 5.5, 0.8)),
        "account_posts_24h": float(rng.poisson(6 if bought else 1) + 1),
    }
    found: list[float | None] = [None] * len(FEATURES)
    for name, value in values.items():
        found[COLUMN[name]] = float(value)
    return tuple(found)


def stored(rng: np.random.Generator, account: str, *, bought: bool, flagged: bool) -> Assessment:
    plain = assessment(f"post of {account}", account_id=account, flagged=flagged)
    return replace(
        plain,
        event_time=START + timedelta(hours=float(rng.uniform(0, 240))),
        content_hash=f"text of {account}",
        features=vector(rng, bought=bought),
        features_version=FEATURES_VERSION,
        detector_version=MANIFEST.detector_hash,
        risk_version=RISK,
        scored_by="all",
    )


def judged_where(assessment_of: Assessment) -> Evidence:
    """Return evidence with an address of the post's own: accounts on one address are in one step."""
    return replace(evidence(assessment_of.content_hash), address_hash=f"address of {assessment_of.post_id}")


@pytest.fixture
def reviewed(migrated_url: str) -> str:
    """160 flags of bought accounts and 30 of others, 300 drawn posts; people decided, and judged the sample blind."""
    rng = np.random.default_rng(5)
    store = ReviewStore(migrated_url)
    flags = [stored(rng, f"bought-{number}", bought=True, flagged=True) for number in range(160)]
    flags += [stored(rng, f"cleared-{number}", bought=False, flagged=True) for number in range(30)]
    drawn = [stored(rng, f"person-{number}", bought=False, flagged=False) for number in range(300)]
    effects = Effects(
        flags=[FlagRaised(one, judged_where(one)) for one in flags],
        audit_samples=[AuditSample(one, judged_where(one), 0.001, "unflagged") for one in drawn],
    )
    store.commit(store.claim("main", "one", [partition()]), effects)
    judge(store.engine)
    store.close()
    return migrated_url


def judge(engine: Engine) -> None:
    """Decide about every flag, and give a blind verdict about every post of the sample."""
    new = NewPerson("ben", "reviewer", "a long password of ours")
    ben = Actor(add_person(engine, new, by="test", now=START).id, "ben", "reviewer")
    flags, samples = table_of(FlagRow), table_of(AuditSampleRow)
    with engine.connect() as connection:
        raised = connection.execute(select(flags.c.id, flags.c.account_id)).all()
        items = connection.execute(select(samples.c.assessment_key)).scalars().all()
    for number, account in raised:
        verdict = "confirmed" if account.startswith("bought") else "not_a_violation"
        decide(engine, ProposedDecision(number, "ana", "reviewer", verdict, "the same words from new accounts", 0))
    for number, item in enumerate(items):
        verdict = "uncertain" if number % 20 == 0 else "not_a_violation"
        give_verdict(engine, ben, BlindVerdict(item, verdict), datetime.now(UTC))


def train(url: str, out: Path, *options: str) -> str:
    settings = out.parent / "sidecar.toml"
    settings.write_text(f'platform_id = "{PLATFORM}"\n' + "\n".join(options), encoding="utf-8")
    found = run(build_app(), "train", "--database", url, "--config", str(settings), "--small", "--out", str(out))
    return found.output


def scored_under_selective(url: str) -> None:
    """Store the posts as the other scoring policy would have."""
    store = ReviewStore(url)
    with store.engine.begin() as connection:
        connection.execute(update(AssessmentRow).values(scored_by="watched"))
    store.close()


def test_posts_of_another_scoring_policy_are_counted_and_left_out(migrated_url: str) -> None:
    rng = np.random.default_rng(7)
    store = ReviewStore(migrated_url)
    under_all = stored(rng, "one", bought=True, flagged=True)
    rules = {"two": "watched", "three": None}
    drawn = [replace(stored(rng, name, bought=False, flagged=False), scored_by=rule) for name, rule in rules.items()]
    of_others = replace(stored(rng, "four", bought=False, flagged=False), detector_version="other")
    effects = Effects(
        flags=[FlagRaised(under_all, judged_where(under_all))],
        audit_samples=[AuditSample(one, judged_where(one), 0.001, "unflagged") for one in (*drawn, of_others)],
        labels=[
            label(f"label {one.account_id}", account_id=one.account_id, post_id=one.post_id)
            for one in (under_all, *drawn, of_others)
        ],
    )
    store.commit(store.claim("main", "one", [partition()]), effects)
    found = {
        policy: judged_posts(
            store.engine, PLATFORM, FeatureVersions(FEATURES_VERSION, MANIFEST.detector_hash, frozenset([RISK]), policy)
        )
        for policy in ("all", "selective")
    }
    store.close()
    assert [(post.account_id, post.flagged) for post in found["all"].posts] == [("one", True)]
    assert (found["all"].of_other_versions, found["all"].of_other_policy) == (1, 2)
    assert {(post.account_id, post.flagged) for post in found["selective"].posts} == {("two", False), ("three", False)}
    assert (found["selective"].of_other_versions, found["selective"].of_other_policy) == (1, 1)


@pytest.mark.slow
@pytest.mark.parametrize("migrated_url", ["postgresql"], indirect=True)
def test_a_bundle_trained_on_decisions_finds_other_accounts_of_this_kind(reviewed: str, tmp_path: Path) -> None:
    shown = train(reviewed, tmp_path / "own")
    assert "490 posts with a verdict can be used; left out: 0 of other models" in shown
    assert "Not supported (n=" in shown
    assert "a rate of 1 in 10,000 needs at least 29,956 accounts" in " ".join(shown.split())
    model = read_bundle(tmp_path / "own")
    certificate = model.certified.certificate
    assert 0 < certificate.accounts < 300, "only posts of the sample certify"
    assert not certificate.simulated
    assert model.manifest.content_baseline == MANIFEST.content_baseline, (
        "the stored content features are relative to it"
    )
    assert set(model.manifest.policies) == {"all"}
    rng = np.random.default_rng(6)
    others = np.array([vector(rng, bought=number < 200) for number in range(600)], dtype=np.float64)
    flagged = np.array([one.flagged for one in model.assess(others)])
    assert flagged[:200].mean() > 0.5
    assert flagged[200:].mean() < 0.01
    scored_under_selective(reviewed)
    again = train(reviewed, tmp_path / "next", f'risk = "{tmp_path / "own"}"', '[scoring]\npolicy = "selective"')
    assert "490 posts with a verdict can be used; left out: 0" in again, (
        "the next bundle reads what the one before judged"
    )
    following = read_bundle(tmp_path / "next", policy="selective")
    assert set(following.manifest.policies) == {"selective"}
    assert following.text_decides(following.metadata_scores(others))[:200].mean() > 0.5


def test_train_on_a_database_without_verdicts_says_what_is_missing(migrated_url: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'train' has 0 accounts that reviewers confirmed, training needs 20"):
        train(migrated_url, tmp_path / "own")
    with pytest.raises(InputError, match="--database trains on your own accounts: remove --data"):
        run(build_app(), "train", "--database", migrated_url, "--data", str(tmp_path), "--out", str(tmp_path / "own"))
