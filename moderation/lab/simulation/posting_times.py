"""Draws the times at which accounts post."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


@dataclass(frozen=True)
class Horizon:
    """The time in which accounts post, and how often at most."""

    start_ms: int
    days: int
    max_posts: int


def how_many(rng: np.random.Generator, cap: int) -> int:
    """Return the number of posts of one account: geometric with a mean of about four, at least one, at most *cap*."""
    return int(min(cap, rng.geometric(0.24)))


def habit_of(rng: np.random.Generator) -> float:
    """Return the hour of the day around which a person, or a household, posts."""
    return float(rng.normal(15.0, 4.0))


def like_a_person(rng: np.random.Generator, n: int, start_ms: int, days: int, habit: float | None = None) -> list[int]:
    """Return *n* times in the waking hours of one person, some of them in one session; sorted."""
    habit = habit_of(rng) if habit is None else habit
    times: list[int] = []
    while len(times) < n:
        hour = (habit + float(rng.normal(0.0, 3.5))) % 24.0
        at = start_ms + int(rng.integers(days)) * DAY_MS + int(hour * HOUR_MS)
        sitting = min(n - len(times), int(rng.geometric(0.6)))
        for _ in range(sitting):
            times.append(at)
            at += int(rng.lognormal(np.log(420_000.0), 1.0))
    return _within(times, start_ms, days)


def on_schedule(rng: np.random.Generator, n: int, start_ms: int, days: int) -> list[int]:
    """Return *n* times at the same minutes of the day, about a second late."""
    slots = np.sort(rng.integers(6 * 12, 22 * 12, 3)) * 5 * 60_000
    first = int(rng.integers(days))
    times = [
        start_ms + (first + number // 3) % days * DAY_MS + int(slots[number % 3]) + int(rng.integers(0, 1500))
        for number in range(n)
    ]
    return _within(times, start_ms, days)


def in_a_burst(rng: np.random.Generator, n: int, begin_ms: int, hours: float, start_ms: int, days: int) -> list[int]:
    """Return *n* times within *hours* of *begin_ms*; sorted."""
    times = [begin_ms + int(part * hours * HOUR_MS) for part in rng.random(n)]
    return _within(times, start_ms, days)


def _within(times: list[int], start_ms: int, days: int) -> list[int]:
    """Return the times moved into the horizon; the time of day stays."""
    return sorted(start_ms + (at - start_ms) % (days * DAY_MS) for at in times)
