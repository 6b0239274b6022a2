"""A language model is trained on people's texts of sources without machines, resumably, and becomes a companion."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer
from typer.testing import CliRunner

from export.causal.bundle import CompanionOrder, write_companion
from moderation.cli.companion import app
from moderation.detector.companion import load_companion
from moderation.detector.companion.reading import TextReader
from moderation.errors import InputError, SettingsError
from moderation.training.detector.language_model import training
from moderation.training.detector.language_model.corpus import (
    END_OF_TEXT,
    new_tokenizer,
    people_alone,
    texts_of,
    windows_of,
    windows_of_step,
)
from moderation.training.detector.language_model.training import train_language_model_on
from moderation.training.detector.plans import LanguageModelPlan
from moderation.training.detector.rows import TextRow
from tests.unit.companion.checkpoints import TEXTS
from tests.unit.detector.small_encoders import assert_same, differ, log_of, weights_of
from tests.unit.detector.small_text_data import row, sentence, write_data

_CPU = torch.device("cpu")


def _rows(source: str = "forum", label: int = 0, first: int = 0, count: int = 200) -> list[TextRow]:
    rng = np.random.default_rng(first)
    return [row(first + number, source, label, sentence(rng, label, first + number)) for number in range(count)]


_ROWS = _rows()
_HELD_OUT = _rows(first=1000, count=40)


def _plan(steps: int, **changes: Any) -> LanguageModelPlan:
    plan = LanguageModelPlan(
        steps=steps, batch_texts=4, warmup_steps=1, checkpoint_every=2, cooldown_share=0.0001, vocabulary=400,
        hidden_size=32, layers=2, window_tokens=32, validate_every=20, held_out_windows=8, peak_learning_rate=1e-2,
    )  # fmt: skip
    return replace(plan, **changes)


def _train(out: Path, plan: LanguageModelPlan, rows: list[TextRow] = _ROWS) -> None:
    train_language_model_on(rows, _HELD_OUT, out, plan, _CPU)


def _tokenizer_of(out: Path) -> str:
    return (out / "checkpoint" / "tokenizer.json").read_text(encoding="utf-8")


def test_no_text_of_a_source_with_a_machine_side_is_read() -> None:
    people = _rows("forum", count=3)
    beside = [*_rows("essays", count=3), *_rows("essays", 1, 50, 3), *_rows("bots", 1, 90, 3)]
    # A post that is a near duplicate of an essay has the essay's cluster.
    copied = replace(people[0], id="copy", group=beside[0].group)
    assert people_alone([copied, *beside, *people]) == people


def test_training_reads_what_people_alone_keeps_and_holds_validation_clusters_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: dict[str, Any] = {}
    rows = [*_ROWS, *_rows("essays", 0, 300), *_rows("essays", 1, 600)]
    monkeypatch.setattr(training, "load_partition", lambda data_dir, part, manifest: read.update(part=part) or rows)
    monkeypatch.setattr(
        training, "train_language_model_on", lambda some, held_out, *_: read.update(some=some, held_out=held_out)
    )
    training.train_language_model(tmp_path, tmp_path / "run", _plan(1), _CPU)
    assert read["part"] == "A"
    assert {each.source for each in (*read["some"], *read["held_out"])} == {"forum"}
    assert 0 < len(read["held_out"]) < len(read["some"])
    assert len(read["some"]) + len(read["held_out"]) == len(_ROWS)
    assert not {each.group for each in read["some"]} & {each.group for each in read["held_out"]}


def test_texts_are_cut_into_the_tokens_that_the_companion_reads() -> None:
    rows = [row(1, "forum", 0, "Ｗｅ   won 1925 \ud800 <|endoftext|>\u200b twice"), row(2, "forum", 0, "\u200b ")]
    (text,) = texts_of(rows)
    tokenizer = new_tokenizer([text] * 3, 400)
    end = tokenizer.token_to_id(END_OF_TEXT)
    found = windows_of([text] * 4, tokenizer, 8, 1)
    reader = TextReader(Tokenizer.from_str(tokenizer.to_str()), end, 100, 10_000)
    document = [*reader.token_ids(rows[0].text), end]
    assert end not in document[:-1], "somebody who writes the name of the token does not end a document"
    assert (found[:, 0] == end).all()
    read = found[:, 1:].ravel()
    np.testing.assert_array_equal(read, (document * 4)[: len(read)])
    assert len(read) > len(document) * 4 - 8


def test_digits_are_read_one_by_one() -> None:
    tokenizer = new_tokenizer(["1925 1925 1925"] * 9, 400)
    assert [token.lstrip("Ġ") for token in tokenizer.encode("1925").tokens] == ["1", "9", "2", "5"]


def test_the_order_of_texts_depends_on_the_seed() -> None:
    texts = texts_of(_ROWS)
    tokenizer = new_tokenizer(texts, 400)
    one, same, other = (windows_of(texts, tokenizer, 32, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


def test_every_window_is_read_once_before_any_is_read_twice() -> None:
    read = np.concatenate([windows_of_step(10, 4, 3, step) for step in range(10)])
    for turn in range(4):
        assert sorted(read[turn * 10 : turn * 10 + 10]) == list(range(10))
    assert list(read[:10]) != list(read[10:20])
    assert list(read[:4]) != list(windows_of_step(10, 4, 4, 0))


def test_the_loss_falls_and_texts_never_seen_become_expected(tmp_path: Path) -> None:
    _train(tmp_path, _plan(60))
    entries = log_of(tmp_path)
    losses = [entry["loss"] for entry in entries if "loss" in entry]
    held_out = [entry["held_out"] for entry in entries if "held_out" in entry]
    (shape,) = [entry for entry in entries if "parameters" in entry]
    entries_of_tokenizer = Tokenizer.from_str(_tokenizer_of(tmp_path)).get_vocab_size()
    assert losses[0] == pytest.approx(math.log(entries_of_tokenizer), abs=0.3)
    assert np.mean(losses[-5:]) < 2.5
    assert held_out[-1]["nats_per_token"] < 2.5
    assert held_out[-1]["perplexity"] == pytest.approx(math.exp(held_out[-1]["nats_per_token"]), abs=0.01)
    assert len(held_out) == 3
    assert shape["texts"] == len(_ROWS)


def test_the_held_out_figure_is_that_of_transformers(tmp_path: Path) -> None:
    _train(tmp_path, _plan(2))
    (told,) = [entry["held_out"]["nats_per_token"] for entry in log_of(tmp_path) if "held_out" in entry]
    tokenizer = Tokenizer.from_str(_tokenizer_of(tmp_path))
    windows = torch.from_numpy(windows_of(texts_of(_HELD_OUT), tokenizer, 32, 0)[:8].astype(np.int64))
    model = training.LlamaForCausalLM.from_pretrained(tmp_path / "checkpoint")
    with torch.inference_mode():
        loss = float(model(input_ids=windows, labels=windows).loss)
    assert loss == pytest.approx(told, abs=1e-3)


def test_two_runs_are_the_same_and_an_interrupted_one_continues_as_if_never_stopped(tmp_path: Path) -> None:
    for name, stops in (("one", (5,)), ("two", (5,)), ("parts", (3, 5))):
        for steps in stops:
            _train(tmp_path / name, _plan(steps))
    _train(tmp_path / "other", _plan(5, seed=2))
    assert _tokenizer_of(tmp_path / "one") == _tokenizer_of(tmp_path / "two") == _tokenizer_of(tmp_path / "parts")
    assert_same(weights_of(tmp_path / "one"), weights_of(tmp_path / "two"))
    assert_same(weights_of(tmp_path / "one"), weights_of(tmp_path / "parts"))
    assert differ(weights_of(tmp_path / "one"), weights_of(tmp_path / "other"))


def test_a_run_that_dies_loses_the_steps_since_its_last_checkpoint_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = training.take_step

    def failing(optimizer: Any, plan: Any, step: int, *rest: Any) -> float:
        if step == 3:
            raise KeyboardInterrupt
        return whole(optimizer, plan, step, *rest)

    _train(tmp_path / "whole", _plan(6))
    monkeypatch.setattr(training, "take_step", failing)
    with pytest.raises(KeyboardInterrupt):
        _train(tmp_path / "run", _plan(6))
    monkeypatch.undo()
    _train(tmp_path / "run", _plan(6))
    assert_same(weights_of(tmp_path / "whole"), weights_of(tmp_path / "run"))
    assert [entry["step"] for entry in log_of(tmp_path / "run") if "loss" in entry] == [1, 2, 3, 4, 5, 6]


def test_the_checkpoint_becomes_a_companion_that_expects_such_texts(tmp_path: Path) -> None:
    _train(tmp_path / "run", _plan(60))
    bundle = write_companion(
        tmp_path / "run" / "checkpoint", tmp_path / "out", CompanionOrder("own", ("int8",), max_tokens=31, texts=TEXTS)
    )
    companion = load_companion(bundle, 1)
    assert companion.manifest.first_token.name == END_OF_TEXT
    usual, unusual = companion.score([_HELD_OUT[0].text, _HELD_OUT[0].text[::-1]])
    assert usual.features.mean_log_probability > unusual.features.mean_log_probability + 2
    assert usual.features.top10_share > unusual.features.top10_share


def test_the_model_of_the_default_plan_fits_ten_megabytes_at_eight_bits() -> None:
    plan = LanguageModelPlan()
    tokenizer = new_tokenizer(texts_of(_ROWS), 400)
    tokenizer.add_tokens([f"entry{number}" for number in range(plan.vocabulary - tokenizer.get_vocab_size())])
    model = training.new_model(plan, tokenizer)
    weights = sum(weight.numel() for weight in model.parameters())
    assert weights * (1 + 4 / 32) < 9e6, "a scale of four bytes for each 32 weights, and a megabyte for the tokenizer"
    assert model.get_output_embeddings().weight is model.get_input_embeddings().weight


def test_a_run_of_another_plan_or_kind_is_not_continued(tmp_path: Path) -> None:
    _train(tmp_path, _plan(2))
    with pytest.raises(SettingsError, match="begun with hidden_size=32"):
        _train(tmp_path, _plan(3, hidden_size=64))
    state = tmp_path / "checkpoint" / "training_state.pt"
    torch.save(torch.load(state, weights_only=True) | {"kind": "pretraining"}, state)
    with pytest.raises(SettingsError, match="is a pretraining, not a language model training"):
        _train(tmp_path, _plan(3))


def test_data_without_enough_texts_of_people_alone_are_refused(tmp_path: Path) -> None:
    for rows in ([], [row(1, "forum", 0, "Too short.")]):
        with pytest.raises(InputError, match="not 31 tokens of people's texts"):
            _train(tmp_path, _plan(1), rows)
    with pytest.raises(InputError, match="not 31 tokens of people's texts"):
        train_language_model_on(_ROWS, [], tmp_path, _plan(1), _CPU)


def test_the_command_trains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [*_rows(count=600), *_rows("essays", 1, 900, 3)]
    monkeypatch.setattr(training, "load_partition", lambda data_dir, part, manifest: rows)
    arguments = ["train", "--data", str(tmp_path), "--out", str(tmp_path / "run"), "--steps", "1", "--threads", "1"]
    assert CliRunner().invoke(app, arguments, catch_exceptions=False).exit_code == 0
    config = json.loads((tmp_path / "run" / "checkpoint" / "config.json").read_text(encoding="utf-8"))
    assert (config["model_type"], config["max_position_embeddings"]) == ("llama", 256)


def test_the_command_refuses_data_of_another_version_and_a_device_that_is_not_there(tmp_path: Path) -> None:
    write_data(tmp_path, "forum")
    arguments = ["train", "--data", str(tmp_path), "--out", str(tmp_path / "run")]
    done = CliRunner().invoke(app, arguments)
    assert isinstance(done.exception, InputError)
    assert "is not the file that data_manifest.json names" in str(done.exception)
    if not torch.cuda.is_available():
        done = CliRunner().invoke(app, [*arguments, "--device", "cuda"])
        assert isinstance(done.exception, SettingsError)
        assert "no CUDA device" in str(done.exception)
