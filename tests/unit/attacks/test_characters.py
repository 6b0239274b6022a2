"""Character attacks keep the appearance of a text and are reversible."""

from __future__ import annotations

import re
import unicodedata

import pytest

from moderation.lab.attacks import attack_named
from moderation.lab.attacks.characters import LOOK_ALIKES
from moderation.text import normalise
from tests.unit.attacks.prose import PARAGRAPH

PROSE = PARAGRAPH.strip()


@pytest.mark.parametrize("name", ["homoglyphs", "homoglyphs_sparse"])
def test_look_alikes_are_reversible(name: str) -> None:
    back = str.maketrans({other: latin for latin, other in LOOK_ALIKES.items()})
    assert attack_named(name).apply(PROSE, 1).translate(back) == PROSE


def test_every_look_alike_is_one_letter_of_the_same_case_and_of_another_script() -> None:
    assert len(set(LOOK_ALIKES.values())) == len(LOOK_ALIKES)
    for latin, other in LOOK_ALIKES.items():
        assert unicodedata.name(other).startswith(("CYRILLIC", "GREEK"))
        assert latin.isupper() == other.isupper()


@pytest.mark.parametrize(
    "name", ["zero_width", "bidi_controls", "tag_characters", "full_width", "mathematical_letters"]
)
def test_invisible_characters_are_removed_by_normalisation(name: str) -> None:
    changed = attack_named(name).apply(PROSE, 1)
    assert changed != PROSE
    assert normalise(changed) == PROSE


def test_reversed_words_are_restored() -> None:
    changed = attack_named("bidi_reversed").apply(PROSE, 1)
    assert re.sub("\u202e([^\u202c]*)\u202c", lambda word: word[1][::-1], changed) == PROSE


def test_removing_accents_restores_the_text() -> None:
    changed = unicodedata.normalize("NFD", attack_named("combining_marks").apply(PROSE, 1))
    assert "".join(a for a in changed if not unicodedata.combining(a)) == PROSE


@pytest.mark.parametrize(
    ("name", "text", "changed"),
    [
        ("homoglyphs", "peace", "реасе"),
        ("homoglyphs", "Big 5!", "Віg 5!"),
        ("full_width", "Hi, 2", "Ｈｉ, 2"),
        ("full_width", "see www.example.org", "ｓｅｅ www.example.org"),
    ],
)
def test_examples(name: str, text: str, changed: str) -> None:
    assert attack_named(name).apply(text, 1) == changed
