"""Pretraining learns the words of people, depends on its seed alone, and gives what a training run begins with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from tokenizers import Tokenizer
from typer.testing import CliRunner

from moderation.cli.detector import app
from moderation.errors import InputError, SettingsError
from moderation.training.detector import pretraining
from moderation.training.detector.batches import Batch, SpecialTokens
from moderation.training.detector.loop import train_on
from moderation.training.detector.masking import guessing_loss, masked, masked_language_model
from moderation.training.detector.plans import PretrainingPlan, TrainingPlan
from moderation.training.detector.pretraining import pretrain_on
from tests.unit.detector.small_encoders import (
    BERT_TOKENS,
    assert_same,
    differ,
    log_of,
    rows_of,
    small_bert,
    small_roberta_config,
    tokenizer_with,
    weights_of,
)

_CPU = torch.device("cpu")
_ROWS = rows_of({"forum": (60, 60)})
_SPECIAL = SpecialTokens(2, 3, 0, 1)


def _plan(steps: int, seed: int = 1, *, machine_texts: bool = False) -> PretrainingPlan:
    return PretrainingPlan(
        steps=steps, batch_texts=8, warmup_steps=1, checkpoint_every=2, cooldown_share=0.0001, seed=seed,
        machine_texts=machine_texts, peak_learning_rate=3e-3,
    )  # fmt: skip


def _batch(texts: int, words: int) -> Batch:
    ids = np.random.default_rng(3).integers(10, 100, (texts, words))
    ids[:, 0], ids[:, -2], ids[:, -1], ids[:, 5] = 2, 3, 0, 1
    return Batch(ids, (ids != 0).astype(np.int64), np.zeros(texts, np.float32), np.arange(texts))


def test_fifteen_percent_of_the_words_are_to_guess_and_most_of_these_are_hidden() -> None:
    batch = _batch(100, 104)
    hidden = masked(batch, _SPECIAL, 4, 100, 1, 0)
    guessed = hidden.targets != -100
    assert guessed.sum() / (100 * 100) == pytest.approx(0.15, abs=0.01)
    np.testing.assert_array_equal(hidden.targets[guessed], batch.ids[guessed])
    np.testing.assert_array_equal(hidden.ids[~guessed], batch.ids[~guessed])
    assert np.mean(hidden.ids[guessed] == 4) == pytest.approx(0.8, abs=0.03)
    assert np.mean(hidden.ids[guessed] == batch.ids[guessed]) == pytest.approx(0.1, abs=0.03)
    assert not guessed[:, [0, 5, -2, -1]].any(), "special and unknown tokens are no words"


def test_the_same_words_are_hidden_for_the_same_seed_and_step() -> None:
    batch = _batch(10, 50)
    one, same, later, other = (masked(batch, _SPECIAL, 4, 100, *of) for of in ((1, 5), (1, 5), (1, 6), (2, 5)))
    np.testing.assert_array_equal(one.ids, same.ids)
    assert not np.array_equal(one.targets, later.targets)
    assert not np.array_equal(one.targets, other.targets)


def test_a_batch_of_few_words_has_one_to_guess() -> None:
    for step in range(20):
        assert (masked(_batch(1, 7), _SPECIAL, 4, 100, 1, step).targets != -100).any()


@pytest.mark.parametrize("kind", ["roberta", "bert", "distilbert"])
def test_the_loss_is_that_of_the_whole_network_on_the_words_to_guess(tmp_path: Path, kind: str) -> None:
    changes = {"dim": 16, "hidden_dim": 32} if kind == "distilbert" else {}
    folder = small_roberta_config(tmp_path / kind, model_type=kind, **changes)
    torch.manual_seed(0)
    found = masked_language_model(pretraining.resolved(folder))
    found.eval()
    hidden = masked(_batch(4, 30), _SPECIAL, 4, 100, 1, 0)
    ids, mask, targets = (torch.from_numpy(part) for part in (hidden.ids, hidden.mask, hidden.targets))
    mean = found(input_ids=ids, attention_mask=mask, labels=targets).loss
    torch.testing.assert_close(guessing_loss(found, ids, mask, targets) / (targets != -100).sum(), mean)


def test_the_head_is_tied_to_the_word_embeddings(tmp_path: Path) -> None:
    for start in (small_bert(tmp_path / "bert"), small_roberta_config(tmp_path / "roberta", tie_word_embeddings=False)):
        found = masked_language_model(pretraining.resolved(start))
        assert found.get_output_embeddings().weight is found.get_input_embeddings().weight


def test_the_words_of_a_language_are_learned(tmp_path: Path) -> None:
    rows = [replace(row, text=" ".join(f"w{20 + number % 10}" for number in range(40))) for row in _ROWS]
    pretrain_on(rows, tmp_path / "run", small_roberta_config(tmp_path / "roberta"), _plan(60), _CPU)
    losses = [entry["loss"] for entry in log_of(tmp_path / "run")]
    assert losses[0] == pytest.approx(np.log(100), abs=0.3)
    assert np.mean(losses[-5:]) < np.log(12), "it is one of ten words"


def test_two_runs_are_the_same_and_an_interrupted_one_continues_as_if_never_stopped(tmp_path: Path) -> None:
    folder = small_roberta_config(tmp_path / "roberta")
    for name, stops in (("one", (5,)), ("two", (5,)), ("parts", (3, 5))):
        for steps in stops:
            pretrain_on(_ROWS, tmp_path / name, folder, _plan(steps), _CPU)
    assert_same(weights_of(tmp_path / "one"), weights_of(tmp_path / "two"))
    assert_same(weights_of(tmp_path / "one"), weights_of(tmp_path / "parts"))
    with pytest.raises(SettingsError, match="begun with seed=1"):
        pretrain_on(_ROWS, tmp_path / "one", folder, _plan(6, seed=2), _CPU)


def test_texts_of_machines_are_read_only_when_asked_for(tmp_path: Path) -> None:
    folder = small_roberta_config(tmp_path / "roberta")
    people = [row for row in _ROWS if row.label == 0]
    for name, rows, machines in (("all", _ROWS, False), ("people", people, False), ("machines", _ROWS, True)):
        pretrain_on(rows, tmp_path / name, folder, _plan(2, machine_texts=machines), _CPU)
    assert_same(weights_of(tmp_path / "all"), weights_of(tmp_path / "people"))
    assert differ(weights_of(tmp_path / "all"), weights_of(tmp_path / "machines"))
    with pytest.raises(InputError, match="no text to pretrain on"):
        pretrain_on([row for row in _ROWS if row.label == 1], tmp_path / "none", folder, _plan(2), _CPU)


def test_a_checkpoint_is_pretrained_further_with_its_word_embeddings_as_they_are(tmp_path: Path) -> None:
    bert = small_bert(tmp_path / "bert")
    pretrain_on(_ROWS, tmp_path / "run", bert, _plan(4), _CPU)
    before, after = load_file(bert / "model.safetensors"), weights_of(tmp_path / "run")
    name = "embeddings.word_embeddings.weight"
    np.testing.assert_array_equal(after[f"bert.{name}"], before[name])
    name = "encoder.layer.0.attention.self.query.weight"
    assert 0 < np.abs(after[f"bert.{name}"] - before[name]).max() < 0.1


def test_training_begins_with_the_pretrained_weights(tmp_path: Path) -> None:
    pretrain_on(_ROWS, tmp_path / "pre", small_roberta_config(tmp_path / "roberta"), _plan(2), _CPU)
    still = TrainingPlan(steps=1, batch_texts=8, peak_learning_rate=0.0, attacked_share=0.0)
    train_on(_ROWS, (), tmp_path / "run", tmp_path / "pre" / "checkpoint", still, _CPU)
    before, after = weights_of(tmp_path / "pre"), weights_of(tmp_path / "run")
    encoder = {name: value for name, value in after.items() if f"roberta.{name}" in before}
    assert len(encoder) > 20
    assert_same(encoder, {name: before[f"roberta.{name}"] for name in encoder})


def test_a_run_of_the_other_kind_is_not_continued(tmp_path: Path) -> None:
    folder = small_roberta_config(tmp_path / "roberta")
    pretrain_on(_ROWS, tmp_path / "pre", folder, _plan(1), _CPU)
    with pytest.raises(SettingsError, match="is a pretraining, not a training"):
        train_on(_ROWS, (), tmp_path / "pre", folder, TrainingPlan(steps=2), _CPU)
    train_on(_ROWS, (), tmp_path / "run", folder, TrainingPlan(steps=1, attacked_share=0.0), _CPU)
    with pytest.raises(SettingsError, match="is a training, not a pretraining"):
        pretrain_on(_ROWS, tmp_path / "run", folder, _plan(2), _CPU)


def test_a_tokenizer_without_a_mask_is_refused(tmp_path: Path) -> None:
    bert = small_bert(tmp_path / "bert")
    without: Tokenizer = tokenizer_with(BERT_TOKENS[:-1])
    without.save(str(bert / "tokenizer.json"))
    with pytest.raises(InputError, match=r"neither \[MASK\] nor <mask>"):
        pretrain_on(_ROWS, tmp_path / "run", bert, _plan(1), _CPU)


def test_a_directory_without_an_encoder_is_refused(tmp_path: Path) -> None:
    tokenizer_with(BERT_TOKENS).save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(InputError, match="holds no encoder that transformers can pretrain"):
        pretrain_on(_ROWS, tmp_path / "run", tmp_path, _plan(1), _CPU)


def test_the_command_pretrains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pretraining, "load_partition", lambda data_dir, part, manifest: _ROWS)
    folder = small_roberta_config(tmp_path / "roberta")
    arguments = ["pretrain", "--data", str(tmp_path), "--out", str(tmp_path / "run"), "--from", str(folder)]
    arguments += ["--steps", "2", "--batch-texts", "8"]
    assert CliRunner().invoke(app, arguments, catch_exceptions=False).exit_code == 0
    assert [entry["step"] for entry in log_of(tmp_path / "run")] == [1, 2]
