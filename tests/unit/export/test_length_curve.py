"""The shortest text that is judged is the shortest that the detector was shown to tell apart."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from export.labelled_texts import LabelledText
from export.length_curve import LENGTHS, beginnings, least_tokens, length_curve
from moderation.detector.manifest import LengthPoint
from tests.unit.export.counted_words import WordsDetector, words_cutter

pytestmark = pytest.mark.slow


def _curve(*lows: tuple[int, float | None]) -> list[LengthPoint]:
    return [
        LengthPoint(
            tokens=tokens, humans=50, machines=50, auroc=0.7, interval=None if low is None else (low, max(low, 0.9))
        )
        for tokens, low in lows
    ]


@pytest.mark.parametrize(
    ("lows", "least"),
    [
        ([(2, 0.5), (3, 0.6), (4, 0.7)], 3),
        ([(2, 0.61), (3, 0.59), (4, 0.7), (5, 0.8)], 4),
        ([(2, 0.7), (3, 0.7)], 2),
        ([(2, 0.7), (3, 0.7), (20, 0.59)], 21),
        ([(2, 0.5), (3, 0.7), (4, None)], 3),
        ([(2, None), (3, None)], 1),
        ([], 1),
    ],
)
def test_the_least_length_is_the_first_from_which_every_interval_lies_at_60_percent(
    lows: list[tuple[int, float | None]], least: int
) -> None:
    assert least_tokens(_curve(*lows)) == least


def test_a_text_is_cut_where_its_tokens_end_and_only_at_lengths_that_it_reaches() -> None:
    assert beginnings(words_cutter(), "one  two\nthree", (2, 3, 4)) == {2: "one two", 3: "one two three"}


def _sixth_word_tells(words: Sequence[str]) -> float:
    return float(words[5] == "hence") if len(words) > 5 else float(len(words[0]))


def test_a_detector_that_reads_the_sixth_word_is_silent_below_six_tokens() -> None:
    texts = [
        LabelledText(f"{'a' * (1 + number % 7)} b c d e {'hence' if label else 'so'} g h", label)
        for label in (0, 1)
        for number in range(70)
    ]
    texts += [LabelledText("too short", 1)] * 30
    curve = length_curve(WordsDetector(_sixth_word_tells), words_cutter(), texts)
    assert [point.tokens for point in curve] == list(LENGTHS)
    by_tokens = {point.tokens: point for point in curve}
    assert (by_tokens[2].humans, by_tokens[2].machines) == (70, 100)
    assert (by_tokens[3].humans, by_tokens[3].machines) == (70, 70)
    assert by_tokens[5].auroc == pytest.approx(0.5)
    assert by_tokens[6].auroc == 1.0
    assert by_tokens[10].auroc is None
    assert least_tokens(curve) == 6
