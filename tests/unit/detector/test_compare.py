"""Candidates are compared on what they were not trained on, and nothing of it leaks into training."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
import zstandard
from numpy.typing import NDArray
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import BertConfig, BertModel
from typer.testing import CliRunner

from moderation.checksum import sha256_of
from moderation.errors import InputError
from moderation.lab.commands.detector import app
from moderation.lab.detector.leave_out import folds
from moderation.lab.detector.leave_out.candidates import Candidate, Scorer
from moderation.lab.detector.leave_out.catalogue import catalogue
from moderation.lab.detector.leave_out.comparison import compare
from moderation.lab.detector.leave_out.encoders import Encoder
from moderation.lab.detector.leave_out.figures import Cell, mean_figures
from moderation.lab.detector.leave_out.folds import generator_folds, source_folds
from moderation.lab.detector.leave_out.ngrams import balanced_words
from moderation.lab.detector.loop import CHECKPOINT, TrainingPlan
from moderation.lab.textdata.partition import load_partition, load_training_rows
from moderation.lab.textdata.rows import TextRow
from tests.unit.detector.written_rows import written_rows, written_text

pytestmark = pytest.mark.slow


class _Counting:
    """A candidate that tells texts by their length, and counts how often it is fitted and what it is asked."""

    description = training = "length"

    def __init__(self) -> None:
        self.fits = 0
        self.asked: list[object] = []
        self.folders: list[Path] = []

    def fit(self, rows: Sequence[TextRow], folder: Path, /) -> Scorer:
        self.fits += 1
        self.folders.append(folder)

        def score(texts: Sequence[str]) -> NDArray[np.float64]:
            self.asked.extend(texts)
            return np.array([float(len(text)) for text in texts])

        return score


def _quiet(done: int, total: int, fold: str, name: str) -> None:
    """Progress that nobody watches."""


def test_a_candidate_scores_from_texts_alone(tmp_path: Path) -> None:
    counting, cheater = _Counting(), _Counting()
    known: dict[str, Candidate] = {"words": counting, "other": cheater}
    compare(source_folds(written_rows(), 20), ["other"], known, tmp_path, _quiet)
    assert cheater.asked
    assert {type(asked) for asked in cheater.asked} == {str}


def test_an_interrupted_comparison_continues_without_fitting_again(tmp_path: Path) -> None:
    found, first = source_folds(written_rows(), 20), _Counting()

    def stop(done: int, total: int, fold: str, name: str) -> None:
        if done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compare(found, ["words"], {"words": first}, tmp_path, stop)
    assert first.fits == 1
    second, whole = _Counting(), _Counting()
    continued = compare(found, ["words"], {"words": second}, tmp_path, _quiet)
    assert second.fits == len(found) - 1
    assert continued == compare(found, ["words"], {"words": whole}, tmp_path / "new", _quiet)


def test_scores_of_other_rows_or_settings_are_not_reused(tmp_path: Path) -> None:
    first, other, changed = _Counting(), _Counting(), _Counting()
    compare(source_folds(written_rows(), 20), ["words"], {"words": first}, tmp_path, _quiet)
    compare(source_folds(written_rows(), 21), ["words"], {"words": other}, tmp_path, _quiet)
    changed.description = "length, but otherwise"
    compare(source_folds(written_rows(), 21), ["words"], {"words": changed}, tmp_path, _quiet)
    assert first.fits == other.fits == changed.fits == 2


def test_scores_under_another_normalisation_are_not_reused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, other = _Counting(), _Counting()
    compare(source_folds(written_rows(), 20), ["words"], {"words": first}, tmp_path, _quiet)
    monkeypatch.setattr(folds, "normalise", str.upper)
    compare(source_folds(written_rows(), 20), ["words"], {"words": other}, tmp_path, _quiet)
    assert first.fits == other.fits == 2


def test_what_differs_after_the_training_alone_is_scored_anew_from_the_same_state(tmp_path: Path) -> None:
    first, other = _Counting(), _Counting()
    other.description = "length, read otherwise"
    for candidate in (first, other):
        compare(source_folds(written_rows(), 20), ["words"], {"words": candidate}, tmp_path, _quiet)
    assert other.fits == 2
    assert other.folders == first.folders


def test_what_was_trained_on_the_same_rows_is_found_again_where_more_texts_are_tested(tmp_path: Path) -> None:
    folders = []
    for texts in (20, 21):
        candidate = _Counting()
        compare(source_folds(written_rows(), texts), ["words"], {"words": candidate}, tmp_path, _quiet)
        folders.append(candidate.folders)
    assert folders[0] == folders[1]
    assert len(set(folders[0])) == 2


def test_a_half_written_file_of_scores_is_computed_again(tmp_path: Path) -> None:
    found, first, second = source_folds(written_rows(), 20), _Counting(), _Counting()
    compare(found, ["words"], {"words": first}, tmp_path, _quiet)
    for kept in tmp_path.glob("*/*.npz"):
        kept.write_bytes(kept.read_bytes()[:100])
    compare(found, ["words"], {"words": second}, tmp_path, _quiet)
    assert second.fits == len(found)


def test_a_mean_reuses_the_scores_of_its_parts(tmp_path: Path) -> None:
    words, other = _Counting(), _Counting()
    known: dict[str, Candidate] = {"words": words, "other": other}
    found = source_folds(written_rows(), 20)
    report = compare(found, ["other", "words+other"], known, tmp_path, _quiet)
    assert words.fits == other.fits == len(found)
    assert report["means"]["source"].keys() == {"words", "other", "words+other"}
    assert report["means"]["source"]["words+other"]["auroc"] == report["means"]["source"]["words"]["auroc"]


class _Opposite(_Counting):
    """As wrong as the other is right."""

    description = training = "shortness"

    def fit(self, rows: Sequence[TextRow], folder: Path, /) -> Scorer:
        score = super().fit(rows, folder)
        return lambda texts: -score(texts)


def test_a_part_of_a_mean_can_count_several_times(tmp_path: Path) -> None:
    known: dict[str, Candidate] = {"words": _Counting(), "other": _Opposite()}
    names = ["words+other", "2*words+other", "words+3*other", "other"]
    report = compare(source_folds(written_rows(), 20), names, known, tmp_path, _quiet)
    found = {name: figures["auroc"] for name, figures in report["means"]["source"].items()}
    assert found["words+other"] == 0.5
    assert found["2*words+other"] == found["words"] > 0.6
    assert found["words+3*other"] == found["other"] < 0.4
    assert "words (which counts 2 times) and other" in report["candidates"]["2*words+other"]


def test_a_candidate_as_good_as_the_baseline_gains_exactly_nothing(tmp_path: Path) -> None:
    known: dict[str, Candidate] = {"words": _Counting(), "other": _Counting()}
    mean = compare(
        [*source_folds(written_rows(), 200), *generator_folds(written_rows(), 200)], ["other"], known, tmp_path, _quiet
    )["means"]["generator"]["other"]
    assert (mean["auroc_minus_words"], mean["auroc_minus_words_interval"]) == (0.0, [0.0, 0.0])
    low, high = mean["auroc_interval"]
    assert low <= mean["auroc"] <= high


def test_the_interval_of_a_difference_is_that_of_the_same_resamples_of_both() -> None:
    rng = np.random.default_rng(4)
    labels = np.arange(400) % 2
    noise = rng.normal(size=400)
    scores = {"words": labels + noise, "other": labels + noise + 0.01 * rng.normal(size=400)}
    cell = Cell("ours", labels, np.array([f"g{number // 4}" for number in range(400)]), scores)
    mean = mean_figures([[cell]], ["words", "other"])["other"]
    low, high = mean["auroc_interval"]
    least, most = mean["auroc_minus_words_interval"]
    assert least <= mean["auroc_minus_words"] <= most
    assert most - least < (high - low) / 5


def test_folds_count_once_however_many_sources_they_test() -> None:
    labels = np.arange(100) % 2
    groups = np.array([f"g{number}" for number in range(100)])
    perfect, wrong = ({"words": sign * labels.astype(float)} for sign in (1, -1))
    one = [Cell("ours", labels, groups, perfect)]
    two = [Cell("theirs", labels, groups, wrong), Cell("others", labels, groups, wrong)]
    assert mean_figures([one, two], ["words"])["words"]["auroc"] == 0.5


def test_balanced_counts_of_a_text_do_not_depend_on_what_was_counted_before(tmp_path: Path) -> None:
    first, second = source_folds(written_rows(), 20)
    kept = balanced_words()
    kept.fit(first.train, tmp_path)
    texts = [row.text for row in second.test]
    again = kept.fit(second.train, tmp_path)(texts)
    np.testing.assert_array_equal(again, balanced_words().fit(second.train, tmp_path)(texts))


def _small_encoder(folder: Path, seed: int = 0) -> Path:
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=8, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=140,
    )  # fmt: skip
    BertModel(config).save_pretrained(folder)
    names = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "important", "conclusion", "lol", "storm")
    tokenizer = Tokenizer(models.WordLevel({name: number for number, name in enumerate(names)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def test_an_encoder_is_trained_in_its_folder_and_answers_an_empty_text_with_even_odds(tmp_path: Path) -> None:
    plan = TrainingPlan(steps=3, batch_texts=8, warmup_steps=1, attacked_share=0.0)
    candidate = Encoder(plan, _small_encoder(tmp_path / "start"), torch.device("cpu"))
    scorer = candidate.fit(source_folds(written_rows(), 20)[0].train, tmp_path / "run")
    scores = scorer(["it is important", ""])
    assert (tmp_path / "run" / CHECKPOINT).is_dir()
    assert np.isfinite(scores).all()
    assert scores[1] == 0.0
    assert "steps 3" in candidate.description
    assert "attacked_share 0.0" in candidate.description


def test_another_encoder_to_start_from_is_another_candidate(tmp_path: Path) -> None:
    plan, cpu = TrainingPlan(steps=3), torch.device("cpu")
    first = Encoder(plan, _small_encoder(tmp_path / "one" / "model"), cpu)
    same = Encoder(plan, _small_encoder(tmp_path / "two" / "model"), cpu)
    other = Encoder(plan, _small_encoder(tmp_path / "three" / "model", seed=1), cpu)
    assert first.description == same.description != other.description


def _write(folder: Path, rows: Sequence[TextRow]) -> Path:
    lines = [
        json.dumps(
            {
                "id": row.id, "source": row.source, "label": row.label, "group": row.group.partition("/")[2],
                "text": row.text, "generator": row.generator, "lic": row.licence,
            }
        )
        for row in rows
    ]  # fmt: skip
    (folder / "text_train.jsonl.zst").write_bytes(zstandard.compress("\n".join(lines).encode()))
    manifest = folder / "manifest.json"
    digest = sha256_of(folder / "text_train.jsonl.zst")
    manifest.write_text(json.dumps({"files": {"text_train.jsonl.zst": digest}}), encoding="utf-8")
    return manifest


def _with_forbidden_rows() -> list[TextRow]:
    rng = np.random.default_rng(8)
    return written_rows() + [
        TextRow(
            f"n{n}",
            "essays",
            n % 2,
            f"essays/{n}",
            written_text(rng, n % 2, "essays", n),
            "opt" * (n % 2),
            "cc-by-nc-sa",
        )
        for n in range(100)
    ]


def test_all_rows_leave_the_cut_as_it_is_and_take_nothing_of_part_b(tmp_path: Path) -> None:
    manifest = _write(tmp_path, _with_forbidden_rows())
    part_a, part_b = ({row.id for row in load_partition(tmp_path, part, manifest)} for part in ("A", "B"))
    found = load_training_rows(tmp_path, manifest, all_rows=True)
    assert {row.id for row in found if row.licence == "mit"} == part_a
    assert part_b.isdisjoint(row.id for row in found)
    essays = [row for row in found if row.source == "essays"]
    assert {row.label for row in essays} == {0, 1}
    assert len(essays) < 100, "some are near duplicates of part B"


def test_some_folds_can_be_asked_for_by_what_they_leave_out(tmp_path: Path) -> None:
    manifest = _write(tmp_path, _with_forbidden_rows())
    out = tmp_path / "figures.json"
    arguments = ["compare", "--data", str(tmp_path), "--out", str(out), "--data-manifest", str(manifest)]
    arguments += ["--texts", "60", "--candidate", "words"]
    result = CliRunner().invoke(app, [*arguments, "--only", "mail", "--only", "opt"], catch_exceptions=False)
    assert result.exit_code == 0
    report = json.loads(out.read_text(encoding="utf-8"))
    assert [fold["left_out"] for fold in report["folds"]] == ["mail", "opt"]
    refused = CliRunner().invoke(app, [*arguments, "--only", "essay"])
    assert isinstance(refused.exception, InputError)
    assert "forum, mail, gpt-neo" in str(refused.exception)


@pytest.mark.parametrize("all_rows", [False, True])
def test_the_command_writes_every_fold_and_the_means(tmp_path: Path, all_rows: bool) -> None:
    manifest = _write(tmp_path, _with_forbidden_rows())
    out = tmp_path / "figures.json"
    arguments = ["compare", "--data", str(tmp_path), "--out", str(out), "--data-manifest", str(manifest)]
    arguments += ["--texts", "60", "--candidate", "words-balanced", "--candidate", "words-balanced+characters"]
    result = CliRunner().invoke(app, arguments + ["--all-rows"] * all_rows, catch_exceptions=False)
    assert result.exit_code == 0
    report = json.loads(out.read_text(encoding="utf-8"))
    left_out = [(fold["kind"], fold["left_out"]) for fold in report["folds"]]
    essays = [("source", "essays")] * all_rows
    generators = [("generator", name) for name in ("gpt-neo", "gpt2", "opt")]
    assert left_out == [*essays, ("source", "forum"), ("source", "mail"), *generators]
    assert ("every licence" in report["rows"]) == all_rows
    figures = report["folds"][-1]["sources"]["mail"]
    assert figures.keys() == {"words", "words-balanced", "words-balanced+characters"}
    assert figures["words"]["tpr_at_1_percent"] == "not supported (n=60)"
    assert figures["words"]["auroc"] > 0.9
    assert report["means"].keys() == {"source", "generator"}
    assert report["means"]["source"]["words"]["tpr_at_1_percent_where_supported"] is None


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--candidate", "oracle"], "no candidate oracle: use words, words-balanced"),
        (["--candidate", "words+words"], r"no candidate words\+words"),
        (["--candidate", "2*words"], r"no candidate 2\*words"),
        (["--candidate", "2*words+words"], r"no candidate 2\*words\+words"),
        (["--candidate", "1*words+characters"], r"no candidate 1\*words\+characters"),
        (["--leave", "nothing"], "--leave nothing is none of source, generator, both"),
        (["--out", "nowhere/figures.json"], "Cannot write nowhere/figures.json"),
    ],
)
def test_arguments_that_cannot_be_used_are_refused_with_a_sentence(
    tmp_path: Path, arguments: list[str], sentence: str
) -> None:
    command = ["compare", "--data", str(tmp_path), "--out", str(tmp_path / "figures.json"), *arguments]
    with pytest.raises(InputError, match=sentence):
        CliRunner().invoke(app, command, catch_exceptions=False)


def test_every_candidate_has_another_description(tmp_path: Path) -> None:
    known = catalogue(4, tmp_path, torch.device("cpu"))
    assert len({candidate.description for candidate in known.values()}) == len(known)
