"""A risk bundle trained on a platform's own events and the verdicts of its reviewers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from moderation.errors import InputError
from moderation.events.reading import RecordReader
from moderation.lab.risk.own_events import by_role, collect_events, confirmed_accounts, horizon, read_events
from moderation.lab.risk.training import scored, train_bundle
from moderation.mapping import FieldMapping
from moderation.offline import Moderator
from moderation.risk.bundle import read_bundle
from moderation.state import Coverage, Keyring, PlatformState
from tests.unit.risk.trained import WORDS, MadeUpDetector, Silent, tiny_recipe

START = datetime(2026, 3, 2, tzinfo=UTC)
EPOCH_S = 86_400


def posts_of(rng: np.random.Generator, account: str, *, bought: bool, address: str) -> Iterator[dict[str, Any]]:
    """Posts of one account over ten days; a bought one is new, posts every minute and says "indeed"."""
    begin = START + timedelta(hours=float(rng.uniform(0, 200)))
    for number in range(int(rng.integers(1, 7))):
        words = [str(word) for word in rng.choice(WORDS, 12)] + ["indeed"] * (2 * bought)
        age = timedelta(hours=5) if bought else timedelta(days=float(rng.uniform(30, 900)))
        yield {
            "type": "post",
            "post_id": f"{account}-{number}",
            "account_id": account,
            "text": " ".join(words) + f" {rng.integers(10**6)}",
            "created_at": (begin + number * timedelta(minutes=1 if bought else 300)).isoformat(),
            "client": {"ip": address},
            "account": {"created_at": (begin - age).isoformat()},
        }


def platform(seed: int, people: int = 500, bought: int = 150) -> list[dict[str, Any]]:
    """Events of people with an address each, and of bought accounts with one for five; reviewers confirm the latter."""
    rng = np.random.default_rng(seed)
    events: list[dict[str, Any]] = []
    for number in range(people):
        events += posts_of(rng, f"p{seed}-{number}", bought=False, address=f"9.1.{number // 250}.{number % 250}")
    for number in range(bought):
        own = list(posts_of(rng, f"b{seed}-{number}", bought=True, address=f"9.2.0.{number // 5}"))
        label = {"type": "label", "verdict": "confirmed", "source": "reviewers", "post_id": own[0]["post_id"]}
        events += [*own, {**label, "at": "2026-03-20T00:00:00Z"}]
    return events


def write(path: Path, events: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(event) + "\n" for event in events), encoding="utf-8")
    return path


def reader() -> RecordReader:
    return RecordReader(FieldMapping({}))


def test_a_bundle_trained_on_own_events_finds_other_accounts_of_this_kind(tmp_path: Path) -> None:
    items = read_events([write(tmp_path / "events.jsonl", platform(1))], reader())
    posts = collect_events(items, EPOCH_S, Coverage())
    recipe = horizon(posts, tiny_recipe())
    detector = MadeUpDetector()
    found = scored(by_role(posts), detector, Silent(), simulated=False, sources={"events": len(items)})
    train_bundle(found, detector.manifest_hash, recipe, tmp_path / "bundle", Silent())
    model = read_bundle(tmp_path / "bundle")
    assert not model.manifest.simulated
    assert "simulated" not in model.describe()
    assert model.certified.certificate.groups["general"].errors == 0
    assert (recipe.days, recipe.post_cap) == (10, 6)
    state = PlatformState(platform_id="other", keyring=Keyring.from_secrets(("k", b"k" * 32), None))
    others = sorted(
        (event for event in platform(2, 200, 60) if event["type"] == "post"), key=lambda event: event["created_at"]
    )
    flagged = {one.account_id for one in Moderator(detector, model, state).assess(others) if one.flagged}
    assert len([account for account in flagged if str(account).startswith("b")]) >= 20
    assert not [account for account in flagged if str(account).startswith("p")]


def test_accounts_on_one_address_are_in_one_step_and_no_account_is_lost(tmp_path: Path) -> None:
    items = read_events([write(tmp_path / "events.jsonl", platform(1))], reader())
    posts = collect_events(items, EPOCH_S, Coverage())
    parts = by_role(posts)
    accounts = [truth.account_id for part in parts.values() for truth in part.truth]
    assert sorted(accounts) == sorted(truth.account_id for truth in posts.truth)
    assert sum(len(part.account) for part in parts.values()) == len(posts.account)
    clusters = [set(part.cluster.tolist()) for part in parts.values()]
    assert sum(map(len, clusters)) == len(set.union(*clusters))


def test_the_latest_verdict_about_an_account_counts(tmp_path: Path) -> None:
    post = {"type": "post", "post_id": "1", "text": "A walk.", "created_at": "2026-03-02T00:00:00Z"}
    label = {"type": "label", "source": "reviewers"}
    events = [
        {**post, "account_id": "a"},
        {**post, "account_id": "b", "post_id": "2"},
        {**post, "account_id": "c", "post_id": "2"},
        {**label, "verdict": "confirmed", "post_id": "1", "at": "2026-03-03T00:00:00Z"},
        {**label, "verdict": "confirmed", "post_id": "2", "at": "2026-03-03T00:00:00Z"},
        {**label, "verdict": "confirmed", "account_id": "d", "at": "2026-03-03T00:00:00Z"},
        {**label, "verdict": "not_a_violation", "account_id": "d", "at": "2026-03-04T00:00:00Z"},
        {**label, "verdict": "uncertain", "account_id": "a", "at": "2026-03-05T00:00:00Z"},
    ]
    items = read_events([write(tmp_path / "events.jsonl", events)], reader())
    assert confirmed_accounts(items) == {"a"}, "a post id that two accounts share names neither"


def test_too_few_verdicts_and_unreadable_lines_are_refused(tmp_path: Path) -> None:
    items = read_events([write(tmp_path / "few.jsonl", platform(3, 80, 10))], reader())
    with pytest.raises(InputError, match="accounts that reviewers confirmed, training needs 20"):
        by_role(collect_events(items, EPOCH_S, Coverage()))
    (tmp_path / "bad.jsonl").write_text("{broken\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"Line 1 of .*bad\.jsonl cannot be read"):
        read_events([tmp_path / "bad.jsonl"], reader())
    with pytest.raises(InputError, match=r"Cannot read .*none"):
        read_events([tmp_path / "none.jsonl"], reader())
