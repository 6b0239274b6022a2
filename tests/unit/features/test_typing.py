"""Typing features, missing where nothing was measured."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from moderation.events import MAX_INTERVALS, Typing
from moderation.features.rhythm import rhythms
from moderation.features.typing import typing_features
from tests.unit.features.builders import post

TEXT = "The ferry left before the fog had lifted."


def features(text: str = TEXT, **typing: Any) -> dict[str, float]:
    return typing_features([post("p", "a", 0, text=text, typing=Typing(**typing))])[0]


@pytest.mark.parametrize("method", ["ime", "dictation", "assistive", "api"])
def test_input_methods_without_intervals_are_missing(method: str) -> None:
    assert features(input_method=method, duration_ms=100, keystrokes=2, intervals_ms=(1.0,) * 40) == {}


def test_missing_telemetry_gives_missing_features() -> None:
    assert typing_features([post("p", "a", 0)]) == [{}]
    assert typing_features([]) == []
    assert features() == {}


def test_speed_counts_what_was_typed_not_what_was_pasted() -> None:
    found = features(duration_ms=10_000, keystrokes=20, pastes=1, pasted_chars=len(TEXT) - 20)
    assert found["typing_chars_per_s"] == 2
    assert found["typing_keystrokes_per_s"] == 2
    assert found["typing_pasted_share"] == pytest.approx((len(TEXT) - 20) / len(TEXT))
    assert "typing_chars_per_s" not in features(duration_ms=10_000, pastes=1)


@pytest.mark.parametrize("pasted", [len(TEXT), len(TEXT) + 3])
def test_completely_pasted_text_has_no_typing_features(pasted: int) -> None:
    assert features(duration_ms=400, keystrokes=1, pastes=1, pasted_chars=pasted, focus_losses=0) == {}
    assert features("", duration_ms=400, keystrokes=1) != {}


def test_pastes_of_unknown_size_give_missing_speed() -> None:
    found = features(duration_ms=10_000, keystrokes=3, pastes=1)
    assert not {"typing_keystrokes_per_char", "typing_chars_per_s", "typing_pasted_share"} & set(found)


def test_constant_intervals_have_no_spread() -> None:
    found = features(intervals_ms=(100.0,) * 30)
    assert found["typing_interval_cv"] == 0
    assert found["typing_interval_entropy_bits"] == 0
    assert found["typing_interval_repeated_share"] == 1
    assert "typing_interval_lag1" not in found


def test_too_few_intervals_give_missing_features() -> None:
    assert features(intervals_ms=(100.0,) * 7) == {}


def test_quartiles_are_those_of_numpy() -> None:
    intervals = tuple(float(value * 37 % 101) + 5 for value in range(23))
    found = features(intervals_ms=intervals)
    low, median, high = np.percentile(intervals, (25, 50, 75))
    assert found["typing_interval_median_ms"] == pytest.approx(median)
    assert found["typing_interval_iqr_ratio"] == pytest.approx((high - low) / median)
    assert found["typing_interval_cv"] == pytest.approx(np.std(intervals) / np.mean(intervals))


def test_intervals_beyond_the_cap_change_nothing() -> None:
    capped = tuple(float(value % 90) + 60 for value in range(MAX_INTERVALS))
    assert features(intervals_ms=(*capped, *(5.0,) * 3000)) == features(intervals_ms=capped)


def test_pauses_at_word_boundaries_are_read_from_classes_or_from_an_exact_text() -> None:
    intervals = [100.0] * (len(TEXT) - 1)
    for index in range(1, len(TEXT)):
        if TEXT[index - 1] == " ":
            intervals[index - 1] = 300.0
    exact = features(keystrokes=len(TEXT), deletions=0, pastes=0, intervals_ms=tuple(intervals))
    assert exact["typing_boundary_pause_ratio"] == 3
    classes = tuple("space" if letter == " " else "letter" for letter in TEXT[1:])
    sent = features(intervals_ms=tuple(intervals), interval_classes=classes)
    assert sent["typing_boundary_pause_ratio"] == 3
    assert "typing_boundary_pause_ratio" not in features(intervals_ms=tuple(intervals))


def test_figures_of_a_post_do_not_depend_on_the_others() -> None:
    rng = np.random.default_rng(5)
    posts = [
        post(f"p{n}", "a", 0, text=TEXT, typing=Typing(intervals_ms=tuple(rng.uniform(1, 400, n % 90 + 3).round(1))))
        for n in range(200)
    ]
    assert typing_features(posts) == [typing_features([one])[0] for one in posts]


def test_rhythm_is_that_of_numpy() -> None:
    times = np.random.default_rng(6).uniform(20, 900, 77).round(1)
    logs, bins = np.log(times), np.floor(np.log2(times) * 4)
    shares = np.unique(bins, return_counts=True)[1] / len(times)
    low, median, high = np.percentile(times, [25, 50, 75])
    expected = [median, (high - low) / median, times.std() / times.mean(), -(shares * np.log2(shares)).sum()]
    expected += [np.corrcoef(logs[:-1], logs[1:])[0, 1], np.mean(times[1:] == times[:-1])]
    np.testing.assert_allclose(rhythms([[5.0] * 9, times, [7.0] * 8])[1], expected)
