"""The fit of word n-grams: what a word is, what is counted, and the way from a run to scores."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer
from typer.testing import CliRunner

from moderation.cli import build_app
from moderation.detector.ngrams import words
from moderation.lab.checkpoints.ngrams import load_ngrams
from moderation.lab.detector.ngrams.counting import Vocabulary, commonest_ngrams
from tests.unit.detector.fitted_ngrams import WORD_PLAN, fit_written_ngrams, write_probes

pytestmark = pytest.mark.slow

_TEXTS = (
    "the ferry came back, the ferry sang",
    "The Ferry came back \U0001f642\U0001f642\U0001f642 late",
    "日本のフェリー came back",
    "e\u0301te\u0301 über the ferry, İzmir",
    "a b c",
    "",
    "\ufffd the\x00ferry came_back 12 don't",
)


def _names(vocabulary: Vocabulary) -> list[str]:
    return [" ".join(ngram).strip() for ngram in vocabulary.ngrams().tolist()]


def _scikit_learns_own() -> CountVectorizer:
    return CountVectorizer(ngram_range=(1, 2), binary=True)


def test_words_and_their_counts_are_those_of_scikit_learn() -> None:
    vocabulary = commonest_ngrams(_TEXTS, "words", 10_000, 1)
    assert set(_names(vocabulary)) == set(_scikit_learns_own().fit(_TEXTS).get_feature_names_out())
    reference = CountVectorizer(ngram_range=(1, 2), vocabulary=_names(vocabulary))
    np.testing.assert_array_equal(vocabulary.counts(_TEXTS).toarray(), reference.transform(_TEXTS).toarray())


def test_the_vocabulary_is_the_ngrams_that_stand_in_most_texts() -> None:
    counter = _scikit_learns_own()
    frequencies = np.asarray(counter.fit_transform(_TEXTS).sum(axis=0))[0]
    frequency_of = dict(zip(counter.get_feature_names_out(), frequencies, strict=True))
    often = {name for name, times in frequency_of.items() if times >= 2}
    assert set(_names(commonest_ngrams(_TEXTS, "words", 10_000, 2))) == often
    few = _names(commonest_ngrams(_TEXTS, "words", 4, 2))
    assert len(few) == 4
    assert min(frequency_of[name] for name in few) >= sorted(frequencies)[-4]


@pytest.mark.parametrize(
    "text", ["x" * 41, "x" * 1_000_000, "日" * 100_000, "\u0301" * 100_000, "\U0001f642" * 100_000]
)
def test_what_no_one_calls_a_word_is_none(text: str) -> None:
    assert words(f"before {text} after").tolist() == ["before", "after"]


def test_a_run_leaves_the_model_and_its_figures(tmp_path: Path) -> None:
    figures = fit_written_ngrams(tmp_path / "run", WORD_PLAN)
    assert figures["forum"]["auroc"] > 0.95
    (line,) = (tmp_path / "run" / "log.jsonl").read_text(encoding="utf-8").splitlines()
    entry = json.loads(line)
    assert (entry["unit"], entry["validation"]) == ("words", figures)
    model = load_ngrams(tmp_path / "run")
    assert model.unit == "words"
    assert len(model.ngrams) == entry["ngrams"]
    human, machine = model.logits(["the old tram sang again lol", "It is important to note that yes"])
    assert machine > human


def test_a_run_becomes_a_bundle_that_the_score_command_runs(tmp_path: Path) -> None:
    fit_written_ngrams(tmp_path / "run", WORD_PLAN)
    probes = write_probes(tmp_path / "probes.json")
    exported = ("export", str(tmp_path / "run"), str(tmp_path / "bundle"), "--probes", str(probes))
    assert CliRunner().invoke(build_app(), exported, catch_exceptions=False).exit_code == 0
    settings = tmp_path / "settings.toml"
    settings.write_text(f'detector = "{tmp_path / "bundle"}"\n', encoding="utf-8")
    posts = tmp_path / "posts.jsonl"
    texts = ("the old tram broke down again lol", "It is important to note that a heron sang. In conclusion, yes.")
    lines = [json.dumps({"post_id": f"p{number}", "text": text}) for number, text in enumerate(texts)]
    posts.write_text("\n".join(lines), encoding="utf-8")
    arguments = ("score", str(posts), "--content-only", "--config", str(settings))
    done = CliRunner().invoke(build_app(), arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    scores = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    expected = load_ngrams(tmp_path / "run").logits(texts)
    assert [score["synthetic_logit"] for score in scores] == pytest.approx(expected, abs=1e-4)
