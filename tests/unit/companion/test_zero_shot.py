"""The zero-shot candidate learns from figures alone, keeps them, and is even about what it cannot read."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from typer.testing import CliRunner

from moderation.cli.detector import app
from moderation.detector.companion import FEATURES, Companion, load_companion
from moderation.detector.joined.rule import WEIGHED
from moderation.errors import InputError
from moderation.training.detector.kept_features import KeptFeatures
from moderation.training.detector.leave_out.catalogue import check_companion
from moderation.training.detector.leave_out.zero_shot import ZeroShot
from moderation.training.detector.rows import TextRow
from moderation.training.detector.zero_shot_fit import NOISE_TOKENS, alike, fit_zero_shot
from tests.unit.companion.checkpoints import TEXTS
from tests.unit.companion.counting import CountingCompanion


@pytest.fixture(scope="module")
def companion(companion_dir: Path) -> Companion:
    return load_companion(companion_dir, 1)


def _row(number: int, label: int, source: str = "ours", text: str = "") -> TextRow:
    return TextRow(str(number), source, label, "", text, "", "")


def test_figures_are_computed_once_and_survive_an_interruption(companion: Companion, tmp_path: Path) -> None:
    first, second = CountingCompanion(companion), CountingCompanion(companion)
    found = KeptFeatures(first, tmp_path).of([*TEXTS, TEXTS[0], "w270"])  # type: ignore[arg-type]
    assert first.asked == len(TEXTS) + 1
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:-20])
    kept = KeptFeatures(second, tmp_path)  # type: ignore[arg-type]
    again = kept.of([*TEXTS, TEXTS[0], "w270"])
    assert second.asked == 1
    np.testing.assert_array_equal(found, again)
    third = CountingCompanion(companion)
    np.testing.assert_array_equal(KeptFeatures(third, tmp_path).of(["w270"]), again[-1:])  # type: ignore[arg-type]
    assert third.asked == 0
    assert np.isnan(found[-1][:-1]).all()
    assert found[-1][-1] == 0  # tokens
    assert np.isfinite(found[:-1]).all()


def _fit(
    rows: Sequence[TextRow], features: NDArray[np.float64]
) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    return fit_zero_shot(rows, features, "rows of a test").values


def test_higher_scores_are_for_machines_and_missing_figures_stay_missing() -> None:
    rng = np.random.default_rng(2)
    rows = [_row(number, number % 2) for number in range(200)]
    features = rng.normal(size=(200, len(FEATURES))) + np.array([[row.label * 2.0] for row in rows])
    features[:, -1] = 500  # tokens
    features[7] = math.nan
    scores = _fit(rows, features)(features)
    labels = np.array([row.label for row in rows])
    assert np.nanmean(scores[labels == 1]) > 1 > -1 > scores[labels == 0].mean()
    assert np.isnan(scores).nonzero()[0].tolist() == [7]


def test_the_numbers_that_are_kept_score_as_scikit_learn_does() -> None:
    rng = np.random.default_rng(6)
    rows = [_row(number, number % 2, f"s{number % 3}") for number in range(300)]
    n_tokens = rng.integers(4, 300, size=(350, 1))
    figures = rng.normal(size=(350, len(WEIGHED))) * rng.uniform(0.1, 30, len(WEIGHED)) + rng.normal(size=len(WEIGHED))
    figures[300:] *= 3
    figures[:300, 0] += [row.label for row in rows]
    weights = alike(rows)
    scaler = StandardScaler().fit(figures[:300], sample_weight=weights)
    terms = scaler.transform(figures) / np.sqrt(1 + NOISE_TOKENS / n_tokens)
    terms = np.hstack([terms, terms**2])
    model = LogisticRegression(C=0.1, max_iter=1000)
    model.fit(terms[:300], [row.label for row in rows], sample_weight=weights)
    columns = dict(zip(WEIGHED, figures.T, strict=True)) | {
        "curvature": rng.normal(size=350),
        "n_tokens": n_tokens[:, 0],
    }
    every = np.column_stack([columns[name] for name in FEATURES])
    features, fresh = every[:300], every[300:]
    rule = fit_zero_shot(rows, features, "rows of a test")
    np.testing.assert_allclose(rule.values(fresh), model.decision_function(terms[300:]), rtol=1e-7, atol=1e-7)
    again = type(rule).model_validate_json(rule.model_dump_json())
    np.testing.assert_array_equal(again.values(fresh), rule.values(fresh))
    assert [float(rule.values(fresh[n : n + 1])[0]) for n in range(50)] == rule.values(fresh).tolist()


def test_a_figure_that_is_the_same_in_every_text_does_no_harm() -> None:
    rng = np.random.default_rng(7)
    rows = [_row(number, number % 2, f"s{number % 5}") for number in range(200)]
    features = rng.normal(size=(200, len(FEATURES))) + np.array([[row.label * 2.0] for row in rows])
    features[:, -1] = 500  # tokens
    features[:, 5] = 0.1
    scores = _fit(rows, features)(features)
    labels = np.array([row.label for row in rows])
    assert scores[labels == 1].mean() > 1 > -1 > scores[labels == 0].mean()


def test_figures_of_few_tokens_count_for_less() -> None:
    rng = np.random.default_rng(3)
    rows = [_row(number, number % 2) for number in range(200)]
    features = rng.normal(size=(200, len(FEATURES))) + np.array([[row.label * 2.0] for row in rows])
    features[:, -1] = 500  # tokens
    lengths = (5, 20, 100, 1000)
    found = _fit(rows, features)(np.array([[3.0] * (len(FEATURES) - 1) + [length] for length in lengths]))
    assert found.tolist() == sorted(found)
    assert found[0] < found[-1] / 2


def test_an_unexpected_text_is_never_raised_above_what_says_nothing_and_may_be_lowered() -> None:
    rng = np.random.default_rng(5)
    rows = [_row(number, number % 2) for number in range(200)]
    features = rng.normal(size=(200, len(FEATURES))) + np.array([[row.label * 2.0] for row in rows])
    features[:, -1] = 500  # tokens
    rule = fit_zero_shot(rows, features, "rows of a test")
    expected, values = features[:, 0] >= rule.means[0], rule.values(features)
    neutral = float(np.median(values[~expected]))
    counting = rule.values_that_count(features, neutral)
    assert (counting[expected] == values[expected]).all()
    assert counting[~expected].max() == neutral < values[~expected].max()
    assert (counting[values < neutral] == values[values < neutral]).all()


def test_a_large_source_does_not_drown_a_small_one() -> None:
    rng = np.random.default_rng(4)
    rows = [_row(number, number % 2, "large") for number in range(400)]
    rows += [_row(number, number % 2, "small") for number in range(40)]
    features = rng.normal(size=(440, len(FEATURES)))
    features[:, -1] = 500  # tokens
    features[:, 0] += [3.0 * row.label if row.source == "small" else 0.0 for row in rows]
    features[:, 1] += [3.0 * row.label if row.source == "large" else 0.0 for row in rows]
    score = _fit(rows, features)
    unit = np.eye(len(FEATURES))
    base = score(np.zeros((1, len(FEATURES))))[0]
    small, large = score(3 * unit[:2]) - base
    assert small > large / 2


def test_texts_far_from_usual_on_either_side_may_be_machines() -> None:
    rng = np.random.default_rng(5)
    rows = [_row(number, number % 2, f"s{number // 2 % 3}") for number in range(600)]
    features = rng.normal(size=(600, len(FEATURES)))
    features[:, 0] += [4 * row.label * (1 if number % 4 < 2 else -1) for number, row in enumerate(rows)]
    features[:, -1] = 500  # tokens
    score = _fit(rows, features)
    usual = np.array([[0.0] * (len(FEATURES) - 1) + [500]])
    far = 4 * np.eye(len(FEATURES))[:1]
    assert min(score(usual + far)[0], score(usual - far)[0]) > score(usual)[0]


def test_rows_that_can_be_read_of_one_label_alone_are_refused() -> None:
    rows = [_row(0, 0), _row(1, 1)]
    features = np.array([np.zeros(len(FEATURES)), np.full(len(FEATURES), math.nan)])
    with pytest.raises(InputError, match="one label alone"):
        _fit(rows, features)


def test_the_candidate_scores_texts_and_names_its_companion(
    companion: Companion, companion_dir: Path, tmp_path: Path
) -> None:
    candidate = ZeroShot(load_companion(companion_dir, 1), tmp_path)
    rows = [_row(number, number % 2, text=text) for number, text in enumerate(TEXTS)]
    scores = candidate.fit(rows, tmp_path / "fold")([*TEXTS, "w270"])
    assert scores.shape == (len(TEXTS) + 1,)
    assert scores[-1] == 0
    assert np.ptp(scores) > 0
    assert companion.manifest_hash[:12] in candidate.description


def test_the_companion_as_a_bundle_hears_it_is_bounded_and_silent_on_what_falls_into_pieces(
    companion_dir: Path, tmp_path: Path
) -> None:
    plain = ZeroShot(load_companion(companion_dir, 1), tmp_path)
    rows = [_row(number, number % 2, text=text) for number, text in enumerate(TEXTS)]
    scores = plain.heard().fit(rows, tmp_path / "fold")([*TEXTS, "w270", "x q z j v " * 6])
    assert 0 < np.abs(scores).max() <= 1.5
    assert scores[-2:].tolist() == [0, 0]
    assert plain.description != plain.heard().description


def test_zero_shot_without_a_companion_is_refused(tmp_path: Path) -> None:
    check_companion(["words", "shapes"], None, None)
    check_companion(["zero-shot", "companion"], tmp_path, None)
    for name in ("words+zero-shot", "companion"):
        with pytest.raises(InputError, match="--companion"):
            check_companion([name], None, tmp_path)
    arguments = ["compare", "--data", str(tmp_path), "--out", str(tmp_path / "out.json")]
    done = CliRunner().invoke(app, [*arguments, "--candidate", "zero-shot"])
    assert isinstance(done.exception, InputError)
    assert "--companion" in str(done.exception)
