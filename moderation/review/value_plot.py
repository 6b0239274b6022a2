"""Draws the values of an account against the usual range of genuine accounts, as SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from moderation.risk.manifest import NamedFeature
from moderation.risk.phrases import inside, shown

WIDTH, ROW = 640, 26
LABEL, RIGHT = 250, 110
"""Width of the names on the left and of the values on the right."""
LABELS = {
    "typing_chars_per_s": "characters per second",
    "typing_keystrokes_per_s": "keys per second",
    "typing_keystrokes_per_char": "keys per typed character",
    "typing_pasted_share": "pasted part of the text",
    "typing_deletion_share": "key presses that delete",
    "typing_interval_median_ms": "typical pause, ms",
    "typing_interval_iqr_ratio": "middle half of the pauses",
    "typing_interval_cv": "variation of the pauses",
    "typing_interval_entropy_bits": "variety of the pauses, bits",
    "typing_interval_lag1": "pause against the next one",
    "typing_interval_repeated_share": "pauses equal to the one before",
    "typing_boundary_pause_ratio": "pause before words, times",
}


@dataclass(frozen=True)
class PlottedValue:
    """A value with its place: 0 is the lower end of the usual range, 1 the upper end."""

    label: str
    words: str
    place: float
    usual: bool


def plotted(features: Sequence[NamedFeature], values: Mapping[str, float]) -> list[PlottedValue]:
    """Return the typing values that are known and have a usual range."""
    found = []
    for feature in features:
        label, value = LABELS.get(feature.name), values.get(feature.name)
        low, high = feature.genuine_low, feature.genuine_high
        if label is None or value is None or low is None or high is None:
            continue
        span = high - low
        place = (value - low) / span if span > 0 else 0.5 if value == low else 2.0 if value > low else -1.0
        found.append(PlottedValue(label, shown(feature, value), place, inside(feature, value)))
    return found


def typing_svg(rows: Sequence[PlottedValue]) -> Markup:
    """Return the drawing, empty where no value is known: a band for what is usual, and a mark for the value."""
    if not rows:
        return Markup("")
    height = ROW * len(rows)
    unusual = [row.label for row in rows if not row.usual]
    label = f"Typing: {', '.join(unusual) or 'nothing'} outside the usual range"
    marks = Markup("").join(_row(row, ROW * number) for number, row in enumerate(rows))
    return Markup('<svg class="values" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        WIDTH, height, label, marks
    )


def _row(row: PlottedValue, top: int) -> Markup:
    left, width = LABEL, WIDTH - LABEL - RIGHT
    middle = top + ROW / 2
    x = left + width * (min(2.0, max(-1.0, row.place)) + 1) / 3
    return Markup(
        '<text x="{}" y="{:.0f}" text-anchor="end">{}</text>'
        '<rect class="usual" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="10"/>'
        '<line class="axis" x1="{}" y1="{:.1f}" x2="{}" y2="{:.1f}"/>'
        '<circle class="{}" cx="{:.1f}" cy="{:.1f}" r="5"/><text x="{}" y="{:.0f}">{}</text>'
    ).format(
        *(left - 10, middle + 4, row.label),
        *(left + width / 3, middle - 5, width / 3),
        *(left, middle, left + width, middle),
        *("inside" if row.usual else "outside", x, middle),
        *(left + width + 10, middle + 4, row.words),
    )
