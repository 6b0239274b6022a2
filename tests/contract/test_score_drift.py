"""The drift of text scores, from the audit sample."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from sqlalchemy import Engine, insert

from connectors.reviewdb.models import AssessmentRow, AuditSampleRow
from connectors.reviewdb.rows import assessment_row
from connectors.reviewdb.store import ReviewStore
from moderation.review.drift import LEAST, score_drift, stability_index
from tests.contract.samples import assessment

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def test_the_index_of_equal_samples_is_zero_and_grows_with_the_distance() -> None:
    rng = np.random.default_rng(1)
    reference = rng.normal(size=20_000)
    near, far = (stability_index(reference, rng.normal(shift, size=20_000)) for shift in (0.0, 1.0))
    assert near < 0.01
    # For two normal distributions with a distance of one standard deviation it is near 1, by ten bins a little less.
    assert far == pytest.approx(0.95, abs=0.1)


def test_missing_scores_are_a_bin_of_their_own() -> None:
    reference = np.arange(1000.0)
    half_missing = np.where(reference % 2 == 0, np.nan, reference)
    assert stability_index(reference, half_missing) > 1.0
    nothing = np.full(10, np.nan)
    assert stability_index(nothing, nothing) == 0.0


def test_a_sample_where_all_scores_are_one_value_has_an_index() -> None:
    assert stability_index(np.zeros(500), np.ones(500)) == 0.0
    assert stability_index(np.zeros(500), -np.ones(500)) > 1.0


@pytest.fixture
def sampled(migrated_url: str) -> Iterator[Engine]:
    """Two strata with enough posts, one of which moved; one with few posts; and a former detector's scores."""
    rows = [
        (stratum, day, logit, "new")
        for stratum, moved in (("moved", 3.0), ("same", 0.0))
        for day in (3, 20)
        for logit in np.linspace(-1, 1, LEAST) + (moved if day == 3 else 0.0)
    ]
    rows += [("few", 3, 0.0, "new")] * 5
    rows += [("same", 21, 50.0, "old")] * LEAST
    judged, drawn = [], []
    for number, (stratum, day, logit, version) in enumerate(rows):
        at = NOW - timedelta(days=day)
        one = assessment(f"p{number}", synthetic_logit=float(logit), detector_version=version, flagged=False)
        judged.append(assessment_row(one, at))
        keys = {"flag_key": judged[-1]["flag_key"], "assessment_key": judged[-1]["key"]}
        drawn.append(keys | {"probability": 0.1, "stratum": stratum, "drawn_at": at})
    store = ReviewStore(migrated_url)
    with store.engine.begin() as connection:
        connection.execute(insert(AssessmentRow), judged)
        connection.execute(insert(AuditSampleRow), drawn)
    yield store.engine
    store.close()


def test_strata_with_enough_posts_of_the_present_detector_are_compared(sampled: Engine) -> None:
    moved, same = score_drift(sampled, NOW)
    assert (moved.stratum, moved.current, moved.reference) == ("moved", LEAST, LEAST)
    assert moved.psi > 1.0
    assert (same.stratum, same.reference) == ("same", LEAST)
    assert same.psi < 0.05
