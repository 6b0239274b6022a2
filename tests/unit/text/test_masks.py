"""Quotes, code and addresses are not the writer's prose, unless there is nothing else."""

from __future__ import annotations

import pytest

from moderation.text import normalise


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("> you said so\n> and so\nI did not", "quote I did not"),
        ("I did not\n\n>you said so\n\nand\n>> deeper", "I did not quote and quote"),
        ("see\n```python\nx = 1\n```\nhere", "see code here"),
        ("call `make test`now", "call code now"),
        ("press `q` or `:w`", "press `q` or `:w`"),
        ("an open ``` fence", "an open ``` fence"),
        ("a lone ` here and " + "far " * 60 + "` there", "a lone ` here and " + "far " * 60 + "` there"),
        ("go to `https://example.org/x` now", "go to code now"),
        ("5 > 3 and a -> b", "5 > 3 and a -> b"),
        ("no\n>:( and\n>.<", "no >:( and >.<"),
        ("mail <https://example.org>", "mail <http"),
    ],
)
def test_what_others_wrote_becomes_one_word(text: str, clean: str) -> None:
    assert normalise(text) == clean


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("> all of this\n> is quoted", "> all of this > is quoted"),
        ("> all of this\n\n:-)", "> all of this :-)"),
        ("@somebody\n> all of this", "@user > all of this"),
        ("```\nall of this\n```", "``` all of this ```"),
        ("`all of this` https://example.org/", "`all of this` http"),
    ],
)
def test_a_post_that_is_nothing_else_keeps_its_text(text: str, clean: str) -> None:
    assert normalise(text) == clean
