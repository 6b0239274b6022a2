"""An encoder that nobody has trained begins at random, under the seed, or is refused with a sentence."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from typer.testing import CliRunner

from moderation.cli.detector import app
from moderation.errors import InputError, SettingsError
from moderation.training.detector import loop
from moderation.training.detector.leave_out.encoders import Encoder
from moderation.training.detector.loop import train_on
from moderation.training.detector.plans import TrainingPlan
from moderation.training.detector.rows import TextRow
from moderation.training.detector.starting_point import FromConfiguration
from tests.unit.detector.small_encoders import (
    BERT_TOKENS,
    assert_same,
    differ,
    rows_of,
    small_bert,
    small_roberta_config,
    tokenizer_with,
    weights_of,
)

_CPU = torch.device("cpu")
_ROWS = rows_of({"forum": (60, 60)})


def _plan(steps: int, seed: int = 1) -> TrainingPlan:
    return TrainingPlan(
        steps=steps, batch_texts=8, warmup_steps=1, checkpoint_every=2, cooldown_share=0.0001, attacked_share=0.0,
        seed=seed,
    )  # fmt: skip


def test_a_directory_without_weights_and_its_two_files_give_the_same_run(tmp_path: Path) -> None:
    folder = small_roberta_config(tmp_path / "roberta")
    train_on(_ROWS, (), tmp_path / "folder", folder, _plan(3), _CPU)
    files = FromConfiguration(folder / "config.json", folder / "tokenizer.json")
    train_on(_ROWS, (), tmp_path / "files", files, _plan(3), _CPU)
    assert_same(weights_of(tmp_path / "folder"), weights_of(tmp_path / "files"))


def test_another_seed_gives_other_weights(tmp_path: Path) -> None:
    folder = small_roberta_config(tmp_path / "roberta")
    for seed in (1, 2):
        train_on(_ROWS, (), tmp_path / str(seed), folder, _plan(1, seed), _CPU)
    one, two = (weights_of(tmp_path / str(seed)) for seed in (1, 2))
    name = "encoder.layer.0.attention.self.query.weight"
    assert np.abs(one[name] - two[name]).max() > 0.01


def test_random_word_embeddings_move_and_trained_ones_stay(tmp_path: Path) -> None:
    folder = small_roberta_config(tmp_path / "roberta")
    train_on(_ROWS, (), tmp_path / "random", folder, _plan(1), _CPU)
    first = weights_of(tmp_path / "random")
    train_on(_ROWS, (), tmp_path / "random", folder, _plan(4), _CPU)
    name = "embeddings.word_embeddings.weight"
    assert differ({name: first[name]}, weights_of(tmp_path / "random")), "also after the run was continued"
    bert = small_bert(tmp_path / "bert")
    train_on(_ROWS, (), tmp_path / "trained", bert, _plan(4), _CPU)
    np.testing.assert_array_equal(weights_of(tmp_path / "trained")[name], load_file(bert / "model.safetensors")[name])


def test_a_run_from_a_configuration_continues_as_if_never_stopped(tmp_path: Path) -> None:
    folder = small_roberta_config(tmp_path / "roberta")
    train_on(_ROWS, (), tmp_path / "whole", folder, _plan(5), _CPU)
    train_on(_ROWS, (), tmp_path / "parts", folder, _plan(2), _CPU)
    train_on(_ROWS, (), tmp_path / "parts", folder, _plan(5), _CPU)
    assert_same(weights_of(tmp_path / "whole"), weights_of(tmp_path / "parts"))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"model_type": "gpt2"}, "configures a gpt2, which is no encoder alone"),
        ({"model_type": "bart"}, "configures a bart, which is no encoder alone"),
        ({"is_decoder": True}, "which is no encoder alone"),
        ({"model_type": "parrot"}, "no model configuration that transformers knows"),
        ({"vocab_size": 99}, "vocabulary of 99, but .* gives ids up to 99: set vocab_size to 100"),
        ({"pad_token_id": 0}, "set pad_token_id to 1"),
        ({"max_position_embeddings": 128}, "cannot read 128 tokens; set a larger max_position_embeddings"),
        ({"hidden_size": 15}, "transformers cannot build this roberta"),
    ],
)
def test_a_configuration_that_cannot_be_used_is_refused_with_a_sentence(
    tmp_path: Path, changes: dict[str, Any], sentence: str
) -> None:
    folder = small_roberta_config(tmp_path / "odd", **changes)
    with pytest.raises(InputError, match=sentence):
        train_on(_ROWS, (), tmp_path / "run", folder, _plan(1), _CPU)


def _changed_config(folder: Path, **changes: Any) -> None:
    content = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps(content | changes), encoding="utf-8")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"model_type": "bart"}, "configures a bart, which is no encoder alone"),
        ({"model_type": "gpt2"}, "configures a gpt2, which is no encoder alone"),
        ({"model_type": "vit"}, "configures a vit, which is no encoder alone"),
        ({"model_type": "parrot"}, "holds no encoder that transformers can load"),
        ({"vocab_size": 99}, "vocabulary of 99, but its tokenizer gives ids up to 99"),
        ({"hidden_size": 32}, "holds no encoder that transformers can load"),
        ({"max_position_embeddings": 20}, "holds no encoder that transformers can load"),
    ],
)
def test_a_checkpoint_of_the_wrong_kind_is_refused_with_a_sentence(
    tmp_path: Path, changes: dict[str, Any], sentence: str
) -> None:
    folder = small_bert(tmp_path / "odd")
    _changed_config(folder, **changes)
    with pytest.raises(InputError, match=sentence):
        train_on(_ROWS, (), tmp_path / "run", folder, _plan(1), _CPU)


def test_a_checkpoint_that_cannot_read_a_section_is_refused(tmp_path: Path) -> None:
    folder = small_bert(tmp_path / "short", max_position_embeddings=100)
    with pytest.raises(InputError, match="cannot read 128 tokens"):
        train_on(_ROWS, (), tmp_path / "run", folder, _plan(1), _CPU)


@pytest.mark.parametrize("rows", [[], [row for row in _ROWS if row.label == 0]], ids=["none", "people alone"])
def test_rows_that_teach_nothing_are_refused(tmp_path: Path, rows: list[TextRow]) -> None:
    with pytest.raises(InputError, match="texts of people and of machines"):
        train_on(rows, (), tmp_path / "run", small_bert(tmp_path / "encoder"), _plan(1), _CPU)


@pytest.mark.parametrize("content", ["", "[]", "{}", "\xff"])
def test_a_file_that_is_no_configuration_is_refused(tmp_path: Path, content: str) -> None:
    folder = small_roberta_config(tmp_path / "odd")
    (folder / "config.json").write_text(content, encoding="latin-1")
    with pytest.raises(InputError, match="no model configuration"):
        train_on(_ROWS, (), tmp_path / "run", folder, _plan(1), _CPU)


def test_a_file_that_is_no_tokenizer_is_refused(tmp_path: Path) -> None:
    folder = small_roberta_config(tmp_path / "odd")
    (folder / "tokenizer.json").write_text("{}", encoding="utf-8")
    with pytest.raises(InputError, match="describes no tokenizer"):
        train_on(_ROWS, (), tmp_path / "run", folder, _plan(1), _CPU)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (lambda folder: ["--from-config", f"{folder}/config.json"], "belong together"),
        (lambda folder: ["--tokenizer", f"{folder}/tokenizer.json"], "belong together"),
        (
            lambda folder: ["--from", folder, "--from-config", f"{folder}/config.json", "--tokenizer", f"{folder}/t"],
            "two beginnings",
        ),
    ],
)
@pytest.mark.parametrize("command", ["train", "pretrain"])
def test_options_that_name_half_a_beginning_or_two_are_refused(
    tmp_path: Path, command: str, options: Callable[[str], list[str]], sentence: str
) -> None:
    arguments = [command, "--data", str(tmp_path), "--out", str(tmp_path / "run"), *options(str(tmp_path))]
    with pytest.raises(SettingsError, match=sentence):
        CliRunner().invoke(app, arguments, catch_exceptions=False)


def test_the_command_begins_at_random_and_looks_for_hard_texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "load_training_rows", lambda data_dir, manifest, all_rows: _ROWS)
    folder = small_roberta_config(tmp_path / "roberta")
    arguments = ["train", "--data", str(tmp_path), "--out", str(tmp_path / "run"), "--steps", "2", "--batch-texts", "8"]
    arguments += ["--from-config", str(folder / "config.json"), "--tokenizer", str(folder / "tokenizer.json")]
    arguments += ["--hard-negative-share", "0.3", "--hard-negative-from", "1"]
    assert CliRunner().invoke(app, arguments, catch_exceptions=False).exit_code == 0
    plan = torch.load(tmp_path / "run" / "checkpoint" / "training_state.pt", weights_only=True)["plan"]
    assert (plan["hard_negative_share"], plan["hard_negative_from"]) == (0.3, 1)


def test_a_configuration_that_cannot_be_used_is_refused_before_the_data_are_read(tmp_path: Path) -> None:
    folder = small_roberta_config(tmp_path / "odd", vocab_size=10)
    with pytest.raises(InputError, match="set vocab_size to 100"):
        loop.train(tmp_path / "no data", tmp_path / "run", folder, _plan(1), _CPU)


def test_another_configuration_to_begin_with_is_another_candidate(tmp_path: Path) -> None:
    one = small_roberta_config(tmp_path / "one")
    same = small_roberta_config(tmp_path / "same")
    other = small_roberta_config(tmp_path / "other", num_hidden_layers=2)
    described = [Encoder(_plan(3), folder, _CPU).description for folder in (one, same, other)]
    assert described[0] == described[1] != described[2]


def test_a_candidate_is_described_by_new_settings_only_where_it_has_them(tmp_path: Path) -> None:
    """Kept scores are found by the description: those of older candidates must be found again."""
    folder = small_bert(tmp_path / "bert")
    plain, hard = (
        Encoder(TrainingPlan(steps=3, hard_negative_share=share), folder, _CPU).description.partition(": ")[2]
        for share in (0.0, 0.3)
    )
    assert plain == (
        "steps 3, batch_texts 64, peak_learning_rate 0.0002, warmup_steps 100, cooldown_share 0.3, "
        "attacked_share 0.25, seed 1"
    )
    assert hard == plain + ", hard_negative_share 0.3"


def test_a_bert_can_begin_at_random_too(tmp_path: Path) -> None:
    folder = small_roberta_config(tmp_path / "bert", model_type="bert", pad_token_id=0)
    tokenizer_with(BERT_TOKENS).save(str(folder / "tokenizer.json"))
    train_on(_ROWS, (), tmp_path / "run", folder, _plan(1), _CPU)
    assert "embeddings.word_embeddings.weight" in weights_of(tmp_path / "run")


def test_an_encoder_without_a_pooling_layer_begins_continues_and_ends(tmp_path: Path) -> None:
    folder = small_roberta_config(tmp_path / "distilbert", model_type="distilbert", dim=16, pad_token_id=0)
    tokenizer_with(BERT_TOKENS).save(str(folder / "tokenizer.json"))
    for steps in (1, 2):
        train_on(_ROWS, (), tmp_path / "run", folder, _plan(steps), _CPU)
    assert weights_of(tmp_path / "run")
