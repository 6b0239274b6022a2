"""Fitting of character n-grams: counts, crops and the files of a run."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer
from typer.testing import CliRunner

from moderation.cli import build_app
from moderation.errors import InputError, SettingsError
from moderation.lab.checkpoints.ngrams import load_ngrams
from moderation.lab.detector.ngrams import fit
from moderation.lab.detector.ngrams.counting import Vocabulary, commonest_ngrams
from moderation.lab.detector.ngrams.crops import whole_and_crop
from tests.unit.detector.fitted_ngrams import PLAN, fit_written_ngrams
from tests.unit.detector.small_text_data import row
from tests.unit.detector.written_rows import written_rows

pytestmark = pytest.mark.slow

_TEXTS = (
    "the ferry came back, the ferry sang",
    "The Ferry came back 🙂🙂🙂 late",
    "日本のフェリー came back",
    "e\u0301te\u0301 u\u0308ber the ferry",
    "zzzzzzzzzz",
    "z",
    "",
    "a\ud800b\udfff a\ud800b",
)


def _names(vocabulary: Vocabulary) -> list[str]:
    return ["".join(map(chr, points[points > 0])) for points in vocabulary.ngrams()]


def test_counts_are_those_of_scikit_learn() -> None:
    vocabulary = commonest_ngrams(_TEXTS, "characters", 10_000, 1)
    reference = CountVectorizer(analyzer="char", ngram_range=(2, 5), lowercase=False, vocabulary=_names(vocabulary))
    expected = reference.transform(_TEXTS).toarray()
    np.testing.assert_array_equal(vocabulary.counts(_TEXTS).toarray(), expected)
    everything = CountVectorizer(analyzer="char", ngram_range=(2, 5), lowercase=False).fit(_TEXTS)
    assert set(_names(vocabulary)) == set(everything.get_feature_names_out())


def test_vocabulary_has_the_ngrams_of_most_texts() -> None:
    counter = CountVectorizer(analyzer="char", ngram_range=(2, 5), lowercase=False, binary=True)
    frequencies = np.asarray(counter.fit_transform(_TEXTS).sum(axis=0))[0]
    frequency_of = dict(zip(counter.get_feature_names_out(), frequencies, strict=True))
    assert set(_names(commonest_ngrams(_TEXTS, "characters", 10_000, 2))) == {
        name for name, n in frequency_of.items() if n >= 2
    }
    few = _names(commonest_ngrams(_TEXTS, "characters", 12, 2))
    assert len(few) == 12
    assert min(frequency_of[name] for name in few) >= sorted(frequencies)[-12]


def test_crop_depends_on_seed_and_row_only() -> None:
    text = " ".join(f"word{number}" for number in range(400))
    long = row(1, "forum", 0, text)
    whole, crop = whole_and_crop(long, 1)
    assert (whole, crop) == whole_and_crop(long, 1)
    assert whole.text == text[:600]
    assert 40 <= len(crop.text) <= 600
    assert crop.text != whole_and_crop(long, 2)[1].text  # type: ignore[misc]
    assert crop.text != whole_and_crop(replace(long, id="another"), 1)[1].text  # type: ignore[misc]
    lengths = [len(whole_and_crop(replace(long, id=f"r{n}"), 1)[1].text) for n in range(200)]  # type: ignore[misc]
    assert np.median(lengths) < 220, "short crops are as common as long ones on a scale of ratios"


def test_quarter_of_crops_is_attacked() -> None:
    text = " ".join(f"the ferry number {number} left early and nobody noticed," for number in range(60))
    pairs = [whole_and_crop(replace(row(1, "forum", n % 2, text), id=f"r{n}"), 1) for n in range(300)]
    changed = np.array([crop.text not in text for _, crop in pairs])  # type: ignore[misc]
    assert all(whole.text == text[:600] for whole, _ in pairs)  # type: ignore[misc]
    # Some crops are cut where their attack changed nothing.
    assert 0.12 < changed.mean() < 0.3
    assert min(changed[::2].mean(), changed[1::2].mean()) > 0.08, "people's texts like machines'"


def test_empty_text_gives_no_crops() -> None:
    assert whole_and_crop(row(1, "forum", 0, "\u200b\u200c"), 1) == ()


def test_run_writes_model_and_figures(tmp_path: Path) -> None:
    figures = fit_written_ngrams(tmp_path / "run")
    assert figures["forum"]["auroc"] > 0.95
    (line,) = (tmp_path / "run" / "log.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["validation"] == figures
    model = load_ngrams(tmp_path / "run")
    human, machine = model.logits(["the old tram sang again lol", "It is important to note that yes"])
    assert machine > human
    assert {path.name for path in (tmp_path / "run").iterdir()} == {"ngrams.npz", "log.jsonl"}


def test_the_same_rows_and_seed_give_the_same_model(tmp_path: Path) -> None:
    for name, plan in (("one", PLAN), ("two", PLAN), ("other", replace(PLAN, seed=2))):
        fit_written_ngrams(tmp_path / name, plan)
    one, two, other = (load_ngrams(tmp_path / name) for name in ("one", "two", "other"))
    np.testing.assert_array_equal(one.weights, two.weights)
    assert one.bias == two.bias
    assert one.weights.shape != other.weights.shape or not np.array_equal(one.weights, other.weights)


def test_rows_of_one_label_are_refused(tmp_path: Path) -> None:
    people = [each for each in written_rows() if each.label == 0]
    with pytest.raises(InputError, match="have one label only"):
        fit.train_ngrams_on(people, (), tmp_path, PLAN, lambda _: None)
    with pytest.raises(InputError, match="give more texts to fit on"):
        fit.train_ngrams_on(written_rows()[:2], (), tmp_path, PLAN, lambda _: None)


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 half"])
def test_a_damaged_model_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "ngrams.npz").write_bytes(content)
    with pytest.raises(InputError, match="--kind ngrams"):
        load_ngrams(tmp_path)


@pytest.mark.parametrize(("kind", "unit"), [("ngrams", "characters"), ("words", "words")])
def test_the_command_fits_on_the_rows_of_the_encoder_and_prints_the_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, unit: str
) -> None:
    asked: list[bool] = []

    def load(_data: Path, _manifest: Path | None, *, all_rows: bool) -> list[object]:
        asked.append(all_rows)
        return list(written_rows())

    monkeypatch.setattr(fit, "load_training_rows", load)
    for options in ((), ("--all-rows",)):
        done = _detector_train(tmp_path, "--kind", kind, *options)
        assert done.exit_code == 0, done.output
    assert asked == [False, True]
    assert "fitting" in done.output
    assert "forum" in done.output
    assert load_ngrams(tmp_path / "run").unit == unit


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--kind", "ngrams", "--steps", "5", "--device", "cpu"), "--steps, --device"),
        (("--kind", "words", "--steps", "5"), "--steps has no effect with --kind words"),
        (("--kind", "trees"), "trees"),
    ],
)
def test_options_without_effect_are_refused(tmp_path: Path, options: tuple[str, ...], message: str) -> None:
    done = _detector_train(tmp_path, *options)
    assert isinstance(done.exception, SettingsError)
    assert message in str(done.exception)


def _detector_train(folder: Path, *options: str) -> Any:
    return CliRunner().invoke(
        build_app(), ["detector", "train", "--data", str(folder), "--out", str(folder / "run"), *options]
    )
