"""An encoder can learn what the companion says of its tokens, and its logit then has both answers in it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from typer.testing import CliRunner

from moderation.cli.detector import app
from moderation.detector.companion import Companion, CompanionScore, load_companion
from moderation.detector.companion.statistics import TokenArrays, features_of
from moderation.errors import InputError, SettingsError
from moderation.training.detector.batches import SpecialTokens, batch_of_step, tokenise, with_taught
from moderation.training.detector.distillation.lessons import MOST_WORDS, Teacher, stretch_of, taught_rows
from moderation.training.detector.distillation.run import distillation_of
from moderation.training.detector.distillation.targets import OF_A_CROP, figures_of_crops, taught_texts
from moderation.training.detector.distillation.taught_text import OF_A_TOKEN
from moderation.training.detector.leave_out.catalogue import TAUGHT, catalogue
from moderation.training.detector.loop import TrainingPlan, train_on
from moderation.training.detector.model import load_classifier
from moderation.training.detector.rows import TextRow
from tests.unit.detector.small_encoders import BERT_TOKENS, rows_of, small_bert, tokenizer_with

_CPU = torch.device("cpu")
_SPECIAL = SpecialTokens(first=2, last=3, pad=0, unknown=1)
_ROWS = rows_of({"ours": (30, 30), "people": (30, 0)})
_DISCREPANCY, _TOKENS = OF_A_TOKEN.index("discrepancy"), OF_A_TOKEN.index("tokens")


class _Counting:
    """A companion that counts the texts that it is asked."""

    def __init__(self, companion: Companion) -> None:
        self._companion = companion
        self.manifest_hash = companion.manifest_hash
        self.asked = 0

    def score(self, texts: Sequence[str]) -> list[CompanionScore]:
        self.asked += len(texts)
        return self._companion.score(texts)


@pytest.fixture(scope="module")
def companion(companion_dir: Path) -> Companion:
    return load_companion(companion_dir, 1)


@pytest.fixture(scope="module")
def teacher(companion: Companion, tmp_path_factory: pytest.TempPathFactory) -> Teacher:
    return Teacher(companion, tmp_path_factory.mktemp("lessons"))


def _plan(by: Teacher, steps: int = 4, **settings: object) -> TrainingPlan:
    plain = TrainingPlan(
        steps=steps, batch_texts=8, warmup_steps=2, checkpoint_every=2, cooldown_share=0.0001,
        teacher=by.manifest_hash, taught_per_stratum=20,
    )  # fmt: skip
    return replace(plain, **settings)  # type: ignore[arg-type]


def _nothing(_texts: int) -> None: ...


def test_lessons_are_kept_and_computed_once(companion: Companion, tmp_path: Path) -> None:
    first, second = _Counting(companion), _Counting(companion)
    found = Teacher(first, tmp_path).lessons(_ROWS, _nothing)  # type: ignore[arg-type]
    again = Teacher(second, tmp_path).lessons(_ROWS, _nothing)  # type: ignore[arg-type]
    assert (first.asked, second.asked) == (len(_ROWS), 0)
    for lesson, kept in zip(found, again, strict=True):
        np.testing.assert_array_equal(lesson.figures, kept.figures)
        np.testing.assert_array_equal(lesson.spans, kept.spans)


def test_a_text_too_short_for_the_companion_teaches_nothing(teacher: Teacher) -> None:
    rows = [replace(_ROWS[0], id="short", text="a"), _ROWS[1]]
    assert [lesson.row.id for lesson in teacher.lessons(rows, _nothing)] == [_ROWS[1].id]


def test_of_a_long_text_a_stretch_is_read_that_depends_on_the_row_alone() -> None:
    words = [f"w{number}" for number in range(400)]
    stretches = {stretch_of(replace(_ROWS[0], id=f"r{number}", text=" ".join(words))) for number in range(20)}
    assert {len(stretch.split(" ")) for stretch in stretches} == {MOST_WORDS}
    assert len(stretches) > 10
    assert all(stretch in " ".join(words) for stretch in stretches)


def test_a_source_of_one_label_teaches_with_half_as_many_texts() -> None:
    chosen = [(row.source, row.label) for row in taught_rows(_ROWS, 20)]
    assert [chosen.count(stratum) for stratum in (("ours", 0), ("ours", 1), ("people", 0))] == [20, 20, 10]


def test_the_students_tokens_share_what_was_said_of_the_text(teacher: Teacher) -> None:
    lessons, stretches = taught_texts(teacher.lessons(_ROWS, _nothing), tokenizer_with(BERT_TOKENS))
    for lesson, stretch in zip(lessons, stretches, strict=True):
        assert len(stretch.ids) == len(lesson.text.split(" "))
        log_probability, expected, _, _ = lesson.figures.T
        # Blanks are tokens of this companion and stand in no word.
        blank = np.array([lesson.text[begin:end].isspace() for begin, end in lesson.spans])
        sums = stretch.targets.sum(axis=0)
        assert sums[_TOKENS] == pytest.approx((~blank).sum(), rel=1e-4)
        assert sums[_DISCREPANCY] == pytest.approx((log_probability - expected)[~blank].sum(), rel=1e-3)
        begin, end = lesson.text.index(" ") + 1, lesson.text.index(" ", lesson.text.index(" ") + 1)
        second = (lesson.spans[:, 0] >= begin) & (lesson.spans[:, 1] <= end)
        assert stretch.targets[1, _DISCREPANCY] == pytest.approx((log_probability - expected)[second].sum(), rel=1e-3)


def test_figures_of_a_crop_are_those_of_the_companion() -> None:
    rng = np.random.default_rng(2)
    tokens = TokenArrays(-rng.gamma(2, 2, 50), -rng.gamma(3, 1, 50), rng.gamma(3, 1, 50), rng.integers(0, 3000, 50))
    sums = [
        tokens.log_probability - tokens.expected, tokens.log_probability, tokens.variance, np.log1p(tokens.rank),
        tokens.rank < 10, tokens.rank < 100, tokens.rank < 1000, np.ones(50),
    ]  # fmt: skip
    found = dict(zip(OF_A_CROP, figures_of_crops(np.array([[part.sum() for part in sums]]))[0], strict=True))
    features = features_of(tokens)
    assert found["mean_discrepancy"] == pytest.approx((tokens.log_probability - tokens.expected).mean())
    for name in OF_A_CROP[1:]:
        assert found[name] == pytest.approx(getattr(features, name)), name


def test_a_batch_has_the_lessons_of_its_crops_and_of_no_other_text(teacher: Teacher) -> None:
    tokenizer = tokenizer_with(BERT_TOKENS)
    texts = tokenise(_ROWS, tokenizer, attacked=True)
    _, stretches = taught_texts(teacher.lessons(_ROWS[:10], _nothing), tokenizer)
    taught = with_taught(texts, stretches, list(range(10)), share=0.5)
    batches = [batch_of_step(taught, _SPECIAL, 7, step, 64, 0.5, token_dropout=0.0) for step in range(8)]
    shares = []
    for batch in batches:
        assert batch.lessons is not None
        inside = ~np.isnan(batch.lessons[..., 0])
        shares.append(inside.any(axis=1).mean())
        np.testing.assert_array_equal(batch.labels, texts.labels[batch.texts])
        for row in np.flatnonzero(inside.any(axis=1)):
            stretch = stretches[batch.texts[row]]
            ids = batch.ids[row, inside[row]]
            assert batch.mask[row].sum() == len(ids) + 2
            begins = [
                place
                for place in range(len(stretch.ids) - len(ids) + 1)
                if np.array_equal(stretch.ids[place : place + len(ids)], ids)
            ]
            told = batch.lessons[row, inside[row]]
            assert any(np.array_equal(told, stretch.targets[place : place + len(ids)]) for place in begins)
    # Only people's texts of one of three strata have lessons, and half of that stratum's draws take them.
    assert 0.1 < np.mean(shares) < 0.3


def test_without_lessons_a_batch_is_what_it_was(teacher: Teacher) -> None:
    texts = tokenise(_ROWS, tokenizer_with(BERT_TOKENS))
    _, stretches = taught_texts(teacher.lessons(_ROWS, _nothing), tokenizer_with(BERT_TOKENS))
    plain = batch_of_step(texts, _SPECIAL, 7, 3, 16)
    taught = batch_of_step(with_taught(texts, stretches, list(range(len(_ROWS))), 1.0), _SPECIAL, 7, 3, 16)
    assert plain.lessons is None
    assert taught.lessons is not None
    assert not np.isnan(taught.lessons[..., 0]).all(axis=1).any()


def test_a_taught_run_continues_as_if_never_stopped(teacher: Teacher, tmp_path: Path) -> None:
    encoder = small_bert(tmp_path / "encoder")
    train_on(_ROWS, _ROWS, tmp_path / "whole", encoder, _plan(teacher, 6), _CPU, teacher)
    train_on(_ROWS, (), tmp_path / "parts", encoder, _plan(teacher, 4), _CPU, teacher)
    train_on(_ROWS, (), tmp_path / "parts", encoder, _plan(teacher, 6), _CPU, teacher)
    for file in ("model.safetensors", "cls_mean_head.safetensors"):
        whole, parts = (load_file(tmp_path / run / "checkpoint" / file) for run in ("whole", "parts"))
        for name, value in whole.items():
            np.testing.assert_allclose(parts[name], value, atol=1e-6, err_msg=name)
    entries = [json.loads(line) for line in (tmp_path / "whole" / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    assert "ours" in entries[-1]["validation"]


def test_another_teacher_or_none_does_not_continue_a_run(teacher: Teacher, tmp_path: Path) -> None:
    encoder = small_bert(tmp_path / "encoder")
    train_on(_ROWS, (), tmp_path / "run", encoder, _plan(teacher, 2), _CPU, teacher)
    with pytest.raises(SettingsError, match=f"begun with the teacher {teacher.manifest_hash[:12]}"):
        train_on(_ROWS, (), tmp_path / "run", encoder, _plan(teacher, 4, teacher=""), _CPU)
    with pytest.raises(SettingsError, match="begun with taught_per_stratum=20, not 10"):
        train_on(_ROWS, (), tmp_path / "run", encoder, _plan(teacher, 4, taught_per_stratum=10), _CPU, teacher)


def test_the_student_learns_what_it_is_taught(teacher: Teacher, tmp_path: Path) -> None:
    torch.manual_seed(1)
    tokenizer = tokenizer_with(BERT_TOKENS)
    model = load_classifier(small_bert(tmp_path / "encoder"))
    plan = _plan(teacher, taught_share=1.0)
    texts, distillation = distillation_of(_ROWS, tokenise(_ROWS, tokenizer), tokenizer, teacher, plan, model)
    moving = [*model.parameters(), *distillation.student.parameters()]
    optimizer = torch.optim.Adam(moving, lr=0.01)
    losses = []
    for step in range(150):
        batch = batch_of_step(texts, _SPECIAL, 1, step, 16)
        targets = distillation.targets(batch, _CPU)
        hidden, both = model.encode(torch.from_numpy(batch.ids), torch.from_numpy(batch.mask))
        first, second, whole = (
            distillation.student.loss(hidden[part], both[part], targets, part)
            for part in (slice(0, 8), slice(8, 16), slice(0, 16))
        )
        assert float((first + second).detach()) == pytest.approx(float(whole.detach()), rel=1e-4)
        whole.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(float(whole.detach()))
    assert np.mean(losses[-20:]) < 0.6 * np.mean(losses[:5])


def test_the_joined_head_is_the_mean_of_both_answers(teacher: Teacher, tmp_path: Path) -> None:
    torch.manual_seed(1)
    tokenizer = tokenizer_with(BERT_TOKENS)
    model = load_classifier(small_bert(tmp_path / "encoder"))
    _, distillation = distillation_of(_ROWS, tokenise(_ROWS, tokenizer), tokenizer, teacher, _plan(teacher), model)
    model.eval()
    ids, mask = (torch.from_numpy(part) for part in _read(distillation.sample))
    with torch.no_grad():
        _, both = model.encode(ids, mask)
        label = model.logits_of(both).numpy()
        curvature = distillation.student.crop_head(both)[:, OF_A_CROP.index("curvature_per_token")].numpy()
        joined = distillation.joined(model)(ids, mask).numpy()
    weights = distillation.weights.numpy()
    standardised = [_standardised(scores, weights) for scores in (label, curvature)]
    _, label_sd = _mean_and_sd(label, weights)
    mean = np.mean(standardised, axis=0) * label_sd
    np.testing.assert_allclose(joined - joined.mean(), mean - mean.mean(), atol=1e-4)
    assert not model.training


def _read(sample: Sequence[object]) -> tuple[np.ndarray, np.ndarray]:
    from moderation.training.detector.batches import pad

    return pad([stretch.ids for stretch in sample], _SPECIAL)  # type: ignore[attr-defined]


def _mean_and_sd(scores: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    mean = float((weights * scores).mean())
    return mean, float(np.sqrt((weights * (scores - mean) ** 2).mean()))


def _standardised(scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    mean, sd = _mean_and_sd(scores, weights)
    return (scores - mean) / sd


def test_the_candidate_names_its_teacher_and_scores(teacher: Teacher, tmp_path: Path) -> None:
    encoder = small_bert(tmp_path / "encoder")
    assert TAUGHT not in catalogue(2, encoder, _CPU)
    candidate = catalogue(2, encoder, _CPU, teacher=teacher)[TAUGHT]
    assert f"teacher {teacher.manifest_hash}" in candidate.description
    scores = candidate.fit(_ROWS, tmp_path / "fold")([row.text for row in _ROWS[:3]])
    assert np.isfinite(scores).all()


def test_rows_of_which_the_teacher_says_nothing_are_refused(teacher: Teacher, tmp_path: Path) -> None:
    rows = [TextRow(str(number), "ours", number % 2, str(number), "a", "", "mit") for number in range(8)]
    with pytest.raises(InputError, match="texts of one label at most"):
        train_on(rows, (), tmp_path / "run", small_bert(tmp_path / "encoder"), _plan(teacher), _CPU, teacher)


def test_lessons_need_a_teacher(tmp_path: Path) -> None:
    result = CliRunner().invoke(
        app, ["train", "--data", str(tmp_path), "--out", str(tmp_path / "run"), "--lessons", "5"]
    )
    assert isinstance(result.exception, SettingsError)
    assert "--teacher DIR" in str(result.exception)
