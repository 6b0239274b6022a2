"""Deletions start the clock whenever they come; evidence goes when its time has come or an account is erased."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo

import pytest

from connectors.reviewdb.retention import Erased, erase_account, expire
from connectors.reviewdb.store import ReviewStore
from moderation.effects import Effects
from moderation.review.queries import FlagDetail, FlagFilter, list_flags, show_flag
from tests.contract.samples import PLATFORM, deletion, flag, partition

GONE = (datetime.now(UTC) - timedelta(days=5)).replace(microsecond=0)
KEEP = timedelta(days=30)


@pytest.fixture
def store(migrated_url: str) -> Iterator[ReviewStore]:
    """A store that keeps evidence for 30 days."""
    store = ReviewStore(migrated_url, evidence_days=30)
    yield store
    store.close()


def only_flag(store: ReviewStore, post_id: str = "p1") -> FlagDetail:
    """The flag of a post."""
    (summary,) = list_flags(store.engine, FlagFilter(post_id=post_id))
    return show_flag(store.engine, summary.id)


@pytest.mark.parametrize("order", ["deletion first", "flag first", "together", "flag twice"])
def test_a_deletion_marks_the_flag_whichever_comes_first(store: ReviewStore, order: str) -> None:
    claim = store.claim("main", "one", [partition()])
    flagged, deleted = Effects(flags=[flag(), flag("p2")]), Effects(deletions=[deletion("p1", GONE)])
    batches = {
        "deletion first": [deleted, flagged],
        "flag first": [flagged, deleted],
        "together": [Effects(flags=flagged.flags, deletions=deleted.deletions)],
        "flag twice": [flagged, deleted, flagged, deleted],
    }[order]
    for effects in batches:
        store.commit(claim, effects)
    found = only_flag(store)
    assert (found.summary.deleted_at, found.summary.retain_until) == (GONE, GONE + KEEP)
    assert found.evidence is not None
    assert found.evidence.expires_at == GONE + KEEP
    other = only_flag(store, "p2")
    assert (other.summary.deleted_at, other.summary.retain_until) == (None, None)
    assert other.evidence is not None
    assert other.evidence.expires_at > datetime.now(UTC) + KEEP - timedelta(minutes=1)
    assert [row.post_id for row in list_flags(store.engine, FlagFilter(deleted=True))] == ["p1"]
    assert [row.post_id for row in list_flags(store.engine, FlagFilter(deleted=False))] == ["p2"]


def test_a_deletion_never_keeps_evidence_longer(store: ReviewStore) -> None:
    claim = store.claim("main", "one", [partition()])
    store.commit(claim, Effects(flags=[flag()]))
    before = only_flag(store)
    store.commit(claim, Effects(deletions=[deletion("p1", datetime.now(UTC) + timedelta(minutes=4))]))
    after = only_flag(store)
    assert before.evidence is not None
    assert after.evidence is not None
    assert after.evidence.expires_at == before.evidence.expires_at


def test_expired_evidence_goes_and_the_flag_stays(store: ReviewStore) -> None:
    claim = store.claim("main", "one", [partition()])
    store.commit(claim, Effects(flags=[flag("p1"), flag("p2")], deletions=[deletion("p1", GONE)]))
    assert expire(store.engine, GONE + KEEP - timedelta(seconds=1), KEEP) == 0
    assert expire(store.engine, GONE + KEEP, KEEP) == 1
    assert only_flag(store, "p1").evidence is None
    assert only_flag(store, "p2").evidence is not None


def test_an_account_is_erased_and_no_other(store: ReviewStore) -> None:
    claim = store.claim("main", "one", [partition()])
    flags = [flag("p1"), flag("p2"), flag("p3", account_id="a2"), flag("p4", platform_id="other")]
    store.commit(claim, Effects(flags=flags))
    assert erase_account(store.engine, PLATFORM, "a1") == Erased(assessments=2, letters=0)
    kept = {
        flag.post_id for flag in list_flags(store.engine, FlagFilter()) if show_flag(store.engine, flag.id).evidence
    }
    assert kept == {"p3", "p4"}


class YearAhead(datetime):
    """A wrong clock of a host."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> YearAhead:
        """Return the time in a year."""
        return cls.fromtimestamp(datetime.now(UTC).timestamp() + 365 * 86_400, tz)


def test_a_sidecar_whose_host_is_a_year_ahead_deletes_no_evidence(
    store: ReviewStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.commit(store.claim("main", "one", [partition()]), Effects(flags=[flag()]))
    for module in ("store", "retention", "statements"):
        monkeypatch.setattr(f"connectors.reviewdb.{module}.datetime", YearAhead, raising=False)
    assert store.expire() == 0
    assert only_flag(store).evidence is not None
