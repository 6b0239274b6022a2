"""Candidates are compared on what they were not trained on, and nothing of it leaks into training."""

from __future__ import annotations

import json
from collections import Counter
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
from moderation.cli.detector import app
from moderation.errors import InputError
from moderation.training.detector.leave_out import folds as folds_module
from moderation.training.detector.leave_out.candidates import Candidate, Scorer
from moderation.training.detector.leave_out.comparison import compare
from moderation.training.detector.leave_out.encoders import Encoder
from moderation.training.detector.leave_out.folds import Fold, generator_folds, source_folds
from moderation.training.detector.leave_out.generators import families_of
from moderation.training.detector.leave_out.ngrams import balanced_words
from moderation.training.detector.leave_out.shapes import shape
from moderation.training.detector.loop import CHECKPOINT, TrainingPlan
from moderation.training.detector.partition import load_part_a_of_all_licences, load_partition
from moderation.training.detector.rows import TextRow

_SUBJECTS = ("my neighbour", "the old tram", "our coach", "this kettle", "the ferry", "a heron")
_VERBS = ("broke down", "sang", "left early", "cost a fortune", "came back", "stood still")
_TAILS = ("again lol", "and nobody noticed", "during the storm", "so we walked home", "before breakfast")
_GENERATORS = {"forum": ("gpt2", "gpt2-xl", "gpt-neo"), "mail": ("gpt-neo-2.7B", "opt")}
_ROWS_PER_SOURCE = 1200


def _text(rng: np.random.Generator, label: int, source: str, number: int) -> str:
    words = [str(rng.choice(options)) for options in (_SUBJECTS, _VERBS, _TAILS)]
    text = " ".join(words) if label == 0 else f"It is important to note that {words[0]} {words[1]}. In conclusion, yes."
    return f"{text} {source} {number}"


def _rows() -> list[TextRow]:
    """Two sources with both labels, prompts of 4 texts each, and one with people only that shares prompts with one."""
    rng = np.random.default_rng(3)
    rows = []
    for source, generators in _GENERATORS.items():
        for number in range(_ROWS_PER_SOURCE):
            label = number % 2
            generator = generators[number // 2 % len(generators)] if label else "human"
            text = _text(rng, label, source, number)
            rows.append(TextRow(f"{source}{number}", source, label, f"{source}/{number // 4}", text, generator, "mit"))
    for number in range(200):
        group = f"forum/{number}" if number < 40 else f"people/{number}"
        rows.append(TextRow(f"p{number}", "people", 0, group, _text(rng, 0, "people", number), "human", "mit"))
    return rows


def _folds() -> list[Fold]:
    return [*source_folds(_rows(), 200), *generator_folds(_rows(), 200)]


class _Counting:
    """A candidate that tells texts by their length, and counts how often it is fitted and what it is asked."""

    description = "length"

    def __init__(self) -> None:
        self.fits = 0
        self.asked: list[object] = []

    def fit(self, rows: Sequence[TextRow], _folder: Path, /) -> Scorer:
        self.fits += 1

        def score(texts: Sequence[str]) -> NDArray[np.float64]:
            self.asked.extend(texts)
            return np.array([float(len(text)) for text in texts])

        return score


def _quiet(done: int, total: int, fold: str, name: str) -> None:
    """Progress that nobody watches."""


@pytest.mark.parametrize("fold", _folds(), ids=lambda fold: fold.name)
def test_no_test_row_and_no_row_of_its_cluster_is_trained_on(fold: Fold) -> None:
    assert {row.id for row in fold.test}.isdisjoint(row.id for row in fold.train)
    assert {row.group for row in fold.test}.isdisjoint(row.group for row in fold.train)
    assert {row.label for row in fold.train} == {row.label for row in fold.test} == {0, 1}


def test_every_source_with_both_labels_is_left_out_once_and_is_nowhere_in_its_training() -> None:
    found = source_folds(_rows(), 200)
    assert [fold.left_out for fold in found] == ["forum", "mail"]
    for fold in found:
        assert all(row.source != fold.left_out for row in fold.train)
        assert Counter((row.source, row.label) for row in fold.test) == {
            (fold.left_out, 0): 200,
            (fold.left_out, 1): 200,
        }


def test_rows_elsewhere_that_share_a_cluster_with_the_left_out_source_are_left_out_too() -> None:
    fold = next(fold for fold in source_folds(_rows(), 10) if fold.left_out == "forum")
    assert sum(row.source == "people" for row in fold.train) == 160


def test_every_generator_is_left_out_in_all_its_sizes_and_only_it_is_tested_against_people() -> None:
    found = generator_folds(_rows(), 200)
    assert [fold.left_out for fold in found] == ["gpt-neo", "gpt2", "opt"]
    for fold in found:
        assert all(fold.left_out not in families_of(row.generator) for row in fold.train if row.label == 1)
        assert all(families_of(row.generator) == {fold.left_out} for row in fold.test if row.label == 1)
    sources = {fold.left_out: {row.source for row in fold.test} for fold in found}
    assert sources == {"gpt-neo": {"forum", "mail"}, "gpt2": {"forum"}, "opt": {"mail"}}


def test_a_generator_is_tested_on_the_texts_of_at_least_300_people_and_150_machines_of_each_source() -> None:
    for fold in generator_folds(_rows(), 5000):
        counts = Counter((row.source, row.label) for row in fold.test)
        assert all(count >= (150 if label else 300) for (_, label), count in counts.items())


def test_a_text_that_may_be_of_the_left_out_generator_is_neither_trained_on_nor_tested() -> None:
    doubtful = TextRow("d", "forum", 1, "d", "whose words are these", "gpt2|opt", "mit")
    for fold in generator_folds([*_rows(), doubtful], 5000):
        assert doubtful not in fold.test
        assert (doubtful in fold.train) == (fold.left_out == "gpt-neo")


@pytest.mark.parametrize(
    ("generator", "families"),
    [
        ("gpt2-117M-ft", {"gpt2"}),
        ("gpt-neo-2.7B", {"gpt-neo"}),
        ("gpt-neox-20b", {"gpt-neox-20b"}),
        ("bloom|gpt3", {"bloom", "gpt3"}),
        ("text-davinci-003", {"gpt3"}),
        ("gpt-3.5-turbo", {"gpt-3.5-turbo"}),
    ],
)
def test_sizes_of_one_model_are_one_family(generator: str, families: set[str]) -> None:
    assert families_of(generator) == families


def test_training_rows_are_capped_for_each_source_and_label(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folds_module, "TRAINING_ROWS_PER_STRATUM", 50)
    for fold in _folds():
        assert max(Counter((row.source, row.label) for row in fold.train).values()) == 50


def test_a_candidate_scores_from_texts_alone(tmp_path: Path) -> None:
    counting, cheater = _Counting(), _Counting()
    known: dict[str, Candidate] = {"words": counting, "other": cheater}
    compare(source_folds(_rows(), 20), ["other"], known, tmp_path, _quiet)
    assert cheater.asked
    assert {type(asked) for asked in cheater.asked} == {str}


def test_an_interrupted_comparison_continues_without_fitting_again(tmp_path: Path) -> None:
    found, first = source_folds(_rows(), 20), _Counting()

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
    compare(source_folds(_rows(), 20), ["words"], {"words": first}, tmp_path, _quiet)
    compare(source_folds(_rows(), 21), ["words"], {"words": other}, tmp_path, _quiet)
    changed.description = "length, but otherwise"
    compare(source_folds(_rows(), 21), ["words"], {"words": changed}, tmp_path, _quiet)
    assert first.fits == other.fits == changed.fits == 2


def test_a_half_written_file_of_scores_is_computed_again(tmp_path: Path) -> None:
    found, first, second = source_folds(_rows(), 20), _Counting(), _Counting()
    compare(found, ["words"], {"words": first}, tmp_path, _quiet)
    for kept in tmp_path.glob("*/*.npz"):
        kept.write_bytes(kept.read_bytes()[:100])
    compare(found, ["words"], {"words": second}, tmp_path, _quiet)
    assert second.fits == len(found)


def test_a_mean_reuses_the_scores_of_its_parts(tmp_path: Path) -> None:
    words, other = _Counting(), _Counting()
    known: dict[str, Candidate] = {"words": words, "other": other}
    found = source_folds(_rows(), 20)
    report = compare(found, ["other", "words+other"], known, tmp_path, _quiet)
    assert words.fits == other.fits == len(found)
    assert report["means"]["source"].keys() == {"words", "other", "words+other"}
    assert report["means"]["source"]["words+other"]["auroc"] == report["means"]["source"]["words"]["auroc"]


def test_a_candidate_as_good_as_the_baseline_gains_exactly_nothing(tmp_path: Path) -> None:
    known: dict[str, Candidate] = {"words": _Counting(), "other": _Counting()}
    mean = compare(_folds(), ["other"], known, tmp_path, _quiet)["means"]["generator"]["other"]
    assert (mean["auroc_minus_words"], mean["auroc_minus_words_interval"]) == (0.0, [0.0, 0.0])
    low, high = mean["auroc_interval"]
    assert low <= mean["auroc"] <= high


def test_balanced_counts_of_a_text_do_not_depend_on_what_was_counted_before(tmp_path: Path) -> None:
    first, second = source_folds(_rows(), 20)
    kept = balanced_words()
    kept.fit(first.train, tmp_path)
    texts = [row.text for row in second.test]
    again = kept.fit(second.train, tmp_path)(texts)
    np.testing.assert_array_equal(again, balanced_words().fit(second.train, tmp_path)(texts))


def test_a_rare_word_becomes_its_shape_and_suffix() -> None:
    assert [shape(word) for word in ("Walking", "USA", "b2b", "1984", "!", "snake_case")] == [
        "Xx|ing", "X|", "xdx|", "d|", "!", "xox|",
    ]  # fmt: skip


def _small_encoder(folder: Path) -> Path:
    torch.manual_seed(0)
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
    scorer = candidate.fit(source_folds(_rows(), 20)[0].train, tmp_path / "run")
    scores = scorer(["it is important", ""])
    assert (tmp_path / "run" / CHECKPOINT).is_dir()
    assert np.isfinite(scores).all()
    assert scores[1] == 0.0
    assert "steps 3" in candidate.description
    assert "attacked_share 0.0" in candidate.description


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
    return _rows() + [
        TextRow(f"n{n}", "essays", n % 2, f"essays/{n}", _text(rng, n % 2, "essays", n), "opt" * (n % 2), "cc-by-nc-sa")
        for n in range(100)
    ]


def test_all_rows_leave_the_cut_as_it_is_and_take_nothing_of_part_b(tmp_path: Path) -> None:
    manifest = _write(tmp_path, _with_forbidden_rows())
    part_a, part_b = ({row.id for row in load_partition(tmp_path, part, manifest)} for part in ("A", "B"))
    found = load_part_a_of_all_licences(tmp_path, manifest)
    assert {row.id for row in found if row.licence == "mit"} == part_a
    assert part_b.isdisjoint(row.id for row in found)
    essays = [row for row in found if row.source == "essays"]
    assert {row.label for row in essays} == {0, 1}
    assert len(essays) < 100, "some are near duplicates of part B"


@pytest.mark.parametrize("all_rows", [False, True])
def test_the_command_writes_every_fold_and_the_means(tmp_path: Path, all_rows: bool) -> None:
    manifest = _write(tmp_path, _with_forbidden_rows())
    out = tmp_path / "figures.json"
    arguments = ["compare", "--data", str(tmp_path), "--out", str(out), "--data-manifest", str(manifest)]
    arguments += ["--texts", "60", "--candidate", "words-balanced", "--candidate", "words-balanced+shapes"]
    result = CliRunner().invoke(app, arguments + ["--all-rows"] * all_rows, catch_exceptions=False)
    assert result.exit_code == 0
    report = json.loads(out.read_text(encoding="utf-8"))
    left_out = [(fold["kind"], fold["left_out"]) for fold in report["folds"]]
    essays = [("source", "essays")] * all_rows
    generators = [("generator", name) for name in ("gpt-neo", "gpt2", "opt")]
    assert left_out == [*essays, ("source", "forum"), ("source", "mail"), *generators]
    assert ("every licence" in report["rows"]) == all_rows
    figures = report["folds"][-1]["sources"]["mail"]
    assert figures.keys() == {"words", "words-balanced", "words-balanced+shapes"}
    assert figures["words"]["tpr_at_1_percent"] == "not supported (n=60)"
    assert figures["words"]["auroc"] > 0.9
    assert report["means"].keys() == {"source", "generator"}
    assert report["means"]["source"]["words"]["tpr_at_1_percent_where_supported"] is None


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--candidate", "oracle"], "no candidate oracle: use words, words-balanced"),
        (["--candidate", "words+words"], r"no candidate words\+words"),
        (["--leave", "nothing"], "--leave nothing is none of source, generator, both"),
        (["--out", "nowhere/figures.json"], "no folder nowhere"),
    ],
)
def test_arguments_that_cannot_be_used_are_refused_with_a_sentence(
    tmp_path: Path, arguments: list[str], sentence: str
) -> None:
    command = ["compare", "--data", str(tmp_path), "--out", str(tmp_path / "figures.json"), *arguments]
    with pytest.raises(InputError, match=sentence):
        CliRunner().invoke(app, command, catch_exceptions=False)


def test_data_in_which_nothing_can_be_left_out_are_refused() -> None:
    people = [row for row in _rows() if row.source == "people"]
    with pytest.raises(InputError, match="none can be left out"):
        source_folds(people, 10)
    with pytest.raises(InputError, match="No generator has 150 texts"):
        generator_folds(people, 10)
    with pytest.raises(InputError, match="no texts of both labels are there to train on"):
        source_folds([row for row in _rows() if row.source == "forum"], 10)
