"""The order in which events arrive: delays on the way, clocks that are apart, and a partition that is late for a while.

Events of one account come from one producer and stay in order, as on a topic that is keyed by account.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from zlib import crc32

import numpy as np

from moderation.events import Event

PRODUCERS = 8
PARTITIONS = 4
_MINUTE_MS = 60_000
_HOUR_MS = 60 * _MINUTE_MS


@dataclass(frozen=True)
class Disorder:
    """How far from its time an event arrives, in milliseconds."""

    median_delay_ms: float = 80.0
    """Median of the delay on the way, which is log-normal."""
    delay_spread: float = 1.2
    """Standard deviation of the logarithm of the delay."""
    most_delay_ms: float = 20_000.0
    clock_spread_ms: float = 2_000.0
    """Standard deviation of the clocks of the producers."""
    late_share: float = 0.02
    """Share of the hours in which one partition is late."""
    most_late_ms: float = 4 * _MINUTE_MS


def arrivals(events: Iterable[Event], seed: int, disorder: Disorder | None = None) -> Iterator[Event]:
    """Yield events, given in event-time order, in the order of their arrival; the same for the same seed."""
    disorder = disorder or Disorder()
    rng = np.random.default_rng([seed, 3])
    clocks = np.clip(rng.normal(0.0, disorder.clock_spread_ms, PRODUCERS), -10_000, 10_000)
    waiting: list[tuple[float, int, Event]] = []
    latest_of: dict[str, float] = {}
    for number, event in enumerate(events):
        at_ms = event.at_ms or 0
        name = str(getattr(event, "account_id", None))
        arrival = at_ms + clocks[crc32(name.encode()) % PRODUCERS] + _delay(rng, disorder)
        arrival += _lateness(at_ms, crc32(name.encode()) // PRODUCERS % PARTITIONS, seed, disorder)
        latest_of[name] = arrival = max(arrival, latest_of.get(name, arrival))
        while waiting and waiting[0][0] < at_ms - 10_000:
            yield heapq.heappop(waiting)[2]
        heapq.heappush(waiting, (arrival, number, event))
    while waiting:
        yield heapq.heappop(waiting)[2]


def _delay(rng: np.random.Generator, disorder: Disorder) -> float:
    delay = disorder.median_delay_ms * float(np.exp(rng.normal(0.0, disorder.delay_spread)))
    return min(delay, disorder.most_delay_ms)


def _lateness(at_ms: int, partition: int, seed: int, disorder: Disorder) -> float:
    """Return how late a partition is: in some hours one of them falls behind, then catches up."""
    hour, within = divmod(at_ms, _HOUR_MS)
    draw = np.random.default_rng([seed, 4, hour]).random(2)
    if draw[0] >= disorder.late_share or int(draw[1] * PARTITIONS) != partition:
        return 0.0
    return disorder.most_late_ms * min(within, _HOUR_MS - within) / (_HOUR_MS / 2)
