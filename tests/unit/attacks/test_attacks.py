"""Properties of all attacks: deterministic, for any text, at the documented rate."""

from __future__ import annotations

import random
import re
import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moderation.errors import InputError
from moderation.lab.attacks import ATTACKS, BENIGN_CHANGES, SPLITS, TRAINING_ATTACKS, Attack, attack_named
from moderation.lab.attacks.characters import LEET, LOOK_ALIKES
from tests.unit.attacks.prose import HOSTILE, LONG_TEXT, PARAGRAPH

CHANGES = (*ATTACKS, *BENIGN_CHANGES)
# Already in British spelling, or already tidy, the text has nothing for these to do.
NOTHING_TO_DO = {"american_spelling", "autocorrected"}


def name_of(attack: Attack) -> str:
    return attack.name


@pytest.mark.parametrize("attack", CHANGES, ids=name_of)
def test_the_same_seed_gives_the_same_text(attack: Attack) -> None:
    assert attack.apply(PARAGRAPH, 7) == attack.apply(PARAGRAPH, 7)
    assert attack.apply(PARAGRAPH, "fold-3") == attack.apply(PARAGRAPH, "fold-3")


def test_a_result_is_the_same_on_another_machine() -> None:
    misspelling = attack_named("misspelling")
    assert misspelling.apply("We walked to the lake. It was frozen!", 1) == "We walked to the lake. It was froen!"
    assert misspelling.apply("We walked to the lake. It was frozen!", 2) == "We walked to the lae. It was frozen!"


@pytest.mark.parametrize("attack", [a for a in CHANGES if a.rate < 1], ids=name_of)
def test_another_seed_changes_other_spans(attack: Attack) -> None:
    assert len({attack.apply(PARAGRAPH, seed) for seed in range(5)}) > 1


@pytest.mark.parametrize("attack", [a for a in CHANGES if a.name not in NOTHING_TO_DO], ids=name_of)
def test_prose_is_changed(attack: Attack) -> None:
    assert attack.apply(PARAGRAPH, 1) != PARAGRAPH


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_attacks_accept_any_text(text: str) -> None:
    for attack in CHANGES:
        # No change adds more than a few characters a place: linear, whatever the text.
        assert len(attack.apply(text, 1)) <= 4 * len(text) + 100, attack.name
    for split in SPLITS:
        assert "".join("".join(split.apply(text, 1)).split()) == "".join(text.split())


@settings(max_examples=150, deadline=None)
@given(st.text(st.characters(codec=None), max_size=60), st.sampled_from(CHANGES), st.integers())
def test_attacks_accept_short_texts(text: str, attack: Attack, seed: int) -> None:
    assert attack.apply(text, seed) == attack.apply(text, seed)


def letters_that_differ(text: str, changed: str) -> int:
    return sum(a != b for a, b in zip(text, changed, strict=True))


def words_that_differ(text: str, changed: str) -> int:
    return sum(a != b for a, b in zip(text.split(" "), changed.split(" "), strict=True))


def count_of(pattern: str) -> Callable[[str], int]:
    return lambda text: len(re.findall(pattern, text))


def characters_added(text: str, changed: str) -> int:
    return len(changed) - len(text)


# What there is to change, counted without the room's own help, and how much of it a change has changed.
MEASURED: dict[str, tuple[Callable[[str], int], Callable[[str, str], int]]] = {
    "homoglyphs": (count_of(f"[{''.join(LOOK_ALIKES)}]"), letters_that_differ),
    "homoglyphs_sparse": (count_of(f"[{''.join(LOOK_ALIKES)}]"), letters_that_differ),
    "zero_width": (count_of("[A-Za-z]"), characters_added),
    "tag_characters": (count_of("[A-Za-z]"), characters_added),
    "combining_marks": (count_of("[A-Za-z]"), characters_added),
    "bidi_controls": (count_of("[A-Za-z]{2,}"), lambda text, changed: characters_added(text, changed) // 2),
    "bidi_reversed": (count_of("[A-Za-z]{2,}"), lambda text, changed: characters_added(text, changed) // 2),
    "full_width": (count_of("[A-Za-z]"), letters_that_differ),
    "mathematical_letters": (count_of("[A-Za-z]"), letters_that_differ),
    "leet": (count_of(f"(?i)[{''.join(LEET)}]"), letters_that_differ),
    "misspelling": (count_of("[A-Za-z]{4,}"), words_that_differ),
    "article_deletion": (
        count_of(r"(?i)\b(?:a|an|the)\b"),
        lambda text, changed: text.count(" ") - changed.count(" "),
    ),
    "number_swap": (count_of("[0-9]+"), words_that_differ),
    "british_spelling": (
        count_of("neighbor|gray|favorite|color|organized|analyzed|theater|traveled"),
        words_that_differ,
    ),
    "whitespace_doubled": (count_of(r" \b"), characters_added),
    "whitespace_missing": (count_of(r" \b"), lambda text, changed: -characters_added(text, changed)),
    "whitespace_odd": (count_of(r" \b"), letters_that_differ),
    "control_words": (count_of(r" \b"), lambda _, changed: len(re.findall(r" (?:\[[A-Z]+\]|<[^ >]+>) ", changed))),
    "case_lower": (count_of("[A-Z]"), letters_that_differ),
    "case_random": (count_of("[a-z]"), letters_that_differ),
    "paragraph_breaks": (count_of(r"[.!?] [A-Z]"), lambda _, changed: changed.count("\n\n")),
    "emoji_padding": (
        count_of("[.!?]"),
        lambda _, changed: len(re.findall(r"[.!?] [^\x00-\x7f]+", changed)),
    ),
}


@pytest.mark.parametrize("attack", [a for a in ATTACKS if a.name in MEASURED], ids=name_of)
def test_the_documented_rate_is_the_measured_one(attack: Attack) -> None:
    units, changed_units = MEASURED[attack.name]
    share = changed_units(LONG_TEXT, attack.apply(LONG_TEXT, 1)) / units(LONG_TEXT)
    assert share == pytest.approx(attack.rate, abs=0.01)


def test_every_partial_rate_is_measured() -> None:
    unmeasured = {attack.name for attack in ATTACKS if attack.unit != "text"} - MEASURED.keys()
    assert unmeasured == {"synonyms", "american_spelling"}


def test_synonyms_change_their_share_of_the_words_in_the_table() -> None:
    text = "tired " * 1_000
    assert attack_named("synonyms").apply(text, 1).split().count("tired") == 300


@pytest.mark.parametrize("attack", [a for a in ATTACKS if a.unit != "text"], ids=name_of)
def test_tiny_rate_changes_one_unit(attack: Attack) -> None:
    text = "The colour gray costs 3 pounds. We bought it because it was colourful."
    changed = attack.change(text, random.Random(1), 0.0001)
    assert changed != text


@pytest.mark.parametrize("attack", [a for a in ATTACKS if a.unit != "text"], ids=name_of)
def test_links_and_mentions_are_unchanged(attack: Attack) -> None:
    text = "The color 3 https://example.org/The/color/3?a=the and @The_Color3 https://example.org/colour"
    changed = attack.apply(text, 2)
    for link in ("https://example.org/The/color/3?a=the", "@The_Color3", "https://example.org/colour"):
        assert link in changed


def test_training_attacks_remain_after_normalisation() -> None:
    for name in TRAINING_ATTACKS:
        text = LONG_TEXT.replace("color", "colour")
        changed = attack_named(name).apply(text, 1)
        assert unicodedata.normalize("NFKC", changed) != text, name


def test_attack_names_are_unique_and_found() -> None:
    names = [attack.name for attack in CHANGES]
    assert len(set(names)) == len(names)
    assert [attack_named(name) for name in names] == list(CHANGES)


def test_unknown_name_raises_with_valid_names() -> None:
    with pytest.raises(InputError, match="homoglyphs_sparse"):
        attack_named("homoglyph")
