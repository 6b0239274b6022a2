"""Quotes, code and addresses are not the writer's prose, unless there is nothing else."""

from __future__ import annotations

import pytest

from moderation.text import normalise


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("> you said so\n> and so\nI did not", "I did not"),
        ("I did not\n\n>you said so\n\nand\n>> deeper", "I did not and"),
        ("see\n```python\nx = 1\n```\nhere", "see here"),
        ("call `make test`now", "call now"),
        ("press `q` or `:w`", "press `q` or `:w`"),
        ("an open ``` fence", "an open ``` fence"),
        ("a lone ` here and " + "far " * 60 + "` there", "a lone ` here and " + "far " * 60 + "` there"),
        ("go to `https://example.org/x` now", "go to now"),
        ("5 > 3 and a -> b", "5 > 3 and a -> b"),
        ("no\n>:( and\n>.<", "no >:( and >.<"),
        ("mail <https://example.org>", "mail"),
        ("I don`t think we can`t do it", "I don`t think we can`t do it"),
        ("`hello there' he said `and so on'", "`hello there' he said `and so on'"),
    ],
)
def test_quotations_and_code_of_a_post_with_its_own_prose_are_removed(text: str, clean: str) -> None:
    assert normalise(text) == clean


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("int f(struct n *p) {\n    if (!p) return -1;\n    p->a += 2;\n}", ""),
        (
            "it broke here:\n\nfor (i = 0; i < n; i++) { a[i] = 0; }\n \nany idea why?",
            "it broke here: any idea why?",
        ),
        ('{"user": {"rank": 59, "weight": [50, 22]}}', ""),
        ("```\nfor (i = 0; i < n; i++) { a[i] = 0; }\n```", ""),
        ("if (a)\n\n{ b = 1; }\n\n[c]", ""),
        ("(see [1], [2] and *all* the rest) <3 & <3", "(see [1], [2] and *all* the rest) <3 & <3"),
        ("[NAME] and [NAME] against [NAME]", "[NAME] and [NAME] against [NAME]"),
        ("<U+0001F602><U+0001F602><U+0001F602>", "<U+0001F602><U+0001F602><U+0001F602>"),
        (">:( and >.< and >_< and \\_(ツ)_/ #1", ">:( and >.< and >_< and \\_(ツ)_/ #1"),
        ("¯\\_(ツ)_/¯", "¯\\_(ツ)_/¯"),
    ],
)
def test_paragraphs_thick_with_the_signs_of_code_are_removed(text: str, clean: str) -> None:
    assert normalise(text) == normalise(clean) == normalise(normalise(text))


def test_a_few_signs_around_prose_hide_none_of_it() -> None:
    prose = "It is a long story about nothing much, told by somebody who liked to talk. "
    assert normalise("{[<" + prose * 3 + ">]};=") == " ".join(("{[<" + prose * 3 + ">]};=").split())


def test_a_blank_of_braille_hides_no_words_behind_an_address() -> None:
    assert normalise("http://so\u2800this\u2800is\u2800read") == "this is read"
    assert normalise("\u2813\u2800\u2811") == "\u2813\u2800\u2811"


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("> all of this\n> is quoted", "all of this is quoted"),
        (">> \u3000> a long quotation of somebody\nno", "a long quotation of somebody no"),
        ("> all of this\n\n:-)", "all of this :-)"),
        ("@somebody\n> all of this", "all of this"),
        ("```\nall of this\n```", "all of this"),
        ("`all of this` https://example.org/", "all of this"),
        ("@bob,\n> all of this was said", "all of this was said"),
        ("(see https://example.org)\n> all of this was said", "(see all of this was said"),
        ("@bob: ```all of this```", "all of this"),
        ("lol\n> and this is a whole text behind a sign", "lol and this is a whole text behind a sign"),
        (
            "x `and this is a whole text that was` `only put between two signs`",
            "x and this is a whole text that was only put between two signs",
        ),
    ],
)
def test_a_post_that_is_little_else_keeps_its_text(text: str, clean: str) -> None:
    assert normalise(text) == clean
