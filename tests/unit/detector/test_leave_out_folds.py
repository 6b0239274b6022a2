"""Folds exclude the left-out source or generator and its clusters from training."""

from __future__ import annotations

from collections import Counter

import pytest

from moderation.errors import InputError
from moderation.lab.detector.leave_out import folds as folds_module
from moderation.lab.detector.leave_out.folds import Fold, generator_folds, source_folds
from moderation.lab.detector.leave_out.generators import families_of
from moderation.lab.textdata.rows import TextRow
from tests.unit.detector.written_rows import written_rows

pytestmark = pytest.mark.slow


def _folds() -> list[Fold]:
    return [*source_folds(written_rows(), 200), *generator_folds(written_rows(), 200)]


@pytest.mark.parametrize("fold", _folds(), ids=lambda fold: fold.name)
def test_folds_share_no_cluster_between_training_and_test(fold: Fold) -> None:
    assert {row.id for row in fold.test}.isdisjoint(row.id for row in fold.train)
    assert {row.group for row in fold.test}.isdisjoint(row.group for row in fold.train)
    assert {row.label for row in fold.train} == {row.label for row in fold.test} == {0, 1}


def test_every_source_with_both_labels_is_left_out_once() -> None:
    found = source_folds(written_rows(), 200)
    assert [fold.left_out for fold in found] == ["forum", "mail"]
    for fold in found:
        assert all(row.source != fold.left_out for row in fold.train)
        assert Counter((row.source, row.label) for row in fold.test) == {
            (fold.left_out, 0): 200,
            (fold.left_out, 1): 200,
        }


def test_rows_in_a_cluster_of_the_left_out_source_are_excluded() -> None:
    fold = next(fold for fold in source_folds(written_rows(), 10) if fold.left_out == "forum")
    assert sum(row.source == "people" for row in fold.train) == 160


def test_generator_is_left_out_in_all_sizes() -> None:
    found = generator_folds(written_rows(), 200)
    assert [fold.left_out for fold in found] == ["gpt-neo", "gpt2", "opt"]
    for fold in found:
        assert all(fold.left_out not in families_of(row.generator) for row in fold.train if row.label == 1)
        assert all(families_of(row.generator) == {fold.left_out} for row in fold.test if row.label == 1)
    sources = {fold.left_out: {row.source for row in fold.test} for fold in found}
    assert sources == {"gpt-neo": {"forum", "mail"}, "gpt2": {"forum"}, "opt": {"mail"}}


def test_generator_fold_has_enough_test_texts() -> None:
    for fold in generator_folds(written_rows(), 5000):
        counts = Counter((row.source, row.label) for row in fold.test)
        assert all(count >= (150 if label else 300) for (_, label), count in counts.items())


def test_text_of_ambiguous_generator_is_excluded() -> None:
    doubtful = TextRow("d", "forum", 1, "d", "whose words are these", "gpt2|opt", "mit")
    for fold in generator_folds([*written_rows(), doubtful], 5000):
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
def test_sizes_of_a_model_are_one_family(generator: str, families: set[str]) -> None:
    assert families_of(generator) == families


def test_training_rows_are_capped_for_each_source_and_label(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folds_module, "TRAINING_ROWS_PER_STRATUM", 50)
    for fold in _folds():
        assert max(Counter((row.source, row.label) for row in fold.train).values()) == 50


def test_data_without_a_fold_are_refused() -> None:
    people = [row for row in written_rows() if row.source == "people"]
    with pytest.raises(InputError, match="has both human and machine texts"):
        source_folds(people, 10)
    with pytest.raises(InputError, match="No generator has 150 texts"):
        generator_folds(people, 10)
    with pytest.raises(InputError, match="the data lack a label to train on"):
        source_folds([row for row in written_rows() if row.source == "forum"], 10)
