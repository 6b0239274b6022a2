"""What both shipped detectors are worth, in one table, from the figures of several commands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.cards.markdown import gain, number, share, table

_WORDS, _FAST, _THOROUGH = "words", "2*encoder-taught+characters", "2*encoder-taught+characters+3*companion"
_GOALS = {"gain": "+0.060", "auroc": "0.900", "tpr": "0.480"}
"""Of the project, for a source or generator left out, and for text_dev with all rows."""
_TIMES_AS_FAST = 12


def at_a_glance(
    thorough: dict[str, Any],
    fast: dict[str, Any],
    fast_with_all_rows: dict[str, Any],
    sources: dict[str, Any],
    generators: dict[str, Any],
    speed: dict[str, Any],
) -> str:
    """Words, fast and thorough side by side.

    *thorough*, *fast* and *fast_with_all_rows* are of `moderation detector evaluate`, *sources* and *generators* of
    `moderation detector compare`, *speed* of `python -m tests.bench.joined`.
    """
    of_thorough, of_words = thorough["results"].values()
    results = [of_words, fast["results"]["detector"], of_thorough]
    all_fast, all_words = fast_with_all_rows["results"].values()
    worst = [result["worst_pool"] for result in results]
    times = speed["times_as_fast_as_torch"]
    rows = [
        *_left_out("source", sources),
        *_left_out("generator", generators),
        *_text_dev("`text_dev`", results, goals=False),
        *_text_dev("`text_dev`, all rows", [all_words, all_fast, None], goals=True),
        [
            "of the worst pool of people, above the threshold of 1 % of all",
            *(f"{share(one['fpr'], one['interval'])} ({one['pool']})" for one in worst),
            "",
        ],
        [
            "times as fast as RoBERTa-base in PyTorch, posts as they arrive",
            "",
            *(f"{times[part]['arrival']:.1f}" for part in ("detector alone", "both")),
            f"{_TIMES_AS_FAST:g}",
        ],
    ]
    return table(["", "words", "`fast`", "`thorough`", "goal"], rows)


def _text_dev(name: str, results: Sequence[dict[str, Any] | None], *, goals: bool) -> list[list[str]]:
    """The AUROC and what is caught, as each result has them; none was not measured."""

    def of(measured: dict[str, Any] | None, figure: str) -> str:
        return number(measured[figure]) if measured else "not measured"

    rows = [
        (f"{name}: AUROC", "mean_within_source_auroc", _GOALS["auroc"]),
        ("caught at 1 %, sources with enough people", "mean_tpr_at_1_percent_where_supported", _GOALS["tpr"]),
    ]
    return [[told, *(of(result, figure) for result in results), goal if goals else ""] for told, figure, goal in rows]


def _left_out(kind: str, figures: dict[str, Any]) -> list[list[str]]:
    means = [figures["means"][kind][name] for name in (_WORDS, _FAST, _THOROUGH)]
    return [
        [f"a {kind} left out: AUROC", *(number(mean["auroc"], mean["auroc_interval"]) for mean in means), ""],
        ["minus words", "", *map(gain, means[1:]), _GOALS["gain"]],
        ["caught at 1 %", *(number(mean["tpr_at_1_percent_where_supported"]) for mean in means), ""],
    ]
