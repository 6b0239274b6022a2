"""Passages that raise the score of a text: found by leaving them out, with offsets in the original text."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest

from moderation.detector import ContentScore
from moderation.errors import BundleError
from moderation.review import passages
from moderation.review.passages import MOST_PASSAGES, DetectorBusy, PassageFinder, split

TEXT = (
    "We moved house in May. In conclusion, it is a rich tapestry \u200bof life. The dog likes the garden.\nIndeed so!"
)


class Counting:
    """A detector whose score is the number of certain words; it has none for texts of fewer than six words."""

    manifest_hash = "d" * 64

    def __init__(self, *words: str) -> None:
        self.words, self.calls = words, 0

    def score(self, texts: Sequence[str], languages: Sequence[str | None] | None = None) -> list[ContentScore]:
        self.calls += 1
        return [self._one(text) for text in texts]

    def describe(self) -> str:
        return "counting"

    def _one(self, text: str) -> ContentScore:
        if len(text.split()) < 6:
            return ContentScore(math.nan, math.nan, (), 3, truncated=False)
        logit = float(sum(2 * text.count(word) for word in self.words))
        return ContentScore(logit, 1 / (1 + math.exp(-logit)), (), 9, truncated=False)


def test_the_sentence_that_raises_the_score_is_marked_at_its_offsets_in_the_original_text() -> None:
    found = PassageFinder(lambda: Counting("tapestry", "dog")).find(TEXT)
    assert "".join(TEXT[one.start : one.end] for one in found.passages) == TEXT
    marked = [TEXT[one.start : one.end] for one in found.passages if one.mark]
    assert marked == ["In conclusion, it is a rich tapestry \u200bof life. ", "The dog likes the garden.\n"]
    assert "not who wrote the text" in found.meaning
    weaker = PassageFinder(lambda: Counting("tapestry", "tapestry", "tapestry", "dog")).find(TEXT)
    assert [one.mark for one in weaker.passages] == ["", "strong", "some", ""]


@pytest.mark.parametrize(
    ("text", "words", "meaning"),
    [
        ("Too short to say.", ("short",), "returns no score for the text: short"),
        ("one two three four five six", ("one",), "too short to be compared"),
        (TEXT, ("zeppelin",), "No single passage raises the score"),
    ],
)
def test_texts_without_a_marked_passage_say_why(text: str, words: tuple[str, ...], meaning: str) -> None:
    found = PassageFinder(lambda: Counting(*words)).find(text)
    assert meaning in found.meaning
    assert not any(one.mark for one in found.passages)


@pytest.mark.parametrize(
    "text", ["", " \n\n ", "word", "a b " * 3_000, "One. Two! Three? " * 200, "\n".join("abcdefgh" * 9)]
)
def test_passages_cover_a_text_in_order_and_are_few(text: str) -> None:
    spans = split(text)
    assert len(spans) <= MOST_PASSAGES
    assert all(start < end for start, end in spans)
    assert spans == sorted(spans)
    assert "".join(text[start:end] for start, end in spans).split() == text.split()


def test_a_text_is_compared_once_and_few_results_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passages, "KEPT", 2)
    detector = Counting("tapestry")
    finder = PassageFinder(lambda: detector)
    assert finder.find(TEXT) is finder.find(TEXT)
    assert detector.calls == 1
    finder.find("another text " * 9)
    finder.find("a third text " * 9)
    finder.find(TEXT)
    assert detector.calls == 4


def test_a_busy_or_missing_detector_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> Counting:
        raise BundleError("no such bundle")

    assert "could not load the detector" in PassageFinder(missing).find(TEXT).meaning
    monkeypatch.setattr(passages, "WAIT_S", 0.01)
    finder = PassageFinder(lambda: Counting("x"))
    with finder._one, pytest.raises(DetectorBusy, match="works on other texts"):
        finder.find(TEXT)
    monkeypatch.setattr(passages, "MOST_WAITING", 1)
    finder = PassageFinder(lambda: Counting("x"))
    with finder._few, pytest.raises(DetectorBusy, match="works on other texts"):
        finder.find(TEXT)
    assert finder.find(TEXT).passages
