"""The timeline of an account as SVG: one mark for each flagged post, by time and risk."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from markupsafe import Markup

from moderation.review.accounts import TimelinePoint

WIDTH, HEIGHT = 640, 96
LEFT, RIGHT, TOP, BOTTOM = 8, 8, 8, 22
TICKS = 4
MARK_WIDTH = 3
SHORTEST = timedelta(minutes=TICKS)
"""So that every mark of the axis has another minute."""


def timeline_svg(points: Sequence[TimelinePoint], threshold: float) -> Markup:
    """Return the drawing, empty where there is only one time to show.

    Height is the part of the way from the threshold to 1, because all risks are above the threshold.
    """
    times = [point.at for point in points]
    if len(set(times)) < 2:
        return Markup("")
    first, last = min(times), max(times)
    span = max(last - first, SHORTEST)
    marks = [_mark(point, first, span, threshold) for point in _separate(points, first, span)]
    ticks = [_tick(first, span, number) for number in range(TICKS + 1)]
    label = f"{len(points)} flagged posts from {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC"
    base = HEIGHT - BOTTOM
    return Markup(
        '<svg class="timeline" viewBox="0 0 {} {}" role="img" aria-label="{}">'
        '<line class="axis" x1="{}" y1="{}" x2="{}" y2="{}"/>{}{}</svg>'
    ).format(WIDTH, HEIGHT, label, LEFT, base, WIDTH - RIGHT, base, Markup("").join(ticks), Markup("").join(marks))


def _separate(points: Sequence[TimelinePoint], first: datetime, span: timedelta) -> list[TimelinePoint]:
    """Return the points without those that a mark of higher risk at the same place would hide."""
    places: dict[int, TimelinePoint] = {}
    for point in points:
        place = int(_x(point.at, first, span) / MARK_WIDTH)
        if place not in places or places[place].risk < point.risk:
            places[place] = point
    return list(places.values())


def _x(at: datetime, first: datetime, span: timedelta) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * ((at - first) / span)


def _mark(point: TimelinePoint, first: datetime, span: timedelta, threshold: float) -> Markup:
    above = (point.risk - threshold) / (1 - threshold) if threshold < 1 else 1.0
    top = TOP + (HEIGHT - TOP - BOTTOM) * (1 - min(1.0, max(0.1, above)))
    x = _x(point.at, first, span)
    return Markup('<line class="mark {}" x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{}"><title>{}</title></line>').format(
        point.status,
        x,
        top,
        x,
        HEIGHT - BOTTOM,
        f"{point.at:%Y-%m-%d %H:%M} UTC, risk {point.risk:.4f}, {point.status}",
    )


def _tick(first: datetime, span: timedelta, number: int) -> Markup:
    at = first + span * number / TICKS
    form = "%m-%d %H:%M" if span < timedelta(days=3) else "%Y-%m-%d"
    anchor = "start" if number == 0 else "end" if number == TICKS else "middle"
    return Markup('<text x="{:.1f}" y="{}" text-anchor="{}">{}</text>').format(
        _x(at, first, span), HEIGHT - 6, anchor, at.strftime(form)
    )
