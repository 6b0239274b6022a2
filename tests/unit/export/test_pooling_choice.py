"""Choice of the pooling rule on held-out texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from export.labelled_texts import LabelledText
from export.pooling_choice import choose_pooling, embedded, long_texts
from moderation.detector import ContentScore
from moderation.detector.pooling import POOLING_RULES
from tests.unit.export.counted_words import WordsDetector, words_cutter

pytestmark = pytest.mark.slow

_TOKENS = 20


def _texts(per_side: int, sources: Sequence[str] = ("letters", "notes")) -> list[LabelledText]:
    """Texts of 10 words in groups of 6; words of human texts contain the number of the text."""
    made = []
    for source in sources:
        for label in (0, 1):
            for number in range(per_side):
                word = f"{source}-{label}-{number}"
                made.append(
                    LabelledText(" ".join([word] * 10), label, source=source, group=f"{word[:-1]}{number // 6}")
                )
    return made


def test_long_texts_join_one_source_and_label() -> None:
    made = long_texts(words_cutter(), _texts(60), _TOKENS, np.random.default_rng(0))
    assert {(entry.source, entry.label) for entry in made} == {
        ("letters", 0),
        ("letters", 1),
        ("notes", 0),
        ("notes", 1),
    }
    for entry in made:
        words = entry.text.split()
        assert _TOKENS < len(words) <= 3 * _TOKENS + 10
        assert {word.rsplit("-", 1)[0] for word in words} == {f"{entry.source}-{entry.label}"}
        assert len({int(word.rsplit("-", 1)[1]) // 6 for word in words}) <= 2
    one_group = [len({int(word.rsplit("-", 1)[1]) // 6 for word in entry.text.split()}) == 1 for entry in made]
    assert np.mean(one_group) > 0.5


def test_same_seed_gives_the_same_long_texts() -> None:
    once, again = (long_texts(words_cutter(), _texts(30), _TOKENS, np.random.default_rng(4)) for _ in range(2))
    assert once == again


def test_embedded_sections_are_at_the_same_end() -> None:
    rng = np.random.default_rng(0)
    documents = long_texts(words_cutter(), _texts(60), _TOKENS, rng)
    pairs = embedded(words_cutter(), documents, _TOKENS, rng)
    hosts = [entry for entry in documents if entry.label == 0]
    assert len(pairs) == 2 * len(hosts)
    places = set()
    for human, machine in zip(pairs[::2], pairs[1::2], strict=True):
        assert (human.label, machine.label) == (0, 1)
        words = machine.text.split()
        inserted = [word.split("-")[1] == "1" for word in words]
        assert sum(inserted) == _TOKENS
        assert len(human.text.split()) == len(words)
        assert len({word.split("-")[0] for word in words}) == 1
        assert all(inserted[:_TOKENS]) != all(inserted[-_TOKENS:])
        assert not any(word.split("-")[1] == "1" for word in human.text.split())
        places.add(inserted[0])
    assert places == {True, False}


def test_source_with_one_label_is_not_embedded() -> None:
    humans = [entry for entry in _texts(60) if entry.label == 0]
    rng = np.random.default_rng(0)
    assert embedded(words_cutter(), long_texts(words_cutter(), humans, _TOKENS, rng), _TOKENS, rng) == []


def _noise(words: Sequence[str], size: float) -> float:
    return size * float(np.random.default_rng(sum(" ".join(words).encode())).normal())


def _loud_machines(words: Sequence[str]) -> float:
    """A section that is wholly a machine's stands out; all others are noise, humans' far below zero at times."""
    machine = all("-1-" in word for word in words)
    return 4.0 if machine else _noise(words, 1.0) - 5.0 * (len(words[0]) % 2)


def test_single_informative_section_selects_max() -> None:
    detector = WordsDetector(_loud_machines, _TOKENS)
    pooling = choose_pooling(detector, words_cutter(), _texts(300), _TOKENS)
    assert pooling.rule == "max"
    assert set(pooling.candidates) == set(POOLING_RULES)
    assert pooling.candidates["max"] > pooling.candidates["token-weighted mean"] + 0.005
    assert "section" in pooling.chosen_on


class _MisledByLongHumans(WordsDetector):
    """As `_loud_machines`, but the first section of a long text by one person is the loudest of all."""

    def score(self, texts: Sequence[str], languages: Sequence[str | None] | None = None) -> list[ContentScore]:
        return [self._misled(text, score) for text, score in zip(texts, super().score(texts), strict=True)]

    @staticmethod
    def _misled(text: str, score: ContentScore) -> ContentScore:
        if len(score.sections) == 1 or len(set(text.split())) > 1 or "-1-" in text:
            return score
        first, *others = score.sections
        return replace(score, sections=(replace(first, logit=9.0), *(replace(one, logit=-9.0) for one in others)))


def test_rule_that_raises_long_human_texts_is_rejected() -> None:
    texts = _texts(300)
    long = [replace(entry, text=" ".join([entry.text] * 3)) for entry in texts[::3]]
    pooling = choose_pooling(_MisledByLongHumans(_loud_machines, _TOKENS), words_cutter(), [*texts, *long], _TOKENS)
    assert pooling.candidates["max"] > pooling.candidates["token-weighted mean"] + 0.005
    assert pooling.on_texts_as_they_are["max"] < pooling.on_texts_as_they_are["token-weighted mean"] - 0.002
    assert pooling.rule != "max"
    assert "1600 original texts" in pooling.chosen_on


def test_tied_rules_select_the_mean() -> None:
    same = WordsDetector(lambda words: float(sum("-1-" in word for word in words) > 0), _TOKENS)
    pooling = choose_pooling(same, words_cutter(), _texts(300), _TOKENS)
    assert pooling.candidates["max"] == pytest.approx(pooling.candidates["token-weighted mean"], abs=0.005)
    assert pooling.rule == "token-weighted mean"


def test_too_few_long_texts_select_the_default() -> None:
    pooling = choose_pooling(WordsDetector(_loud_machines, _TOKENS), words_cutter(), _texts(60), _TOKENS)
    assert pooling.rule == "token-weighted mean"
    assert pooling.candidates == {}
    assert "100 are needed" in pooling.chosen_on


def test_no_source_with_both_labels_selects_the_default() -> None:
    texts = [entry for entry in _texts(700) if (entry.source == "notes") == (entry.label == 1)]
    pooling = choose_pooling(WordsDetector(_loud_machines, _TOKENS), words_cutter(), texts, _TOKENS)
    assert pooling.rule == "token-weighted mean"
    assert pooling.chosen_on.startswith("nothing: 0 long texts with a section of another text")
