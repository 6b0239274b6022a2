"""Tables of the evaluation, on examples with known results."""

from __future__ import annotations

import unicodedata
from dataclasses import replace

import numpy as np
import pytest

from moderation.lab.attacks import ATTACKS, SPLITS
from moderation.lab.evaluation.detector.benign import benign_table, honest_texts
from moderation.lab.evaluation.detector.by_length import by_length
from moderation.lab.evaluation.detector.pools import human_pools, pooled_threshold, worst_pool
from moderation.lab.evaluation.detector.robustness import attack_table, attacked_texts
from moderation.lab.evaluation.detector.scored_rows import ScoredRows
from moderation.lab.evaluation.detector.scoring import score_once
from moderation.lab.evaluation.detector.within_source import low_fpr_roc, supports_one_percent, within_source
from moderation.lab.metrics.shares import share_of
from moderation.lab.metrics.thresholds import balanced_threshold, threshold_at
from moderation.lab.textdata.rows import TextRow
from moderation.text import normalise
from tests.unit.detector.small_text_data import RuleDetector, row, scored, sentence

UNDONE = ("zero_width", "bidi_controls", "tag_characters", "full_width", "mathematical_letters")


def _rows(humans: int = 600, machines: int = 40) -> list[TextRow]:
    rng = np.random.default_rng(3)
    rows = [row(number, "ours", 0, sentence(rng, 0, number)) for number in range(humans)]
    return rows + [row(number, "ours", 1, sentence(rng, 1, number)) for number in range(machines)]


def _table(rule: RuleDetector, rows: list[TextRow]) -> dict[str, dict[str, float]]:
    attacked = attacked_texts(rows, 1000, seed=0)
    logits = score_once(rule, [*(each.text for each in rows), *attacked.texts()], lambda *_: None)
    table = attack_table(attacked, logits, ScoredRows(rows, logits.of([each.text for each in rows])), ["ours"])
    return {line["attack"]: line for line in table["attacks"]}


def _hidden(text: str) -> bool:
    return any(unicodedata.category(character) == "Cf" for character in text)


def test_repeated_text_is_scored_once_and_progress_completes() -> None:
    steps: list[tuple[int, int]] = []
    detector = RuleDetector(lambda text: float(len(text)))
    logits = score_once(detector, ["a", "bb", "a"] * 200, lambda done, all_: steps.append((done, all_)))
    assert detector.asked == ["a", "bb"]
    assert steps == [(2, 2)]
    assert logits.of(["bb", "a"]).tolist() == [2, 1]


def test_thresholds_keep_their_false_positive_rate() -> None:
    humans = np.arange(1000, dtype=np.float64)
    assert (humans > threshold_at(humans, 0.01)).sum() == 10
    assert threshold_at(np.zeros(3), 0.01) == 0
    scores, labels = np.array([0.0, 1.0, 2.0, 3.0]), np.array([0, 0, 1, 1])
    assert balanced_threshold(scores, labels) == 1.5


def test_pools_match_a_worked_example() -> None:
    rows = [row(number, "quiet", 0, "low") for number in range(300)]
    rows += [row(number, "loud", 0, "high" if number < 4 else "low") for number in range(100)]
    answers = scored(rows, lambda text: float(text == "high"))
    pools = human_pools(answers, pooled_threshold(answers))
    assert pools["quiet"] == {"n": 300, "groups": 300, "fpr": 0.0, "interval": [0.0, 0.0122]}
    assert pools["loud"] == {"n": 100, "groups": 100, "fpr": 0.04, "interval": [0.011, 0.0993]}
    assert worst_pool(pools)["pool"] == "loud"


def test_texts_of_one_author_widen_the_interval() -> None:
    hits = np.arange(100) < 4
    alone = share_of(hits, [f"author {number}" for number in range(100)])
    together = share_of(hits, [f"author {number // 4}" for number in range(100)])
    assert together["share"] == alone["share"]
    assert together["interval"][1] > alone["interval"][1]
    assert share_of(hits, [f"author {number // 20}" for number in range(100)])["interval"] == (
        "not supported (groups=5)"
    )


def test_accuracy_by_length_has_its_n() -> None:
    rows = [row(number, "ours", number % 2, "word " * 5 + str(number)) for number in range(80)]
    rows += [row(number, "theirs", number % 2, "word " * 50 + str(number)) for number in range(60)]
    rows += [row(number, "people", 0, "word " * 50 + str(number)) for number in range(30)]
    rows.append(row(999, "ours", 1, "word " * 200))
    scores = np.array([float(each.label) if each.source == "theirs" else 0.0 for each in rows])
    short, long, longest = by_length(ScoredRows(rows, scores, 0.5 + (scores - 0.5) * 0.8))["bins"]
    assert (short["words"], short["n"], short["accuracy"], short["balanced_accuracy"]) == ("1-9", 80, 0.5, 0.5)
    assert (long["words"], long["n"], long["balanced_accuracy"]) == ("40-79", 60, 1.0)
    assert long["balanced_accuracy_interval"] == [1.0, 1.0]
    assert long["calibration_error"] == pytest.approx(0.1), "probabilities of 0.1 and 0.9 that are always right"
    assert short["calibration_error"] == pytest.approx(0.4), "probabilities of 0.1 for both sides"
    assert longest["calibration_error"] == "not supported (n=0)"
    assert (longest["words"], longest["balanced_accuracy"]) == ("160+", "not supported (humans=0)")


def test_the_clean_column_of_the_attack_table_is_the_clean_figure() -> None:
    rows = _rows()
    rng = np.random.default_rng(0)
    known = {each.text: float(each.label + rng.normal()) for each in rows}
    detector = RuleDetector(lambda text: known.get(text, 0.0))
    figures = within_source(scored(rows, lambda text: known[text]))["ours"]
    table = _table(detector, rows)
    assert table.keys() == {change.name for change in (*ATTACKS, *SPLITS)}
    for line in table.values():
        assert line["clean_tpr"] == figures["tpr_at_1_percent"]
        assert line["clean_auroc"] == pytest.approx(figures["auroc"], abs=1e-4)
        assert line["n"] == 40


def test_attack_with_hidden_characters_loses_nothing_after_normalisation() -> None:
    rows = _rows()

    def rule(text: str) -> float:
        return -5.0 if _hidden(text) else float("The end of" in text)

    raw, clean = _table(RuleDetector(rule), rows), _table(RuleDetector(lambda text: rule(normalise(text))), rows)
    assert raw["zero_width"]["loss_points"] == 100
    assert raw["zero_width"]["attacked_auroc"] == 0
    for name in UNDONE:
        assert clean[name]["loss_points"] == 0
        assert clean[name]["attacked_auroc"] == clean[name]["clean_auroc"]
        assert clean[name]["same_after_normalisation_share"] == clean[name]["changed_share"] == 1


def test_split_text_counts_its_highest_score() -> None:
    rows = _rows()
    first = _table(RuleDetector(lambda text: float(text.startswith(("It is", "In con", "Moreover", "As a")))), rows)
    assert first["split_in_four"]["loss_points"] == 0
    whole = _table(RuleDetector(lambda text: float("," in text and "The end" in text)), rows)
    assert whole["split_in_four"]["loss_points"] == 100


def test_abstention_on_an_attacked_text_counts_as_missed() -> None:
    rows = _rows()
    detector = RuleDetector(lambda text: float("nan") if _hidden(text) else float("The end of" in text))
    assert _table(detector, rows)["zero_width"]["attacked_tpr"] == 0


def test_loss_with_enough_groups_has_an_interval() -> None:
    rows = _rows()

    def rule(text: str) -> float:
        return float("The end of" in text and not _hidden(text))

    half = RuleDetector(lambda text: rule(normalise(text) if len(text) % 2 else text))
    line = _table(half, rows)["zero_width"]
    low, high = line["loss_points_interval"]  # type: ignore[misc]
    assert 0 <= low < line["loss_points"] < high <= 100
    assert _table(RuleDetector(lambda text: rule(normalise(text))), rows)["zero_width"]["loss_points_interval"] == [
        0,
        0,
    ]
    few = [replace(each, group=f"g{number % 5}") for number, each in enumerate(rows)]
    assert _table(half, few)["zero_width"]["loss_points_interval"] == "not supported (groups=5)"


def test_too_few_human_texts_give_auroc_but_no_loss() -> None:
    rows = _rows(humans=80)
    attacked = attacked_texts(rows, 5, seed=0)
    logits = score_once(
        RuleDetector(lambda text: float("The end of" in text)),
        [*(each.text for each in rows), *attacked.texts()],
        lambda *_: None,
    )
    answers = ScoredRows(rows, logits.of([each.text for each in rows]))
    assert not supports_one_percent(within_source(answers)["ours"])
    line = attack_table(attacked, logits, answers, [])["attacks"][0]
    assert (line["n"], line["loss_points"], line["clean_auroc"]) == (5, None, 1.0)


def test_benign_changes_are_compared_with_the_original_texts() -> None:
    rows = _rows()
    honest = honest_texts(rows, 50, seed=0)
    detector = RuleDetector(lambda text: float(text == text.lower()))
    logits = score_once(detector, [*(each.text for each in rows), *honest.texts()], lambda *_: None)
    table = benign_table(honest, logits, threshold=0.5)
    changes = {line["name"]: line for line in table["changes"]}
    assert table["clean"]["share"] == 1
    assert (changes["dictation"]["share"], changes["dictation"]["n"]) == (1, 50)
    assert (changes["autocorrected"]["share"], changes["autocorrected"]["clean_share"]) == (0, 1)
    assert all(line["n"] == 200 for line in table["banks"])


def test_roc_has_only_supported_points() -> None:
    rows = _rows()
    rng = np.random.default_rng(1)
    answers = ScoredRows(rows, rng.normal(size=len(rows)) + [each.label for each in rows])
    curve = low_fpr_roc(answers)["ours"]
    assert curve["fpr"][0] == 0.01
    assert curve["tpr"] == sorted(curve["tpr"])
    assert curve["tpr"][0] == within_source(answers)["ours"]["tpr_at_1_percent"]
