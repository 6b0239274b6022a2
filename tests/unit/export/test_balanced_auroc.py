"""AUROC with equal weights of sources and an interval over groups."""

from __future__ import annotations

import numpy as np
import pytest

from export.balanced_auroc import balanced_auroc, within_source_auroc
from export.labelled_texts import LabelledText


def _texts(count: int, label: int, source: str, group: str = "") -> list[LabelledText]:
    return [LabelledText("t", label, source=source, group=group and f"{group}{number}") for number in range(count)]


def test_sources_have_equal_weight() -> None:
    texts = [*_texts(20, 0, "a"), *_texts(80, 0, "b"), *_texts(20, 1, "a")]
    # Machine texts lie above the humans of a and below those of b.
    scores = np.array([0.0] * 20 + [2.0] * 80 + [1.0] * 20)
    assert balanced_auroc(scores, texts) == pytest.approx(0.5)


def test_small_source_is_excluded() -> None:
    texts = [*_texts(20, 0, "a"), *_texts(19, 0, "b"), *_texts(20, 1, "a")]
    scores = np.array([0.0] * 20 + [2.0] * 19 + [1.0] * 20)
    assert balanced_auroc(scores, texts) == 1.0


def test_only_small_sources_use_all_texts() -> None:
    texts = [*_texts(1, 0, "a"), *_texts(1, 0, "b"), *_texts(1, 1, "c"), *_texts(1, 1, "d")]
    assert balanced_auroc(np.array([0.0, 1.0, 1.0, 2.0]), texts) == pytest.approx(3.5 / 4)


def test_one_label_has_no_auroc() -> None:
    assert balanced_auroc(np.ones(30), _texts(30, 1, "a")) is None
    assert balanced_auroc(np.ones(0), []) is None


def test_fewer_groups_widen_the_interval() -> None:
    rng = np.random.default_rng(5)
    labels = [number // 10 % 2 for number in range(400)]
    # Ten texts of a group share most of their score, so that they have little more information than one.
    shared = np.repeat(rng.normal(size=40), 10)
    scores = shared + np.array(labels) * 0.5 + 0.01 * rng.normal(size=400)
    alone = [LabelledText("t", label) for label in labels]
    grouped = [LabelledText("t", label, group=f"g{number // 10}") for number, label in enumerate(labels)]
    few = [LabelledText("t", label, group=f"g{number // 40}") for number, label in enumerate(labels)]
    (value, narrow), (_, wide) = within_source_auroc(scores, alone), within_source_auroc(scores, grouped)
    assert narrow is not None
    assert wide is not None
    assert value is not None
    assert narrow[0] < value < narrow[1]
    assert wide[1] - wide[0] > narrow[1] - narrow[0]
    assert within_source_auroc(scores, few) == (value, None)


def test_within_source_auroc_ignores_source_differences() -> None:
    texts = [entry for name in "ab" for label in (0, 1) for entry in _texts(20, label, name)]
    texts += [*_texts(40, 1, "c"), *_texts(19, 0, "c")]
    # In a half of the machines lie above all humans, in b all machines; c is human at 19 texts only.
    a, b = [0.0] * 20 + [0.0] * 10 + [1.0] * 10, [5.0] * 20 + [6.0] * 20
    value, interval = within_source_auroc(np.array([*a, *b, *[9.0] * 40, *[-9.0] * 19]), texts)
    assert value == pytest.approx((0.75 + 1.0) / 2)
    assert interval is not None


def test_no_source_with_both_labels_compares_all_texts() -> None:
    texts = [*_texts(30, 0, "a"), *_texts(30, 1, "b")]
    scores = np.array([0.0] * 30 + [1.0] * 30)
    assert within_source_auroc(scores, texts)[0] == balanced_auroc(scores, texts) == 1.0
