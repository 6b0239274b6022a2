"""Human texts with high scores are drawn more often, within limits."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from moderation.errors import SettingsError
from moderation.lab.checkpoints.classifier import ClsMeanClassifier, load_classifier
from moderation.lab.detector import loop
from moderation.lab.detector.batches import SpecialTokens, batch_of_step, tokenise
from moderation.lab.detector.hard_negatives import (
    DRAWS_IN_A_ROUND,
    SUSPECT_DRAWS_IN_A_ROUND,
    HardTexts,
    begins_round,
    find_hard_texts,
)
from moderation.lab.detector.loop import train_on
from moderation.lab.detector.plans import TrainingPlan
from moderation.lab.detector.validation import logits_of
from moderation.lab.textdata.rows import TextRow
from tests.unit.detector.small_encoders import (
    BERT_TOKENS,
    assert_same,
    differ,
    log_of,
    rows_of,
    small_bert,
    tokenizer_with,
    weights_of,
)

pytestmark = pytest.mark.slow

_CPU = torch.device("cpu")
_SPECIAL = SpecialTokens(2, 3, 0, 1)
_SOURCES = {"forum": (600, 300), "mail": (600, 300), "people": (600, 0)}
_FEW = {"forum": (100, 50), "mail": (100, 50), "people": (100, 0)}


def _plan(steps: int, **changes: float | int) -> TrainingPlan:
    settings = {"hard_negative_share": 0.5, "hard_negative_from": 3, "hard_negative_every": 4} | changes
    return TrainingPlan(
        steps=steps, batch_texts=16, warmup_steps=2, checkpoint_every=2, cooldown_share=0.0001, hard_negative_pool=300,
        **settings,
    )  # fmt: skip


@pytest.fixture
def encoder(tmp_path: Path) -> Path:
    return small_bert(tmp_path / "encoder")


def _round(
    encoder: Path, rows: list[TextRow], pool: int = 900, step: int = 0
) -> tuple[HardTexts, dict[str, dict[str, int]], ClsMeanClassifier]:
    torch.manual_seed(1)
    model = load_classifier(encoder)
    model.head.weight.data.normal_(std=1.0)
    texts = tokenise(rows, tokenizer_with(BERT_TOKENS))
    plan = replace(_plan(10), hard_negative_pool=pool)
    return *find_hard_texts(model, rows, texts, _SPECIAL, plan, step, _CPU), model


def test_round_keeps_hardest_tenth_of_every_source(encoder: Path) -> None:
    rows = rows_of(_SOURCES)
    hard, counts, model = _round(encoder, rows, pool=10_000)
    logits = logits_of(model, tokenise(rows, tokenizer_with(BERT_TOKENS)), _SPECIAL, _CPU)
    assert counts.keys() == set(_SOURCES)
    for queue in hard.queues.values():
        kept = set(queue.tolist())
        source = rows[queue[0]].source
        assert {(rows[text].source, rows[text].label) for text in kept} == {(source, 0)}
        humans = [number for number, row in enumerate(rows) if (row.source, row.label) == (source, 0)]
        assert kept == set(sorted(humans, key=lambda text: -logits[text])[: len(humans) // 10])


def test_pool_is_divided_by_source_weight(encoder: Path) -> None:
    counts = _round(encoder, rows_of(_SOURCES), pool=480)[1]
    weights = {"forum": 1.0, "mail": 1.0, "people": 0.4}  # 600 human rows each, people with one label
    for source, count in counts.items():
        assert count["scored"] == pytest.approx(480 * weights[source] / sum(weights.values()), abs=1)


def test_round_is_deterministic(encoder: Path) -> None:
    rows = rows_of(_SOURCES)
    one, same, later = (_round(encoder, rows, pool=300, step=step)[0] for step in (3, 3, 7))
    for stratum, queue in one.queues.items():
        np.testing.assert_array_equal(queue, same.queues[stratum])
        assert not np.array_equal(queue, later.queues[stratum])


def test_group_has_at_most_three_hard_texts(encoder: Path) -> None:
    rows = [replace(row, group=f"{row.source}/{number % 2}") for number, row in enumerate(rows_of(_SOURCES))]
    hard, counts, _ = _round(encoder, rows)
    for queue in hard.queues.values():
        groups = Counter(rows[text].group for text in set(queue.tolist()))
        assert max(groups.values()) == 3
    assert {count["kept"] for count in counts.values()} == {6}


def test_near_duplicates_have_at_most_three_hard_texts(encoder: Path) -> None:
    rows = rows_of(_SOURCES)
    hardest = rows[_round(encoder, rows)[0].queues[0][0]]
    copies = [replace(hardest, id=f"copy{number}", group=f"copy{number}") for number in range(30)]
    hard, _, _ = _round(encoder, [*rows, *copies], pool=10_000)
    texts = {text for queue in hard.queues.values() for text in queue.tolist()}
    assert sum([*rows, *copies][text].text == hardest.text for text in texts) == 3


def test_hard_texts_have_a_limit_of_draws(encoder: Path) -> None:
    rows = rows_of(_SOURCES)
    hard, _, model = _round(encoder, rows, pool=10_000, step=3)
    texts = tokenise(rows, tokenizer_with(BERT_TOKENS))
    plan = replace(_plan(100), hard_negative_every=40, hard_negative_share=1.0)
    strata = np.repeat(np.arange(len(texts.strata)), 200)
    drawn: Counter[int] = Counter()
    for deal in range(3 // 8, 42 // 8 + 1):
        drawn.update(hard.redraw(plan, strata, np.full(len(strata), -1), deal).tolist())
    del drawn[-1]
    assert drawn == Counter(text for queue in hard.queues.values() for text in queue.tolist())
    assert max(drawn.values()) == DRAWS_IN_A_ROUND
    logits = logits_of(model, texts, _SPECIAL, _CPU)
    for queue in hard.queues.values():
        order = sorted(set(queue.tolist()), key=lambda text: -logits[text])
        times = Counter(queue.tolist())
        assert [times[text] for text in order[:4]] == [SUSPECT_DRAWS_IN_A_ROUND] * 3 + [DRAWS_IN_A_ROUND]


def test_hard_texts_replace_their_share_of_human_draws_only(encoder: Path) -> None:
    rows = rows_of(_SOURCES)
    hard = _round(encoder, rows, pool=10_000)[0]
    plan = replace(_plan(100), hard_negative_every=8, hard_negative_share=0.3)
    texts = tokenise(rows, tokenizer_with(BERT_TOKENS))
    kept = {text for queue in hard.queues.values() for text in queue.tolist()}
    redraw = partial(hard.redraw, plan)
    changed = np.concatenate([batch_of_step(texts, _SPECIAL, 1, step, 128, redraw=redraw).texts for step in range(8)])
    plain = np.concatenate([batch_of_step(texts, _SPECIAL, 1, step, 128).texts for step in range(8)])
    people = [text for text in changed if rows[text].label == 0]
    assert np.mean([text in kept for text in people]) == pytest.approx(0.3 + 0.7 * 0.1, abs=0.05)
    sources = [Counter((rows[text].source, rows[text].label) for text in some) for some in (changed, plain)]
    assert sources[0] == sources[1], "what a source weighs does not change"
    machines = [sorted(text for text in some if rows[text].label == 1) for some in (changed, plain)]
    assert machines[0] == machines[1]


def test_rounds_begin_at_first_step_and_need_a_share() -> None:
    plan = _plan(20)
    assert [step for step in range(20) if begins_round(plan, step)] == [3, 7, 11, 15, 19]
    assert not any(begins_round(replace(plan, hard_negative_share=0.0), step) for step in range(20))


def test_run_with_hard_texts_is_deterministic_and_differs(encoder: Path, tmp_path: Path) -> None:
    rows = rows_of(_FEW)
    for name in ("one", "two"):
        train_on(rows, (), tmp_path / name, encoder, _plan(8), _CPU)
    train_on(rows, (), tmp_path / "plain", encoder, _plan(8, hard_negative_share=0.0), _CPU)
    assert_same(weights_of(tmp_path / "one"), weights_of(tmp_path / "two"))
    assert differ(weights_of(tmp_path / "one"), weights_of(tmp_path / "plain"))
    rounds = [entry["step"] for entry in log_of(tmp_path / "one") if "hard_negatives" in entry]
    assert rounds == [4, 8]


def test_run_killed_after_a_round_logs_it_once(encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def dying(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    rows, plan = rows_of(_FEW), _plan(8)
    with monkeypatch.context() as stopped:
        stopped.setattr(loop, "batch_of_step", dying)
        with pytest.raises(KeyboardInterrupt):
            train_on(rows, (), tmp_path / "run", encoder, replace(plan, hard_negative_from=0), _CPU)
    assert [entry["step"] for entry in log_of(tmp_path / "run")] == [1]
    train_on(rows, (), tmp_path / "run", encoder, replace(plan, hard_negative_from=0), _CPU)
    assert [entry["step"] for entry in log_of(tmp_path / "run") if "hard_negatives" in entry] == [1, 5]


@pytest.mark.parametrize("stopped", [2, 3, 5, 7])
def test_run_interrupted_around_rounds_gives_the_same_result(encoder: Path, tmp_path: Path, stopped: int) -> None:
    rows = rows_of(_FEW)
    train_on(rows, (), tmp_path / "whole", encoder, _plan(9), _CPU)
    train_on(rows, (), tmp_path / "parts", encoder, _plan(stopped), _CPU)
    train_on(rows, (), tmp_path / "parts", encoder, _plan(9), _CPU)
    assert_same(weights_of(tmp_path / "whole"), weights_of(tmp_path / "parts"))


def test_continued_run_may_enable_hard_texts_later(encoder: Path, tmp_path: Path) -> None:
    rows = rows_of(_FEW)
    train_on(rows, (), tmp_path / "whole", encoder, _plan(8, hard_negative_from=4), _CPU)
    train_on(rows, (), tmp_path / "parts", encoder, _plan(4, hard_negative_share=0.0), _CPU)
    train_on(rows, (), tmp_path / "parts", encoder, _plan(6, hard_negative_from=4), _CPU)
    train_on(rows, (), tmp_path / "parts", encoder, _plan(8, hard_negative_from=4), _CPU)
    assert_same(weights_of(tmp_path / "whole"), weights_of(tmp_path / "parts"))


def test_hard_texts_before_current_step_are_refused(encoder: Path, tmp_path: Path) -> None:
    rows = rows_of(_FEW)
    train_on(rows, (), tmp_path / "run", encoder, _plan(4, hard_negative_share=0.0), _CPU)
    with pytest.raises(SettingsError, match="use --hard-negative-from 4 or later"):
        train_on(rows, (), tmp_path / "run", encoder, _plan(8, hard_negative_from=3), _CPU)


def test_hard_texts_can_be_disabled_at_any_step(encoder: Path, tmp_path: Path) -> None:
    rows = rows_of(_FEW)
    train_on(rows, (), tmp_path / "run", encoder, _plan(6), _CPU)
    off = _plan(8, hard_negative_share=0.0, hard_negative_from=0)
    train_on(rows, (), tmp_path / "run", encoder, off, _CPU)
    state = torch.load(tmp_path / "run" / "checkpoint" / "training_state.pt", weights_only=True)
    assert (state["step"], state["plan"]) == (8, asdict(off))


def test_hard_texts_of_other_data_are_refused(encoder: Path, tmp_path: Path) -> None:
    rows = rows_of(_FEW)
    train_on(rows, (), tmp_path / "run", encoder, _plan(4), _CPU)
    with pytest.raises(SettingsError, match="began with 400 texts, the data have 399"):
        train_on(rows[1:], (), tmp_path / "run", encoder, _plan(8), _CPU)
