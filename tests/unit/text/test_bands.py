"""Keys of near-duplicate texts."""

from __future__ import annotations

from moderation.text import bands
from moderation.text.bands import band_keys, band_keys_of_words, words_of

TEXTS = ["", "one", "two words", "The quick brown fox jumps over the dog.", "Größe, Maß und İstanbul " * 3, 50 * "a b "]


def test_the_keys_of_a_text_do_not_depend_on_the_texts_beside_it() -> None:
    together = band_keys_of_words([words_of(text) for text in TEXTS])
    assert together == [band_keys(text) for text in TEXTS]
    assert band_keys_of_words([words_of(text) for text in TEXTS], 2) == [keys[:2] for keys in together]
    assert band_keys_of_words([]) == []


def test_words_in_ascii_are_those_of_the_pattern() -> None:
    text = "It's a_b, C-3PO & 4.5%\tx\x1fy\x00z"
    assert words_of(text) == words_of(text + " é")[:-1]


def test_long_words_are_not_remembered() -> None:
    long = "x" * 1000
    assert band_keys(f"{long} and some words") == band_keys(f"{long} and some words")
    assert long not in bands._HASHES
    assert "some" in bands._HASHES
