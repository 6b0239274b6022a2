"""Word attacks use the tables and keep the case."""

from __future__ import annotations

import random

import pytest

from moderation.lab.attacks import attack_named
from moderation.lab.attacks.spellings import AMERICAN_TO_BRITISH, BRITISH_TO_AMERICAN
from moderation.lab.attacks.synonyms import SYNONYMS
from moderation.lab.attacks.words import misspelt
from tests.unit.attacks.prose import LONG_TEXT


def test_spelling_changes_are_inverse() -> None:
    british = attack_named("british_spelling").apply(LONG_TEXT, 1)
    assert "neighbour has a grey fence" in british
    assert attack_named("american_spelling").apply(british, 1) == LONG_TEXT


def test_no_spelling_is_both_american_and_british() -> None:
    assert len(BRITISH_TO_AMERICAN) == len(AMERICAN_TO_BRITISH) >= 100
    assert not AMERICAN_TO_BRITISH.keys() & BRITISH_TO_AMERICAN.keys()


def test_every_spelling_keeps_its_case_both_ways() -> None:
    for american, british in AMERICAN_TO_BRITISH.items():
        for form in (str.lower, str.capitalize, str.upper):
            assert attack_named("british_spelling").apply(form(american), 1) == form(british)
            assert attack_named("american_spelling").apply(form(british), 1) == form(american)


def test_no_synonym_is_the_word_itself() -> None:
    assert len(SYNONYMS) >= 120
    for word, others in SYNONYMS.items():
        assert word not in others
        assert all(others), word


def test_misspelling_has_one_error() -> None:
    rng = random.Random(1)
    slips = {misspelt("letter", rng) for _ in range(500)}
    assert "letter" not in slips
    assert {"lettter", "leter", "lteter", "lwtter"} <= slips
    assert all(word[0] == "l" and word[-1] in "er" and 5 <= len(word) <= 7 for word in slips)


@pytest.mark.parametrize(
    ("name", "text", "changed"),
    [
        ("british_spelling", "COLOR, Color: discolored", "COLOUR, Colour: discolored"),
        ("american_spelling", "The mums’ pyjamas are grey", "The mums’ pajamas are gray"),
        ("article_deletion", "The cat", "Cat"),
        ("article_deletion", "what a day", "what day"),
        ("article_deletion", "plan a-b, vitamin A", "plan a-b, vitamin A"),
        ("number_swap", "3 of 12, none of mp3", "three of twelve, none of mp3"),
        ("case_lower", "Dear Mr Okafor", "dear mr okafor"),
    ],
)
def test_examples(name: str, text: str, changed: str) -> None:
    assert attack_named(name).apply(text, 1) == changed


def test_changed_number_has_the_same_format() -> None:
    text = "In 1987 it cost $5, at 10:30 it was 45.50 and 7%"
    changed = attack_named("number_swap").apply(text, 1)
    assert "".join("0" if a.isdigit() else a for a in changed) == "".join("0" if a.isdigit() else a for a in text)
    assert all(a != b for a, b in zip(text, changed, strict=True) if a.isdigit())


def test_synonyms_keep_the_case_of_the_word() -> None:
    replaced = {attack_named("synonyms").apply("EVERYONE", seed) for seed in range(20)}
    assert replaced == {"EVERYBODY", "ALL PEOPLE"}
