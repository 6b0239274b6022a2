"""A training run depends only on its seed and plan, not on interruptions."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import BertConfig, BertModel

from moderation.errors import InputError, SettingsError
from moderation.lab.detector import loop
from moderation.lab.detector.batches import SpecialTokens, batch_of_step, tokenise
from moderation.lab.detector.loop import TrainingPlan, learning_rate, train
from moderation.lab.metrics.intervals import figures_of, weighted_auroc, weighted_tpr
from moderation.lab.textdata.rows import TextRow

pytestmark = pytest.mark.slow

_CPU = torch.device("cpu")


def _rows() -> list[TextRow]:
    rng = np.random.default_rng(5)
    return [
        TextRow(
            f"r{number}", "ours", number % 2, f"g{number}",
            " ".join(f"w{word}" for word in rng.integers(10, 90, 5 + number % 40) + 5 * (number % 2)), "", "permissive",
        )
        for number in range(400)
    ]  # fmt: skip


def _tokenizer() -> Tokenizer:
    names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *(f"w{number}" for number in range(4, 100))]
    tokenizer = Tokenizer(models.WordLevel({name: number for number, name in enumerate(names)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return tokenizer


@pytest.fixture
def encoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(loop, "load_training_rows", lambda data_dir, manifest, all_rows: _rows())
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=100, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=140,
    )  # fmt: skip
    BertModel(config).save_pretrained(tmp_path / "encoder")
    _tokenizer().save(str(tmp_path / "encoder" / "tokenizer.json"))
    return tmp_path / "encoder"


def _plan(steps: int, seed: int = 1) -> TrainingPlan:
    return TrainingPlan(
        steps=steps,
        batch_texts=8,
        warmup_steps=2,
        checkpoint_every=2,
        validate_every=6,
        seed=seed,
        cooldown_share=0.0001,
    )


def _weights(out: Path) -> dict[str, np.ndarray]:
    weights: dict[str, np.ndarray] = load_file(out / "checkpoint" / "model.safetensors")
    return weights


def _losses(out: Path) -> list[float]:
    entries = [json.loads(line) for line in (out / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    return [entry["loss"] for entry in entries if "loss" in entry]


def test_bfloat16_run_is_deterministic_with_fp32_weights(encoder: Path, tmp_path: Path) -> None:
    plan = replace(_plan(6), bf16=True)
    for out in ("one", "two"):
        train(tmp_path, tmp_path / out, encoder, plan, _CPU)
    train(tmp_path, tmp_path / "fp32", encoder, _plan(6), _CPU)
    one, two, fp32 = (_weights(tmp_path / out) for out in ("one", "two", "fp32"))
    for name, value in one.items():
        np.testing.assert_array_equal(two[name], value)
        assert value.dtype == np.float32
    assert any((one[name] != fp32[name]).any() for name in one)
    losses, of_fp32 = (_losses(tmp_path / out) for out in ("one", "fp32"))
    np.testing.assert_allclose(losses, of_fp32, rtol=0.02)
    with pytest.raises(SettingsError, match="bf16"):
        train(tmp_path, tmp_path / "one", encoder, replace(plan, steps=8, bf16=False), _CPU)


def test_interrupted_run_gives_the_same_result(encoder: Path, tmp_path: Path) -> None:
    train(tmp_path, tmp_path / "whole", encoder, _plan(6), _CPU)
    train(tmp_path, tmp_path / "parts", encoder, _plan(4), _CPU)
    train(tmp_path, tmp_path / "parts", encoder, _plan(6), _CPU)
    whole, parts = _weights(tmp_path / "whole"), _weights(tmp_path / "parts")
    for name, value in whole.items():
        np.testing.assert_allclose(parts[name], value, atol=1e-6)
    entries = [json.loads(line) for line in (tmp_path / "whole" / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    assert "validation" in entries[-1]


def test_run_killed_during_save_continues_from_previous_save(encoder: Path, tmp_path: Path) -> None:
    train(tmp_path, tmp_path / "whole", encoder, _plan(6), _CPU)
    train(tmp_path, tmp_path / "run", encoder, _plan(4), _CPU)
    (tmp_path / "run" / "checkpoint").rename(tmp_path / "run" / ".checkpoint.old")
    train(tmp_path, tmp_path / "run", encoder, _plan(6), _CPU)
    assert len(_losses(tmp_path / "run")) == 6
    for name, value in _weights(tmp_path / "whole").items():
        np.testing.assert_allclose(_weights(tmp_path / "run")[name], value, atol=1e-6)


def test_run_stopped_during_validation_repeats_it(
    encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = replace(_plan(8), validate_every=4)  # when it is saved, too
    train(tmp_path, tmp_path / "whole", encoder, plan, _CPU)

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as stopped:
        stopped.setattr(loop, "within_source", stop)
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path, tmp_path / "run", encoder, plan, _CPU)
    train(tmp_path, tmp_path / "run", encoder, plan, _CPU)
    logged = [
        [
            {name: value for name, value in json.loads(line).items() if name != "step_s"}
            for line in (tmp_path / out / "log.jsonl").read_text(encoding="utf-8").splitlines()
        ]
        for out in ("whole", "run")
    ]
    assert [entry["step"] for entry in logged[0] if "validation" in entry] == [4, 8]
    assert logged[0] == logged[1]


@pytest.mark.parametrize(
    ("file", "damage", "message"),
    [
        ("cls_mean_head.safetensors", Path.unlink, "lacks cls_mean_head.safetensors"),
        ("cls_mean_head.safetensors", lambda path: path.write_bytes(b"{"), "damaged"),
        ("model.safetensors", lambda path: path.write_bytes(path.read_bytes()[:-40]), "damaged"),
        ("training_state.pt", lambda path: path.write_bytes(path.read_bytes()[:900]), "damaged"),
    ],
)
def test_damaged_run_is_refused_and_not_restarted(
    file: str, damage: Callable[[Path], object], message: str, encoder: Path, tmp_path: Path
) -> None:
    train(tmp_path, tmp_path / "run", encoder, _plan(2), _CPU)
    damage(tmp_path / "run" / "checkpoint" / file)
    with pytest.raises(InputError, match=message):
        train(tmp_path, tmp_path / "run", encoder, _plan(4), _CPU)
    assert len(_losses(tmp_path / "run")) == 2


def test_run_with_another_seed_is_refused(encoder: Path, tmp_path: Path) -> None:
    train(tmp_path, tmp_path / "run", encoder, _plan(2), _CPU)
    with pytest.raises(SettingsError, match="began with seed=1"):
        train(tmp_path, tmp_path / "run", encoder, _plan(4, seed=2), _CPU)


def test_rows_with_restrictive_licence_need_all_rows(
    encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = [replace(row, id=f"n{row.id}", source="theirs", licence="cc-by-nc-sa") for row in _rows()]
    monkeypatch.setattr(loop, "load_training_rows", lambda data_dir, manifest, all_rows: [*_rows(), *more * all_rows])
    train(Path("unused"), tmp_path / "run", encoder, replace(_plan(2), all_rows=True), _CPU)
    with pytest.raises(SettingsError, match="began with all_rows=True, not False"):
        train(Path("unused"), tmp_path / "run", encoder, _plan(4), _CPU)
    read: list[set[str]] = []
    monkeypatch.setattr(loop, "train_on", lambda rows, *rest: read.append({row.source for row in rows}))
    for all_rows in (False, True):
        train(Path("unused"), tmp_path / f"{all_rows}", encoder, replace(_plan(2), all_rows=all_rows), _CPU)
    assert read == [{"ours"}, {"ours", "theirs"}]


def test_an_encoder_without_a_tokenizer_is_refused(encoder: Path, tmp_path: Path) -> None:
    (encoder / "tokenizer.json").unlink()
    with pytest.raises(InputError, match=r"tokenizer\.json"):
        train(tmp_path, tmp_path / "run", encoder, _plan(2), _CPU)


def test_batches_are_balanced_cropped_and_the_same_for_the_same_step() -> None:
    texts = tokenise(_rows(), _tokenizer())
    special = SpecialTokens(2, 3, 0, 1)
    batches = [batch_of_step(texts, special, 7, step, 64) for step in range(16)]
    again = batch_of_step(texts, special, 7, 5, 64)
    np.testing.assert_array_equal(again.ids, batches[5].ids)
    assert np.mean([batch.labels.mean() for batch in batches]) == pytest.approx(0.5, abs=0.05)
    assert max(batch.ids.shape[1] for batch in batches) <= 128
    assert all((batch.ids[:, 0] == 2).all() for batch in batches)


def test_attacked_share_is_applied_and_labels_stay() -> None:
    rows, special = _rows(), SpecialTokens(2, 3, 0, 1)
    texts = tokenise(rows, _tokenizer(), attacked=True)
    assert texts.attacked is not None
    changed = [not np.array_equal(texts.tokens.of(n), texts.attacked.of(n)) for n in range(len(rows))]
    assert np.mean(changed) > 0.9, "nearly every text can be attacked"
    clean, mixed, attacked = (
        [batch_of_step(texts, special, 7, step, 64, share) for step in range(8)] for share in (0.0, 0.5, 1.0)
    )
    machines = [sum(float(batch.labels.sum()) for batch in some) for some in (clean, mixed, attacked)]
    assert machines[0] == machines[1] == machines[2], "the same texts, with the same labels"
    unknown = [np.mean([(batch.ids == special.unknown).mean() for batch in some]) for some in (clean, mixed, attacked)]
    assert unknown[0] < unknown[1] < unknown[2], "attacked words are new to the vocabulary of the test"


def test_learning_rate_warms_up_and_cools_down() -> None:
    plan = TrainingPlan(steps=1000, warmup_steps=100, peak_learning_rate=1.0, cooldown_share=0.2)
    assert learning_rate(plan, 0) == pytest.approx(0.01)
    assert learning_rate(plan, 500) == 1.0
    assert learning_rate(plan, 900) == pytest.approx(0.5)
    assert learning_rate(plan, 1000) == 0.0


def test_weighted_figures_equal_those_of_repeated_texts() -> None:
    scores = np.array([0.1, 0.4, 0.35, 0.8, 0.4])
    labels = np.array([0, 0, 1, 1, 1])
    weights = np.array([2.0, 1.0, 1.0, 3.0, 1.0])
    repeated = np.repeat(np.arange(5), weights.astype(int))
    ones = np.ones(len(repeated))
    assert weighted_auroc(scores, labels, weights) == pytest.approx(
        weighted_auroc(scores[repeated], labels[repeated], ones)
    )
    assert weighted_tpr(scores, labels, np.ones(5), 0.01) == pytest.approx(1 / 3)


def test_unsupported_figure_is_not_reported() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 300)
    figures = figures_of(rng.normal(labels), labels, ["one group"] * 600)
    assert figures["tpr_at_1_percent"] == "not supported (n=300)"
    assert figures["auroc_interval"] == "not supported (groups=1)"
    assert isinstance(figures["tpr_at_5_percent"], float)
