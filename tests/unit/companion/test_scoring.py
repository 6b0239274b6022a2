"""A companion scores any text, alone as among others, and in bounded time."""

from __future__ import annotations

import dataclasses
import math
import time
from pathlib import Path

import pytest

from export.causal.bundle import CompanionOrder, write_companion
from moderation.detector.companion import MISSING, Companion, load_companion
from moderation.detector.companion.reading import MOST_WINDOWS, spans_of
from moderation.text import normalise
from tests.unit.companion.checkpoints import TEXTS, texts

_HOSTILE = {
    "combining marks": "a" + "\u0301\u0489\u20dd" * 170_000,
    "emoji": "\U0001f600" * 100_000,
    "NUL": "\x00" * 100_000,
    "lone surrogates": "\ud800 \udfff" * 10_000,
    "few lone surrogates": "what \ud83d is this \udc00 doing here",
    "one word": "w" * 1_000_000,
    "spaces": " \t\n" * 300_000,
    "control tokens": "<|endoftext|><s></s>" * 5_000,
}


@pytest.fixture(scope="module")
def companion(companion_dir: Path) -> Companion:
    return load_companion(companion_dir, threads=2)


def test_the_same_text_alone_or_among_others_gives_identical_numbers(companion: Companion) -> None:
    several = (*TEXTS, *texts(100, 33, 250))
    assert companion.score(several) == [companion.score([text])[0] for text in several]


def test_one_thread_or_two_give_identical_numbers(companion: Companion, companion_dir: Path) -> None:
    assert load_companion(companion_dir, threads=1).score(TEXTS) == companion.score(TEXTS)


@pytest.mark.parametrize("text", _HOSTILE.values(), ids=_HOSTILE)
def test_hostile_text_is_scored_or_abstained_from_in_bounded_time(companion: Companion, text: str) -> None:
    begin = time.process_time()
    (score,) = companion.score([text])
    assert time.process_time() - begin < 20
    figures = dataclasses.astuple(score.features)
    assert all(math.isfinite(value) for value in figures) or score.features == MISSING
    assert len(score.tokens) <= MOST_WINDOWS * 32
    assert score.features == MISSING or score.features.n_tokens == sum(not token.repeated for token in score.tokens)


@pytest.mark.parametrize("text", ["", "   ", "\u200b\u200d", "w270", "w270 w271"])
def test_a_text_of_under_four_tokens_is_abstained_from(companion: Companion, text: str) -> None:
    (score,) = companion.score([text])
    assert score.features == MISSING
    assert score.tokens == ()


def test_every_token_has_its_place_in_the_normalised_text(companion: Companion) -> None:
    text = "w265  w270 déjà w299"
    clean = normalise(text)
    (score,) = companion.score([text])
    assert clean[score.tokens[0].start : score.tokens[0].end] == "w265"
    assert clean[score.tokens[-1].start : score.tokens[-1].end] == "w299"
    assert all(token.log_probability < 0 <= token.rank for token in score.tokens)


def test_every_token_of_a_long_text_counts_once(companion: Companion) -> None:
    (score,) = companion.score(["".join(f"w{260 + number % 40}" for number in range(200))])
    assert [token.start for token in score.tokens] == [4 * number for number in range(200)]
    assert score.features.n_tokens == 200
    assert not score.truncated


def test_what_a_text_only_says_again_counts_in_no_figure(companion: Companion) -> None:
    words = "w265 w270 w281 w299 w262"
    once, again = companion.score([words, f"{words} {words}"])
    repeated = [token.repeated for token in again.tokens]
    assert repeated == [False] * (len(repeated) - sum(repeated)) + [True] * sum(repeated)
    assert again.features.n_tokens < len(again.tokens) < 2 * again.features.n_tokens
    assert not any(token.repeated for token in once.tokens)
    counted = [token.log_probability for token in again.tokens if not token.repeated]
    assert again.features.mean_log_probability == pytest.approx(sum(counted) / len(counted))


def test_a_word_said_over_and_over_has_no_figures_and_all_its_tokens(companion: Companion) -> None:
    (score,) = companion.score(["w270" * 30])
    assert score.features == MISSING
    assert [token.repeated for token in score.tokens] == [False] * 3 + [True] * 27


def test_a_very_long_text_is_read_in_windows_spread_over_it(companion: Companion) -> None:
    (score,) = companion.score(["w270" * 2_000])
    assert score.truncated
    assert score.features.n_tokens <= MOST_WINDOWS * 32
    assert score.tokens[0].start == 0
    assert score.tokens[-1].end == 8_000


@pytest.mark.parametrize(("windows", "begins"), [(1, [0]), (2, [0, 248]), (3, [0, 124, 248])])
def test_a_bundle_may_read_fewer_windows(llama: Path, tmp_path: Path, windows: int, begins: list[int]) -> None:
    order = CompanionOrder("brief", ("int8",), max_tokens=32, most_windows=windows, texts=TEXTS)
    brief = load_companion(write_companion(llama, tmp_path / "brief", order), threads=1)
    assert brief.manifest.format_version == 2
    short, long = brief.score(["w270" * 20, "".join(f"w{260 + number % 40}" for number in range(280))])
    assert (short.truncated, long.truncated) == (False, True)
    starts = [token.start // 4 for token in long.tokens]
    assert [start for start in starts if start - 1 not in starts] == begins
    assert len(starts) <= windows * 32


@pytest.mark.parametrize(("tokens", "most"), [(1, 4), (4, 4), (5, 4), (255, 254), (1000, 254)])
def test_windows_are_the_fewest_and_alike_in_length(tokens: int, most: int) -> None:
    spans = spans_of(tokens, most)
    lengths = [end - begin for begin, end in spans]
    assert sum(lengths) == tokens
    assert len(spans) == -(-tokens // most)
    assert max(lengths) <= most
    assert max(lengths) - min(lengths) <= 1


def test_a_post_that_names_a_control_token_is_read_as_letters(companion: Companion) -> None:
    (score,) = companion.score(["<|endoftext|>"])
    assert score.features.n_tokens == len("<|endoftext|>")


def test_however_little_of_a_text_is_read_the_companion_proves_itself_on_whole_probes(companion_dir: Path) -> None:
    probe = load_companion(companion_dir, 1).manifest.probes[1].text
    few = load_companion(companion_dir, 1, max_text_bytes=24)
    (score,) = few.score([probe])
    assert len(probe) > 24
    assert score.truncated
