"""Draws two numbers per day as bars, as SVG."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from moderation.review.steering import Day

WIDTH, HEIGHT, TOP, BOTTOM = 400, 130, 14, 20
LABEL_EVERY = 3
"""Days from one label to the next."""


def day_svg(days: Sequence[Day]) -> Markup:
    """Return the drawing: for each day a bar for accounts that came, and one for accounts that were decided."""
    largest = max((max(day.opened, day.decided) for day in days), default=0)
    width = WIDTH / max(1, len(days))
    bars = Markup("").join(_day(day, number, width, largest) for number, day in enumerate(days))
    words = f"Accounts a day: {sum(day.opened for day in days)} came, {sum(day.decided for day in days)} were decided"
    return Markup(
        '<svg class="days" viewBox="0 0 {} {}" role="img" aria-label="{}"><text x="0" y="10">{}</text>'
        '<line class="axis" x1="0" y1="{}" x2="{}" y2="{}"/>{}</svg>'
    ).format(WIDTH, HEIGHT, words, f"{largest:,}", HEIGHT - BOTTOM, WIDTH, HEIGHT - BOTTOM, bars)


def _day(day: Day, number: int, width: float, largest: int) -> Markup:
    left = number * width
    pieces = []
    for place, (kind, count) in enumerate((("opened", day.opened), ("decided", day.decided))):
        height = (HEIGHT - TOP - BOTTOM) * count / largest if largest else 0.0
        x = left + width * (0.12 + 0.38 * place)
        pieces.append(
            Markup(
                '<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"><title>{}</title></rect>'
            ).format(kind, x, HEIGHT - BOTTOM - height, width * 0.36, height, f"{day.day}: {count:,} {kind}")
        )
    if number % LABEL_EVERY:
        return Markup("").join(pieces)
    label = Markup('<text x="{:.1f}" y="{}" text-anchor="middle">{}</text>').format(
        left + width / 2, HEIGHT - 6, f"{day.day:%m-%d}"
    )
    return Markup("").join([*pieces, label])
