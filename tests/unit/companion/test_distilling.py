"""A language model is made smaller: entries and layers go, and what stays learns to expect what the whole expected."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM
from typer.testing import CliRunner

from export.causal.bundle import CompanionOrder, write_companion
from moderation.cli.companion import app
from moderation.detector.companion import load_companion
from moderation.errors import InputError, SettingsError
from moderation.training.detector.language_model.corpus import END_OF_TEXT, new_tokenizer
from moderation.training.detector.language_model.distilling import distil_on
from moderation.training.detector.language_model.pruning import (
    check_smaller,
    layers_that_change_most,
    with_fewer_entries,
    with_layers,
)
from moderation.training.detector.plans import DistillationPlan
from moderation.training.detector.rows import TextRow
from tests.unit.companion.checkpoints import TEXTS
from tests.unit.detector.small_encoders import assert_same, differ, log_of, weights_of
from tests.unit.detector.small_text_data import row, sentence

_CPU = torch.device("cpu")
_ENTRIES, _FEWER, _LAYERS = 400, 340, 5


def _rows(first: int = 0, count: int = 200) -> list[TextRow]:
    rng = np.random.default_rng(first)
    return [row(first + number, "forum", 0, sentence(rng, 0, first + number)) for number in range(count)]


_ROWS, _HELD_OUT = _rows(), _rows(1000, 40)


@pytest.fixture(scope="module")
def whole() -> tuple[Any, Tokenizer]:
    """A language model of five layers of random weights, of which the second does nothing."""
    torch.manual_seed(3)
    tokenizer = new_tokenizer([row.text for row in _ROWS], _ENTRIES)
    network: Any = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=tokenizer.get_vocab_size(), hidden_size=32, intermediate_size=64, num_hidden_layers=_LAYERS,
            num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=64, tie_word_embeddings=True,
            bos_token_id=0, eos_token_id=0, initializer_range=0.3,
        )
    ).eval()  # fmt: skip
    with torch.no_grad():
        network.model.layers[1].self_attn.o_proj.weight.zero_()
        network.model.layers[1].mlp.down_proj.weight.zero_()
    return network.requires_grad_(False), tokenizer


def _plan(steps: int, **changes: Any) -> DistillationPlan:
    plan = DistillationPlan(
        steps=steps, batch_texts=4, warmup_steps=1, checkpoint_every=2, cooldown_share=0.0001, vocabulary=_FEWER,
        layers=3, window_tokens=32, validate_every=30, held_out_windows=8, peak_learning_rate=3e-3,
    )  # fmt: skip
    return replace(plan, **changes)


def _distil(whole: tuple[Any, Tokenizer], out: Path, plan: DistillationPlan) -> None:
    distil_on(*whole, _ROWS, _HELD_OUT, out, plan, _CPU)


def test_what_stays_comes_to_expect_what_the_whole_expected(whole: tuple[Any, Tokenizer], tmp_path: Path) -> None:
    _distil(whole, tmp_path / "run", _plan(60))
    entries = log_of(tmp_path / "run")
    judged = [entry["held_out"]["divergence_nats"] for entry in entries if "held_out" in entry]
    losses = [entry["loss"] for entry in entries if "loss" in entry]
    assert len(judged) == 2
    assert 0 < judged[-1] < 0.75 * losses[0]
    assert entries[0]["of"] == _LAYERS
    assert 1 not in entries[0]["layers"]


def test_a_run_that_was_stopped_goes_on_to_the_same_weights(whole: tuple[Any, Tokenizer], tmp_path: Path) -> None:
    _distil(whole, tmp_path / "once", _plan(4))
    _distil(whole, tmp_path / "twice", _plan(2))
    _distil(whole, tmp_path / "twice", _plan(4))
    assert_same(weights_of(tmp_path / "once"), weights_of(tmp_path / "twice"))
    _distil(whole, tmp_path / "other", _plan(4, seed=2))
    assert differ(weights_of(tmp_path / "once"), weights_of(tmp_path / "other"))


def test_a_run_of_another_plan_is_refused(whole: tuple[Any, Tokenizer], tmp_path: Path) -> None:
    _distil(whole, tmp_path / "run", _plan(2))
    with pytest.raises(SettingsError, match="was begun with layers=3, not 2"):
        _distil(whole, tmp_path / "run", _plan(2, layers=2))


def test_a_run_goes_on_with_the_model_that_it_began_with(whole: tuple[Any, Tokenizer], tmp_path: Path) -> None:
    _distil(whole, tmp_path / "run", _plan(2))
    other = copy.deepcopy(whole[0])
    with torch.no_grad():
        other.model.layers[0].mlp.up_proj.weight.mul_(1.01)
    with pytest.raises(SettingsError, match="was begun with larger_model="):
        _distil((other, whole[1]), tmp_path / "run", _plan(4))


def test_the_smaller_one_becomes_a_companion(whole: tuple[Any, Tokenizer], tmp_path: Path) -> None:
    _distil(whole, tmp_path / "run", _plan(2))
    out = write_companion(
        tmp_path / "run" / "checkpoint", tmp_path / "out", CompanionOrder("less", ("int8",), max_tokens=31, texts=TEXTS)
    )
    companion = load_companion(out, 1)
    assert companion.manifest.vocabulary == _FEWER
    assert companion.manifest.first_token.name == END_OF_TEXT
    (score,) = companion.score([_HELD_OUT[0].text])
    assert np.isfinite(score.features.curvature)


def test_a_layer_that_does_nothing_goes_first_and_the_last_one_stays(whole: tuple[Any, Tokenizer]) -> None:
    windows = np.random.default_rng(1).integers(0, _FEWER, (4, 16)).astype(np.int32)
    assert layers_that_change_most(whole[0], windows, 4) == (0, 2, 3, 4)
    assert layers_that_change_most(whole[0], windows, 1) == (4,)
    ids = torch.from_numpy(windows.astype(np.int64))
    rest = with_layers(whole[0], (0, 2, 3, 4))
    torch.testing.assert_close(rest(input_ids=ids).logits, whole[0](input_ids=ids).logits)
    assert len(whole[0].base_model.layers) == _LAYERS


def test_fewer_entries_read_the_same_text_in_smaller_pieces(whole: tuple[Any, Tokenizer]) -> None:
    network, tokenizer = with_fewer_entries(*whole, _FEWER)
    assert network.config.vocab_size == tokenizer.get_vocab_size() == _FEWER
    for text in (_ROWS[0].text, "Ünüsual – 12 words\n☕"):
        ids, before = (each.encode(text, add_special_tokens=False).ids for each in (tokenizer, whole[1]))
        assert max(ids) < _FEWER
        assert len(ids) >= len(before)
        assert tokenizer.decode(ids) == text
    table = network.get_input_embeddings().weight
    assert torch.equal(table, whole[0].get_input_embeddings().weight[:_FEWER])
    assert network.get_output_embeddings().weight.data_ptr() == table.data_ptr()


@pytest.mark.parametrize(
    ("entries", "layers", "said"),
    [
        (_ENTRIES + 1, 3, "The vocabulary can have from 300 to .*, not 401"),
        (10, 3, "The vocabulary can have from 300 to .*, not 10"),
        (_FEWER, 6, "has 5 layers; keep from 1 to 5 of them, not 6"),
        (_FEWER, 0, "has 5 layers; keep from 1 to 5 of them, not 0"),
    ],
)
def test_it_can_neither_grow_nor_vanish(whole: tuple[Any, Tokenizer], entries: int, layers: int, said: str) -> None:
    with pytest.raises(InputError, match=said):
        check_smaller(*whole, entries, layers)


def test_a_vocabulary_of_another_kind_and_another_family_are_refused(whole: tuple[Any, Tokenizer]) -> None:
    words = Tokenizer(models.WordLevel({"a": 0, "b": 1}, unk_token="a"))
    with pytest.raises(InputError, match="Only a vocabulary of merges"):
        check_smaller(whole[0], words, 300, 3)
    late = Tokenizer.from_str(whole[1].to_str().replace(END_OF_TEXT, "<|between|>"))
    with pytest.raises(InputError, match=r"<\|endoftext\|>, which stands between texts, is not among the first 340"):
        check_smaller(whole[0], late, _FEWER, 3)
    gpt2 = GPT2LMHeadModel(GPT2Config(vocab_size=300, n_positions=16, n_embd=8, n_layer=2, n_head=2))
    with pytest.raises(InputError, match="of the Llama, Mistral or Qwen2 family alone"):
        check_smaller(gpt2, whole[1], 300, 1)


def test_the_command_says_what_is_missing(llama: Path, tmp_path: Path) -> None:
    missing = CliRunner().invoke(app, ["distil", str(tmp_path / "none"), "--data", str(tmp_path), "--out", "run"])
    assert "has no config.json" in str(missing.exception)
    words = CliRunner().invoke(app, ["distil", str(llama), "--data", str(tmp_path), "--out", str(tmp_path / "run")])
    assert "Only a vocabulary of merges" in str(words.exception)
