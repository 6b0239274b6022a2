"""Framing, truncation and splitting keep the order of words."""

from __future__ import annotations

import random

import pytest

from moderation.lab.attacks import SPLITS, Split, attack_named, split_over_posts
from moderation.lab.attacks.human_snippets import CLOSINGS, OPENINGS
from tests.unit.attacks.prose import LONG_TEXT, PARAGRAPH


@pytest.mark.parametrize("split", SPLITS, ids=lambda split: split.name)
def test_split_posts_contain_the_text(split: Split) -> None:
    posts = split.apply(LONG_TEXT, 1)
    assert len(posts) == split.pieces
    assert " ".join(posts).split() == LONG_TEXT.split()
    assert posts == split.apply(LONG_TEXT, 1)
    even = len(LONG_TEXT.split()) / split.pieces
    assert all(0.4 * even < len(post.split()) < 1.6 * even for post in posts)


@pytest.mark.parametrize("words", range(1, 12))
@pytest.mark.parametrize("pieces", range(1, 6))
def test_no_post_is_empty(words: int, pieces: int) -> None:
    text = " ".join("abcdefghijkl"[:words])
    for seed in range(5):
        posts = split_over_posts(text, random.Random(seed), pieces)
        assert len(posts) == min(words, pieces)
        assert " ".join(posts) == text


def test_line_breaks_inside_a_post_are_kept() -> None:
    assert split_over_posts("a\n\nb c\td", random.Random(1), 2) == ("a\n\nb", "c\td")


def test_a_text_without_words_is_the_only_post() -> None:
    assert split_over_posts(" \n ", random.Random(1), 4) == (" \n ",)


def test_remarks_are_added_around_the_text() -> None:
    assert min(len(set(OPENINGS)), len(set(CLOSINGS))) >= 40
    before = attack_named("human_prefix").apply(PARAGRAPH, 1)
    after = attack_named("human_suffix").apply(PARAGRAPH, 1)
    assert before.removesuffix(PARAGRAPH).strip() in OPENINGS
    assert after.removeprefix(PARAGRAPH).strip() in CLOSINGS


@pytest.mark.parametrize(
    ("name", "text", "changed"),
    [
        ("quoted_reply", "one\n\ntwo", "> one\n> \n> two"),
        ("truncation", "a b c d e f g h i j k l m n", "a b c d e f g h i j k l"),
        ("truncation", "a b", "a b"),
    ],
)
def test_examples(name: str, text: str, changed: str) -> None:
    assert attack_named(name).apply(text, 1) == changed


def test_quotation_marks_enclose_the_text() -> None:
    quoted = {attack_named("quotation_marks").apply("hi", seed) for seed in range(100)}
    assert quoted == {'"hi"', "“hi”", "«hi»", "'hi'", "‘hi’"}


def test_paragraph_breaks_are_between_sentences() -> None:
    changed = attack_named("paragraph_breaks").apply("It is 3.5 km. Go on! Why?", 1)
    assert changed.replace("\n\n", " ") == "It is 3.5 km. Go on! Why?"
    assert "\n\n" in changed
