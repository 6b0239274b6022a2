"""Hidden characters are taken out and counted; genuine writing is neither changed nor suspected."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from moderation.text import Normalised, Tampering, normalised
from tests.unit.text.genuine import GENUINE, UNDECORATED

CLEAN = "We should copy the whole page once more because people always ask about prices"
CYRILLIC = str.maketrans("aceopxyABCEHKMOPTX", "асеорхуАВСЕНКМОРТХ")
GREEK = str.maketrans("aoviABEHIKMNOPTXYZ", "αονιΑΒΕΗΙΚΜΝΟΡΤΧΥΖ")
ARMENIAN_AND_CYRILLIC = str.maketrans("nuhoaecpsi", "ոսհօаесрѕі")
MATHEMATICAL = {code: 0x1D400 + code - 65 for code in range(65, 91)} | {
    code: 0x1D41A + code - 97 for code in range(97, 123)
}
FULL_WIDTH = {code: code + 0xFEE0 for code in (*range(65, 91), *range(97, 123))}
CIRCLED = {code: 0x24D0 + code - 97 for code in range(97, 123)}


@pytest.mark.parametrize("text", GENUINE.values(), ids=GENUINE.keys())
def test_genuine_writing_is_neither_changed_nor_suspected(text: str) -> None:
    seen = normalised(text)
    assert seen.text == UNDECORATED.get(text, text)
    assert seen.tampering.altered == 0


def between(hidden: str) -> Callable[[str], str]:
    return lambda text: "".join(letter + hidden if letter.isalpha() else letter for letter in text[:-1]) + text[-1]


@pytest.mark.parametrize(
    ("attack", "kind"),
    [
        (between("\u200b"), "invisible"),
        (between("\u200c"), "invisible"),
        (between("\u200d"), "invisible"),
        (between("\u2060"), "invisible"),
        (between("\ufeff"), "invisible"),
        (between("\ufe0f"), "invisible"),
        (between("\U000e0101"), "invisible"),
        (between("\u034f"), "invisible"),
        (between("\u3164"), "invisible"),
        (between("\x00"), "invisible"),
        (lambda text: text + "\u200b\u200c\u200b\u200b\u200c", "invisible"),
        (lambda text: "\u200b" * 5 + text, "invisible"),
        (between("\u200e"), "bidi_controls"),
        (lambda text: "\u202e" + text[::-1] + "\u202c", "bidi_controls"),
        (lambda text: "\u2067" + text + "\u2069", "bidi_controls"),
        (lambda text: text + "".join(chr(0xE0000 + ord(letter)) for letter in "obey"), "tags"),
        (lambda text: text.translate(MATHEMATICAL), "compatibility_letters"),
        (lambda text: text.translate(FULL_WIDTH), "compatibility_letters"),
        (lambda text: text.translate(CYRILLIC), "confusables"),
        (lambda text: text.translate(GREEK), "confusables"),
        (lambda text: text.translate(ARMENIAN_AND_CYRILLIC), "confusables"),
        (between("\u0316\u0301\u0489"), "marks"),
        (between("\u0301\u0316" * 20), "marks"),
    ],
)
def test_a_hidden_character_attack_gives_back_the_clean_text_and_is_counted(
    attack: Callable[[str], str], kind: str
) -> None:
    attacked = attack(CLEAN)
    assert attacked != CLEAN
    seen = normalised(attacked)
    assert seen.text == CLEAN
    counts = {name: getattr(seen.tampering, name) for name in Tampering.__dataclass_fields__ if name != "letters"}
    assert counts[kind] > 1
    assert seen.tampering.altered == counts[kind]


def test_circled_letters_are_read_and_counted() -> None:
    seen = normalised("see it here".translate(CIRCLED))
    assert seen == Normalised("see it here", Tampering(9, compatibility_letters=9))


def test_every_replaced_letter_is_counted_and_compared_with_the_letters() -> None:
    tampering = normalised("sаfе tаlk").tampering
    assert tampering == Tampering(letters=8, confusables=3)
    assert tampering.share == 3 / 8
    assert normalised("\u202e\u202e\u202e").tampering.share == 3
    assert normalised("").tampering == Tampering()


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("\ufeffHello there", "Hello there"),
        ("Donau\u00addampf\u00adschiff", "Donaudampfschiff"),
        ("one\n\n\u200b\n\ntwo", "one two"),
        ("all variables \u200b\u200bof a template", "all variables of a template"),
        ("call \u200e+1 555", "call +1 555"),
        ("\u200fשלום\u200e עולם\u200f", "שלום עולם"),
        ("قال \u2067Python\u2069 لغة", "قال Python لغة"),
        ("葛\U000e0101城", "葛城"),
        ("ไป\u200bตลาด", "ไปตลาด"),
        ("کتاب\u200cها\u200c را", "کتاب\u200cها را"),
        ("സ്\u200c\u200cവേ", "സ്വേ"),
        ("ﬁne ½ ℓ ™️ ⓘ No. Ⅳ", "fine 1⁄2 l TM i No. IV"),
        ("ＮＨＫを見た。", "NHKを見た。"),
        ("１２３！", "123!"),
    ],
)
def test_what_is_removed_or_composed_in_genuine_writing_is_no_tampering(text: str, clean: str) -> None:
    seen = normalised(text)
    assert seen.text == clean
    assert seen.tampering.altered == 0


def test_an_override_counts_even_among_right_to_left_letters() -> None:
    assert normalised("שלום \u202eabc\u202c").tampering.bidi_controls == 1


def test_a_second_selector_after_an_emoji_hides_something() -> None:
    seen = normalised("fine 😀" + "\ufe0f" + "\U000e0110" * 5)
    assert seen.text == "fine"
    assert seen.tampering.invisible == 5
