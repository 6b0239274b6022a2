"""An encoder can learn what the companion says of its tokens, and its logit then has both answers in it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from tokenizers import Tokenizer, models, pre_tokenizers
from typer.testing import CliRunner

from moderation.cli.detector import app
from moderation.detector.companion import Companion, load_companion
from moderation.detector.companion.statistics import TokenArrays, features_of
from moderation.errors import BundleError, InputError, SettingsError
from moderation.text import normalise
from moderation.training.detector.batches import SpecialTokens, batch_of_step, tokenise, with_taught
from moderation.training.detector.distillation.lessons import (
    MOST_CHARACTERS,
    MOST_WORDS,
    Lesson,
    Teacher,
    stretch_of,
    taught_rows,
)
from moderation.training.detector.distillation.run import distillation_of
from moderation.training.detector.distillation.targets import OF_A_CROP, figures_of_crops, taught_texts
from moderation.training.detector.distillation.taught_text import OF_A_TOKEN
from moderation.training.detector.leave_out.catalogue import TAUGHT, catalogue, check_companion
from moderation.training.detector.loop import TrainingPlan, train_on
from moderation.training.detector.model import load_classifier
from moderation.training.detector.rows import TextRow
from tests.unit.companion.counting import CountingCompanion
from tests.unit.detector.small_encoders import BERT_TOKENS, rows_of, small_bert, tokenizer_with

_CPU = torch.device("cpu")
_SPECIAL = SpecialTokens(first=2, last=3, pad=0, unknown=1)
_ROWS = rows_of({"ours": (30, 30), "people": (30, 0)})
_DISCREPANCY, _TOKENS = OF_A_TOKEN.index("discrepancy"), OF_A_TOKEN.index("tokens")


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


# What a step drew before there were lessons: runs of that time go on as they began.
_BEFORE_TEXTS = [50, 80, 20, 20, 50, 51, 51, 51, 51, 52, 52, 82, 82, 52, 22, 22]
_BEFORE_IDS = "601f914eb52aa8ff"


def _nothing(_texts: int) -> None: ...


def test_lessons_are_kept_and_computed_once(companion: Companion, tmp_path: Path) -> None:
    first, second = CountingCompanion(companion), CountingCompanion(companion)
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


def test_a_token_of_the_companion_is_shared_by_the_characters_that_it_stands_for() -> None:
    """Its blank before a word is no character of that word, and one that spans two words counts for both."""
    spans = np.array([[0, 1], [1, 4], [4, 10], [10, 10]])
    figures = np.array([[-1.0, -3.0, 1.0, 0], [-4.0, -2.0, 2.0, 50], [-6.0, -6.0, 3.0, 500], [-9.0, 0.0, 1.0, 1]])
    lesson = Lesson(_ROWS[0], "a bc de fg", spans, figures)
    names = {name: place for place, name in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "bc", "de", "fg"])}
    tokenizer = Tokenizer(models.WordLevel(names, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    _, (stretch,) = taught_texts([lesson], tokenizer)
    # " de fg" is one token of 5 characters after its blank, of which two are "de", one a blank and two "fg".
    np.testing.assert_allclose(stretch.targets[:, _DISCREPANCY], [2.0, -2.0, 0.0, 0.0], atol=1e-6)
    np.testing.assert_allclose(stretch.targets[:, _TOKENS], [1.0, 1.0, 0.4, 0.4], atol=1e-6)
    np.testing.assert_allclose(stretch.targets[:, OF_A_TOKEN.index("log_probability")], [-1, -4, -2.4, -2.4], atol=1e-6)
    np.testing.assert_allclose(stretch.targets[:, OF_A_TOKEN.index("in_top_100")], [1, 1, 0, 0], atol=1e-6)


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
    # Of machines' texts and of the people's second source, in no order of theirs.
    read = [55, 31, 70, 40, 33, 59, 65, 48, 88, 37]
    _, stretches = taught_texts(teacher.lessons([_ROWS[number] for number in read], _nothing), tokenizer)
    taught = with_taught(texts, stretches, read, share=0.3)
    batches = [batch_of_step(taught, _SPECIAL, 7, step, 64, 0.5, token_dropout=0.0) for step in range(8)]
    shares = []
    for batch in batches:
        assert batch.lessons is not None
        inside = ~np.isnan(batch.lessons[..., 0])
        shares.append(inside.any(axis=1).mean())
        np.testing.assert_array_equal(batch.labels, texts.labels[batch.texts])
        for row in np.flatnonzero(inside.any(axis=1)):
            stretch = stretches[read.index(batch.texts[row])]
            ids = batch.ids[row, inside[row]]
            assert batch.mask[row].sum() == len(ids) + 2
            begins = [
                place
                for place in range(len(stretch.ids) - len(ids) + 1)
                if np.array_equal(stretch.ids[place : place + len(ids)], ids)
            ]
            told = batch.lessons[row, inside[row]]
            assert any(np.array_equal(told, stretch.targets[place : place + len(ids)]) for place in begins)
    # People's texts of the first source have no lesson, and the other two strata are seven of twelve draws.
    assert 0.12 < np.mean(shares) < 0.23


def test_without_lessons_a_batch_is_what_it_was_before_there_were_any() -> None:
    texts = tokenise(_ROWS, tokenizer_with(BERT_TOKENS))
    batch = batch_of_step(texts, _SPECIAL, 7, 3, 16)
    assert batch.lessons is None
    assert batch.texts.tolist() == _BEFORE_TEXTS
    assert hashlib.sha256(batch.ids.tobytes()).hexdigest()[:16] == _BEFORE_IDS


def test_lessons_take_neither_attacked_nor_hard_draws(teacher: Teacher) -> None:
    texts = tokenise(_ROWS, tokenizer_with(BERT_TOKENS), attacked=True)
    _, stretches = taught_texts(teacher.lessons(_ROWS, _nothing), tokenizer_with(BERT_TOKENS))
    taught = with_taught(texts, stretches, list(range(len(_ROWS))), share=0.5)
    hard = 7

    def redraw(strata: np.ndarray, chosen: np.ndarray, _deal: int) -> np.ndarray:
        changed = chosen.copy()
        changed[(strata == 0) & (np.arange(len(chosen)) % 2 == 0)] = hard
        return changed

    counts = np.zeros(3)
    for step in range(40):
        batch = batch_of_step(taught, _SPECIAL, 7, step, 32, 0.25, redraw=redraw)
        assert batch.lessons is not None
        with_lesson = ~np.isnan(batch.lessons[..., 0]).all(axis=1)
        counts += with_lesson.sum(), (batch.texts == hard).sum(), len(batch.texts)
    lessons, hard_draws = counts[:2] / counts[2]
    assert lessons == pytest.approx(0.5, abs=0.04)
    # Half of the draws of the first of three strata, which is five of twelve, and a few that hit upon it.
    assert hard_draws == pytest.approx(0.5 * 5 / 12, abs=0.04)


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
    assert texts.taught is not None
    for number, stretch in zip(texts.taught.texts, texts.taught.stretches, strict=True):
        np.testing.assert_array_equal(texts.tokens.of(number), stretch.ids)
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


@pytest.mark.parametrize("share", [0.0, 0.5, 0.75, 1.0])
def test_the_joined_head_is_the_mean_of_both_answers(teacher: Teacher, tmp_path: Path, share: float) -> None:
    torch.manual_seed(1)
    tokenizer = tokenizer_with(BERT_TOKENS)
    model = load_classifier(small_bert(tmp_path / "encoder"))
    plan = _plan(teacher, curvature_share=share)
    _, distillation = distillation_of(_ROWS, tokenise(_ROWS, tokenizer), tokenizer, teacher, plan, model)
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
    average, _ = _mean_and_sd(label, weights)
    # Even odds stay even: of the labels' logit the spread alone counts, not the mean.
    expected = np.average(standardised, axis=0, weights=[1 - share, share]) * label_sd + (1 - share) * average
    np.testing.assert_allclose(joined, expected, atol=1e-4)
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


def test_a_run_that_is_done_joins_its_heads_anew_where_another_share_is_asked_for(
    teacher: Teacher, tmp_path: Path
) -> None:
    encoder = small_bert(tmp_path / "encoder")
    for out, shares in (("changed", (0.5, 1.0)), ("at once", (1.0,))):
        for share in shares:
            train_on(_ROWS, (), tmp_path / out, encoder, _plan(teacher, curvature_share=share), _CPU, teacher)
    changed, at_once = (
        load_file(tmp_path / out / "checkpoint" / "cls_mean_head.safetensors") for out in ("changed", "at once")
    )
    for name, value in at_once.items():
        np.testing.assert_allclose(changed[name], value, atol=1e-5)


def test_a_teacher_that_is_not_the_plans_is_refused(teacher: Teacher, tmp_path: Path) -> None:
    encoder = small_bert(tmp_path / "encoder")
    for plan, given in ((_plan(teacher), None), (_plan(teacher, teacher=""), teacher)):
        with pytest.raises(SettingsError, match="not the one that the plan names"):
            train_on(_ROWS, (), tmp_path / "run", encoder, plan, _CPU, given)


def test_a_taught_encoder_needs_a_companion(tmp_path: Path) -> None:
    check_companion([TAUGHT], None, tmp_path)
    with pytest.raises(InputError, match="--companion DIR"):
        check_companion([f"words+{TAUGHT}"], tmp_path, None)


def test_a_quotation_that_begins_a_stretch_is_normalised_as_the_companion_will() -> None:
    words = " ".join(f"w{number} > so" for number in range(200))
    stretches = {stretch_of(replace(_ROWS[0], id=f"r{number}", text=words)) for number in range(20)}
    assert all(normalise(stretch) == stretch for stretch in stretches)
    unbroken = stretch_of(replace(_ROWS[0], text="字" * 12_000))
    assert len(unbroken) == MOST_CHARACTERS


def test_the_candidate_names_its_teacher_and_scores(teacher: Teacher, tmp_path: Path) -> None:
    encoder = small_bert(tmp_path / "encoder")
    assert TAUGHT not in catalogue(2, encoder, _CPU)
    candidate = catalogue(2, encoder, _CPU, teacher=teacher)[TAUGHT]
    assert f"teacher {teacher.manifest_hash}" in candidate.training
    other = catalogue(2, encoder, _CPU, teacher=teacher, curvature_share=0.75)[TAUGHT]
    assert (other.training, other.description) == (candidate.training, f"{candidate.training}, curvature_share 0.75")
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


def test_a_teacher_that_is_no_companion_is_told_in_a_sentence(tmp_path: Path) -> None:
    arguments = ["train", "--data", str(tmp_path), "--out", str(tmp_path / "run"), "--teacher", str(tmp_path)]
    result = CliRunner().invoke(app, arguments)
    assert isinstance(result.exception, BundleError)
    assert "No companion at" in str(result.exception)
