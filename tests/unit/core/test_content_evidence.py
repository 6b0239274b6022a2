"""Evidence of texts relative to their community, as the pipeline computes it over days."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from moderation.effects import Assessment
from moderation.features.catalogue import COLUMN
from moderation.features.content import LEAST_VOTES, SHRINKAGE
from moderation.stream.scoring_policy import VOTING_AGE_DAYS
from tests.unit.core.doubles import ContentRisk, new_pipeline, new_state
from tests.unit.core.test_pipeline import item

START = datetime(2026, 1, 1, tzinfo=UTC)
OLD = {"created_at": "2020-01-01T00:00:00Z"}
AUTHORS = 2 * LEAST_VOTES


def post(number: int, day: float, **fields: Any) -> dict[str, Any]:
    """A machine-like text in the community 'news', by an account of its own, by default an old one."""
    at = (START + timedelta(days=day, seconds=number)).isoformat()
    given = {"post_id": f"p{number}-{day}", "account_id": f"a{number}", "created_at": at, "community": "news"}
    return {**given, "text": f"A robot wrote the notice {number}.", "account": OLD, **fields}


def judged(*events: dict[str, Any]) -> list[Assessment]:
    pipeline, found = new_pipeline(new_state()), list[Assessment | None]()
    for number, event in enumerate(events):
        found += pipeline.process([item(number, event)]).assessments
    return [one for one in found if one is not None]


def last(*events: dict[str, Any]) -> tuple[float | None, float | None]:
    """Evidence and excess of the community, of the last post."""
    features = judged(*events)[-1].features
    return features[COLUMN["content_evidence"]], features[COLUMN["content_community"]]


def test_an_account_is_compared_to_the_others_of_its_community_from_the_second_day_on() -> None:
    earlier = [post(number, 0) for number in range(AUTHORS)]
    most = ContentRisk.content_baseline.most_excused
    assert most < 4.0 * AUTHORS / (AUTHORS + SHRINKAGE)
    evidence, excess = last(*earlier, post(99, 2))
    assert (evidence, excess) == (pytest.approx(4.0 - most), most)
    assert last(*earlier, post(99, 1)) == (pytest.approx(4.0), None)
    assert last(*earlier, post(99, 2, community="chess")) == (pytest.approx(4.0), None)


def test_accounts_that_are_new_or_of_unknown_age_make_no_baseline() -> None:
    young = {"created_at": (START - timedelta(days=VOTING_AGE_DAYS - 1)).isoformat()}
    for account in (young, None):
        earlier = [post(number, 0, account=account) for number in range(AUTHORS)]
        assert last(*earlier, post(99, 2)) == (pytest.approx(4.0), None)


def test_accounts_with_unusual_metadata_make_no_baseline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ContentRisk, "usual", lambda _self, scores: scores[:, 1] > 1e9)
    earlier = [post(number, 0) for number in range(AUTHORS)]
    assert last(*earlier, post(99, 2)) == (pytest.approx(4.0), None)


def test_without_a_community_posts_are_compared_by_surface() -> None:
    earlier = [post(number, 0, community=None, surface="title") for number in range(AUTHORS)]
    most = ContentRisk.content_baseline.most_excused
    assert last(*earlier, post(99, 2, community=None, surface="title"))[1] == most
    assert last(*earlier, post(99, 2, community=None, surface="comment"))[1] is None


def test_how_events_are_cut_into_batches_changes_nothing() -> None:
    events = [post(number, day) for day in (0, 1, 2) for number in range(AUTHORS)]
    pipeline = new_pipeline(new_state())
    together = pipeline.process([item(number, event) for number, event in enumerate(events)]).assessments
    assert [one.features for one in together if one is not None] == [one.features for one in judged(*events)]


def test_a_repeated_text_counts_once_although_its_community_changes() -> None:
    def of_day(day: int) -> list[dict[str, Any]]:
        others = [post(number, day, text=f"A robot wrote {number % (day + 2)}.") for number in range(AUTHORS)]
        return [*others, post(99, day + 0.5, account_id="same", text="A robot says hello.")]

    events = [event for day in range(8) for event in of_day(day)]
    features = judged(*events)[-1].features
    assert features[COLUMN["content_scored"]] == 1.0
