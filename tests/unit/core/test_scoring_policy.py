"""Selective scoring reads few texts and records the rule that chose each."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from moderation.effects import Origin, Partition
from moderation.events import Account, Post
from moderation.state import PlatformState
from moderation.stream.audit import AuditSampling
from moderation.stream.ordering import Item
from moderation.stream.pipeline import Outcome
from moderation.stream.scoring_policy import ScoreSelected
from tests.unit.core.doubles import KEYRING, WordDetector, new_pipeline, new_state

START = datetime(2026, 1, 5, tzinfo=UTC)
NO_SAMPLE = AuditSampling(b"k" * 32, rate=0.0, flagged_rate=0.0)


def items(*posts: tuple[str, float]) -> list[Item]:
    """Posts by account and hour."""
    made = []
    for number, (account, hours) in enumerate(posts):
        at = START + timedelta(hours=hours)
        post = Post(post_id=f"p{number}", text=f"A walk {number}.", account_id=account, created_at=at)
        made.append(Item(Origin(Partition("c", "posts", "t", 0), number), post))
    return made


def selected(state: PlatformState, some: list[Item], sample: AuditSampling = NO_SAMPLE) -> tuple[Outcome, list[str]]:
    detector = WordDetector()
    pipeline = new_pipeline(state, sample, detector, ScoreSelected("p", state, sample))
    return pipeline.process(some), detector.texts


def rules(outcome: Outcome) -> list[str | None]:
    return [one.scored_by for one in outcome.assessments if one is not None]


def test_posts_with_usual_metadata_are_not_scored() -> None:
    outcome, texts = selected(new_state(), items(("a", 0), ("b", 1)))
    assert (rules(outcome), texts) == ([None, None], [])
    (first, _) = [one for one in outcome.assessments if one is not None]
    assert (first.content_abstained, first.synthetic_logit) == ("not_selected", None)
    assert "texts_scored" not in outcome.effects.counters


def test_a_post_whose_text_decides_and_later_ones_of_its_account_are_scored_for_14_days() -> None:
    burst = [("a", 0.1 * number) for number in range(3)]
    later = [("b", 5), ("a", 24), ("a", 24 * 13.9), ("a", 24 * 14.1)]
    outcome, texts = selected(new_state(), items(*burst, *later))
    assert rules(outcome) == [None, None, "decisive", None, "watched", "watched", None]
    assert texts == ["A walk 2.", "A walk 4.", "A walk 5."]
    assert outcome.effects.counters["texts_scored"] == 3


def test_the_sample_is_scored_whatever_its_metadata() -> None:
    some = items(*((f"a{number}", number) for number in range(300)))
    outcome, texts = selected(new_state(), some, AuditSampling(b"k" * 32, rate=0.1, flagged_rate=0.0))
    assert 12 <= len(texts) <= 50
    assert set(rules(outcome)) == {None, "sample"}
    drawn = {one.assessment.post_id for one in outcome.effects.audit_samples}
    assert drawn == {one.post_id for one in outcome.assessments if one is not None and one.scored_by == "sample"}


def test_a_share_of_settled_accounts_is_scored_for_baselines_and_is_no_evidence() -> None:
    old, young = START - timedelta(days=31), START - timedelta(days=29)
    some = items(*((f"a{number}", 0.001 * number) for number in range(1500)))
    for created, least in ((old, 10), (young, 0), (None, 0)):
        made = [
            replace(one, content=one.content.model_copy(update={"account": Account(created_at=created)}))  # type: ignore[union-attr]
            for one in some
        ]
        outcome, texts = selected(new_state(), made)
        assert least <= len(texts) <= 5 * least
        assert set(rules(outcome)) == ({None, "baseline"} if least else {None})
        assert all(one.families[0].score is None for one in outcome.assessments if one is not None)


def test_watched_accounts_are_in_the_saved_state(tmp_path: Path) -> None:
    state = new_state()
    state.keep_journal(tmp_path)
    selected(state, items(*(("a", 0.1 * number) for number in range(3))))
    state.save({})
    assert state.finish_saving()
    again = PlatformState(platform_id="p", keyring=KEYRING, graph_epoch_s=600)
    again.restore(tmp_path)
    assert rules(selected(again, items(("a", 48), ("b", 48)))[0]) == ["watched", None]
