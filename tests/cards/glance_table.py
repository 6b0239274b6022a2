"""What both shipped detectors are worth, in one table, from the figures of several commands."""

from __future__ import annotations

from typing import Any

from tests.cards.markdown import gain, number, share, table

_WORDS, _FAST, _THOROUGH = "words", "2*encoder-taught+characters", "2*encoder-taught+characters+3*companion"
_GOALS = {"gain": "+0.060", "auroc": "0.900", "tpr": "0.480"}
"""Of the project, for a source or generator left out, and for text_dev with all rows."""
_TIMES_AS_FAST = 12


def at_a_glance(
    thorough: dict[str, Any],
    fast: dict[str, Any],
    sources: dict[str, Any],
    generators: dict[str, Any],
    speed: dict[str, Any],
) -> str:
    """Words, fast and thorough side by side.

    *thorough* and *fast* are of `moderation detector evaluate`, *sources* and *generators* of `moderation detector
    compare`, *speed* of `python -m tests.bench.joined`.
    """
    of_thorough, of_words = thorough["results"].values()
    results = [of_words, fast["results"]["detector"], of_thorough]
    worst = [result["worst_pool"] for result in results]
    times = speed["times_as_fast_as_torch"]
    rows = [
        *_left_out("source", sources),
        *_left_out("generator", generators),
        ["`text_dev`: AUROC", *(number(one["mean_within_source_auroc"]) for one in results), _GOALS["auroc"]],
        [
            "caught at 1 %, sources with enough people",
            *(number(one["mean_tpr_at_1_percent_where_supported"]) for one in results),
            _GOALS["tpr"],
        ],
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


def _left_out(kind: str, figures: dict[str, Any]) -> list[list[str]]:
    means = [figures["means"][kind][name] for name in (_WORDS, _FAST, _THOROUGH)]
    return [
        [f"a {kind} left out: AUROC", *(number(mean["auroc"], mean["auroc_interval"]) for mean in means), ""],
        ["minus words", "", *map(gain, means[1:]), _GOALS["gain"]],
        ["caught at 1 %", *(number(mean["tpr_at_1_percent_where_supported"]) for mean in means), ""],
    ]
