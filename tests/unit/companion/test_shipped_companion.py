"""What the companion that comes with the package promises."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from moderation.cli.companion import app
from moderation.detector.companion import Companion, load_companion, shipped_companion
from moderation.detector.companion.manifest import read_companion_manifest

_SENTENCE = "We moved the whole garden over in one weekend, and my back will never forgive me for it."
_JUMBLED = "my for weekend whole me one never garden We, over back it and will moved in the forgive."


@pytest.fixture(scope="module")
def companion() -> Companion:
    return load_companion(threads=2)


def test_it_expects_a_sentence_more_than_its_words_in_another_order(companion: Companion) -> None:
    sentence, jumbled = (score.features for score in companion.score([_SENTENCE, _JUMBLED]))
    assert sentence.mean_log_probability > jumbled.mean_log_probability + 1
    assert sentence.top100_share > jumbled.top100_share


def test_a_text_has_the_same_figures_alone_and_among_others(companion: Companion) -> None:
    alone = companion.score([_SENTENCE])[0]
    assert companion.score([_JUMBLED, _SENTENCE, "yes", _SENTENCE])[1] == alone


def test_it_reads_the_beginning_and_the_end_of_a_long_text(companion: Companion) -> None:
    (score,) = companion.score([f"{_SENTENCE} " * 200 + "The end."])
    assert score.truncated
    assert len(score.tokens) <= 2 * 254
    assert score.tokens[-1].end == len(f"{_SENTENCE} " * 200 + "The end.")


@pytest.mark.parametrize(
    "text",
    ["a\ud800b\udfff c d", "\U0001f642" * 100_000, "word " * 200_000, "e" + "\u0301\u0316" * 250_000],
    ids=["lone surrogates", "100k emoji", "1 MB of words", "1 MB of combining marks"],
)
def test_hostile_text_is_read_in_bounded_time(companion: Companion, text: str) -> None:
    began = time.process_time()
    companion.score([text])
    assert time.process_time() - began < 60


def test_the_manifest_says_what_a_user_must_know(companion: Companion) -> None:
    manifest, manifest_hash = read_companion_manifest(shipped_companion())
    assert companion.manifest_hash == manifest_hash
    assert manifest.licence == "Apache-2.0"
    assert "NOTICE" in manifest.files
    assert "at int8-dynamic on the CPU, each window alone" in companion.describe()


def test_it_fits_the_repository() -> None:
    assert max(path.stat().st_size for path in shipped_companion().iterdir()) < 100 * 2**20  # GitHub takes no more


def test_the_command_asks_it_unless_another_is_named(tmp_path: Path) -> None:
    source, out = tmp_path / "posts.jsonl", tmp_path / "figures.jsonl"
    source.write_text(json.dumps({"post_id": "1", "text": _SENTENCE}) + "\n", encoding="utf-8")
    done = CliRunner().invoke(app, ["score", str(source), "-o", str(out), "--tokens"])
    assert done.exit_code == 0, done.output
    line = json.loads(out.read_text(encoding="utf-8"))
    assert line["post_id"] == "1"
    assert line["tokens"][0]["start"] == 0
