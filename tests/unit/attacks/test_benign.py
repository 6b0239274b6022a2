"""Banks of human texts are distinct, and benign changes imitate common tools."""

from __future__ import annotations

import re

import pytest

from moderation.errors import InputError
from moderation.lab.attacks import BENIGN, BenignSuite, attack_named
from tests.unit.attacks.prose import PARAGRAPH


def name_of(suite: BenignSuite) -> str:
    return suite.name


@pytest.mark.parametrize("suite", BENIGN, ids=name_of)
def test_bank_is_distinct_and_deterministic(suite: BenignSuite) -> None:
    texts = suite.texts(1, 300)
    assert len(set(texts)) == 300
    assert texts == suite.texts(1, 300)
    assert texts != suite.texts(2, 300)


@pytest.mark.parametrize("suite", BENIGN, ids=name_of)
def test_template_slots_are_filled(suite: BenignSuite) -> None:
    assert all(text.strip() and "«" not in text for text in suite.texts(3, 300))


def test_too_small_bank_raises() -> None:
    coin = BenignSuite("coin", "Heads or tails.", lambda rng: rng.choice(("heads", "tails")))
    assert sorted(coin.texts(1, 2)) == ["heads", "tails"]
    assert coin.texts(1, 0) == []
    with pytest.raises(InputError, match="coin has fewer than 3"):
        coin.texts(1, 3)


def test_verses_repeat_the_refrain() -> None:
    (suite,) = [suite for suite in BENIGN if suite.name == "verses"]
    for song in suite.texts(1, 40):
        parts = song.split("\n\n")
        assert len(parts) >= 4
        assert len(set(parts[1::2])) == 1
        assert len(set(parts[::2])) == len(parts) // 2


def test_names_in_a_snippet_are_consistent() -> None:
    (suite,) = [suite for suite in BENIGN if suite.name == "code_snippets"]
    indexes = [text for text in suite.texts(1, 300) if "CREATE INDEX" in text]
    assert indexes
    for text in indexes:
        found = re.search(r"ALTER TABLE (\w+) ADD COLUMN (\w+) .*\nCREATE INDEX (\w+) ON (\w+) \((\w+), ", text)
        assert found is not None
        table, column, index, indexed, first = found.groups()
        assert (index, indexed, first) == (f"{table}_{column}", table, column)


def test_dictated_text_has_no_capitals_or_punctuation() -> None:
    dictated = attack_named("dictation").apply(PARAGRAPH, 1)
    assert dictated == dictated.lower()
    assert not set(dictated) & set(".,!?;:")
    assert any(filler in dictated for filler in (" um ", " uh ", " you know ", " er "))


@pytest.mark.parametrize(
    ("name", "text", "changed"),
    [
        (
            "autocorrected",
            "i dont know,maybe  teh bus is late. we wait",
            "I don't know, maybe the bus is late. We wait.",
        ),
        ("autocorrected", "im here\nwhere are you?", "I'm here\nWhere are you?"),
        ("autocorrected", "see https://example.org/a,b/im now.", "See https://example.org/a,b/im now."),
        ("literal_translation", "There are birds here.", "It gives birds here."),
        ("literal_translation", "We saw the sea yesterday. I slept.", "Yesterday we saw the sea. I slept."),
        ("literal_translation", "I slept tonight!", "Tonight I slept!"),
        ("learner_english", "The boat goes", "Boat go"),
    ],
)
def test_examples(name: str, text: str, changed: str) -> None:
    assert attack_named(name).apply(text, 1) == changed


def test_a_very_short_text_is_the_first_words() -> None:
    lengths = set()
    for seed in range(60):
        cut = attack_named("very_short").apply(PARAGRAPH, seed)
        assert PARAGRAPH.startswith(cut)
        lengths.add(len(cut.split()))
    assert lengths == {1, 2, 3, 4, 5}
