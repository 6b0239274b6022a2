"""`moderation flags show --words`: every word of the text is there, in the style of how expected it was."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from moderation.cli.flag_words import ExpectedWords, expected_words, print_words

_TEXT = "The library opens at nine on Monday and at nine on Tuesday, but the zygotic kerosene is closed."


@pytest.fixture(scope="module")
def words() -> ExpectedWords:
    return expected_words(_TEXT)


def _page(words: ExpectedWords, *, styles: bool = False) -> str:
    file = io.StringIO()
    print_words(
        Console(file=file, width=400, force_terminal=styles, color_system="standard" if styles else None), words
    )
    return file.getvalue()


def test_the_whole_text_is_shown_once_and_what_was_least_expected_is_named(words: ExpectedWords) -> None:
    page = _page(words)
    assert page.count(_TEXT) == 1
    named = page.rsplit("least expected: ", 1)[1]
    assert named.startswith("“kerosene”, “zygotic”")
    assert "Monday" not in named


def test_styles_follow_the_rank_and_repetitions_have_their_own(words: ExpectedWords) -> None:
    page = _page(words, styles=True)
    assert "\x1b[2;3mon" in page.split("counts in no figure")[1], "the second “at nine on” repeats the first"
    unlikely = next(token for token in words.score.tokens if token.rank >= 1000)
    assert f"\x1b[1;4m{words.text[unlikely.start : unlikely.end].lstrip()}\x1b[0m" in page


def test_programs_get_every_token_with_its_part_of_the_text(words: ExpectedWords) -> None:
    told = json.loads(json.dumps(words.as_json(), allow_nan=False))
    assert "".join(token["text"] for token in told["tokens"]).replace(" ", "") == _TEXT.replace(" ", "")
    assert told["features"]["n_tokens"] == sum(not token["repeated"] for token in told["tokens"])


def test_of_a_text_too_short_to_say_nothing_is_said() -> None:
    words = expected_words("ok")
    assert "says nothing of this text" in _page(words)
    assert json.loads(json.dumps(words.as_json(), allow_nan=False))["features"]["curvature"] is None


def test_what_was_not_read_of_a_long_text_is_shown_all_the_same() -> None:
    text = " ".join(f"{number} sheep" for number in range(900))
    words = expected_words(text)
    assert words.score.truncated
    page = " ".join(_page(words).split())
    assert page.count("451 sheep 452 sheep") == 1
    assert "451 sheep 452 sheep" in page.split("[not read: ")[1].split("]")[0]
    assert words.as_json()["truncated"] is True


def test_of_a_text_that_only_repeats_itself_nothing_is_claimed() -> None:
    page = _page(expected_words("11111111"))
    assert "too little of it is new" in page
    assert "least expected" not in page


def test_what_was_unlikely_in_a_very_long_word_is_cut_out_of_it() -> None:
    page = _page(
        expected_words("see https-colon-slash-slash-example-dot-org-" + "a" * 40 + "zygotickerosene" + "b" * 40 + " ok")
    )
    named = page.rsplit("least expected: ", 1)[1]
    assert "…" in named
    assert max(len(word) for word in named.split("“")) < 40
