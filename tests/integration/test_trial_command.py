"""`moderation trial` on both databases: what the model on trial flags beside the live one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from connectors.reviewdb.store import ReviewStore
from moderation.cli import build_app, db
from moderation.effects import Assessment, Effects
from moderation.errors import SettingsError
from moderation.risk.bundle import SHIPPED, read_bundle
from tests.contract.samples import assessment, flag, partition
from tests.integration.test_flags_command import run


def on_trial(post_id: str, account: str, **changes: Any) -> Assessment:
    version = read_bundle(SHIPPED).manifest_hash
    return assessment(post_id, account_id=account, risk_version=version, **changes)


@pytest.fixture
def database(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[ReviewStore]:
    """Accounts of which the live model flags three, and the one on trial two."""
    monkeypatch.setenv("MODERATION_DATABASE_URL", database_url)
    run(db.app, "upgrade")
    store = ReviewStore(database_url)
    compared = [
        on_trial("p1", "a", flagged=True),
        on_trial("p2", "b", flagged=False),
        on_trial("p3", "c", flagged=False),
        on_trial("p4", "d", flagged=True),
        assessment("p4", account_id="d", flagged=False),
    ]
    flags = [flag(post, account_id=account) for post, account in (("p1", "a"), ("p2", "b"), ("p3", "c"))]
    store.commit(store.claim("main", "one", [partition()]), Effects(flags=flags, compared=compared))
    yield store
    store.close()


def rows(shown: str) -> dict[str, list[int]]:
    named = ("both models", "only the live model", "only the model on trial")
    return {name: [int(word) for word in line.removeprefix(name).split()] for name in named
            for line in shown.splitlines() if line.startswith(name)}  # fmt: skip


def test_trial_counts_by_who_flags_and_by_what_people_decided(database: ReviewStore) -> None:
    who = ("--who", "ann", "--role", "reviewer", "--version", "0")
    run(build_app(), "flags", "decide", "2", *who, "--verdict", "not_a_violation", "--ground", "a person")
    shown = run(build_app(), "trial", "--risk", str(SHIPPED)).output
    assert rows(shown) == {
        "both models": [1, 0, 0],
        "only the live model": [2, 0, 1],
        "only the model on trial": [1, 0, 0],
    }


def test_trial_needs_a_bundle(database: ReviewStore) -> None:
    with pytest.raises(SettingsError, match=r"set trial\.risk, or name the directory with --risk"):
        run(build_app(), "trial")


def test_trial_of_a_bundle_without_posts_says_so(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODERATION_DATABASE_URL", database_url)
    run(db.app, "upgrade")
    assert "no post was flagged by it" in run(build_app(), "trial", "--risk", str(SHIPPED)).output
