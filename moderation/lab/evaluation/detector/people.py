"""Computes false-positive rates by group of people, at the thresholds of all human texts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from moderation.lab.evaluation.detector.scored_rows import ScoredRows
from moderation.lab.metrics.shares import share_of
from moderation.lab.metrics.thresholds import threshold_at
from moderation.lab.textdata.rows import TextRow
from moderation.text import normalise

RATES = {"5": 0.05, "1": 0.01, "0.1": 0.001}
"""Nominal false-positive rates, by their name in percent."""
_LENGTHS = ((10, "under 10 words"), (20, "10 to 19 words"), (50, "20 to 49 words"), (150, "50 to 149 words"))
_LONGEST = "150 words and more"
_ERAS = ((2010, "until 2009"), (2015, "2010 to 2014"), (2020, "2015 to 2019"))
_LATEST = "from 2020"
_MARKUP_SHARE = 0.15


def people_table(scored: ScoredRows) -> dict[str, Any]:
    """Return the thresholds at 5, 1 and 0.1 % of all human texts, and the share of each group above them.

    Groups: writers of English as a second language (all, by first language, by level), formal registers, length,
    year, markup-heavy texts and each source. Each rate has its n, number of groups and 95 % interval.
    """
    human = scored.labels == 0
    thresholds = {name: threshold_at(scored.scores[human], rate) for name, rate in RATES.items()}
    members: dict[tuple[str, str], list[int]] = defaultdict(list)
    for index, text in enumerate(scored.rows):
        if text.label == 0:
            for group in _groups(text):
                members[group].append(index)
    rows = []
    for (kind, name), indices in sorted(members.items()):
        row: dict[str, Any] = {"kind": kind, "group": name}
        for rate, threshold in thresholds.items():
            found = share_of(scored.scores[indices] > threshold, scored.groups[indices])
            row |= {"n": found["n"], "groups": found["groups"]}
            row[f"fpr_at_{rate}_percent"] = found["share"]
            row[f"fpr_at_{rate}_percent_interval"] = found["interval"]
        rows.append(row)
    return {"thresholds": {name: round(value, 4) for name, value in thresholds.items()}, "groups": rows}


def _groups(row: TextRow) -> Iterator[tuple[str, str]]:
    yield "all", "all people"
    yield "source", row.source
    if row.second_language:
        yield "second language", "all"
        if row.first_language:
            yield "second language, first language", row.first_language
        if row.level:
            yield "second language, level", row.level
    if row.formal:
        yield "formal", "all"
        yield "formal", row.register
    yield "length", _band(len(row.text.split()), _LENGTHS, _LONGEST)
    if row.year is not None:
        yield "year", _band(row.year, _ERAS, _LATEST)
    if 1 - len(normalise(row.text)) / max(1, len(" ".join(row.text.split()))) >= _MARKUP_SHARE:
        yield "markup", f"{_MARKUP_SHARE:.0%} of the text or more is links, mentions, hashtags, emoji or markup"


def _band(value: int, bands: tuple[tuple[int, str], ...], last: str) -> str:
    return next((name for below, name in bands if value < below), last)
