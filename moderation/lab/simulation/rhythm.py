"""Draws the typing telemetry that a client would send for a text, from published figures.

People: inter-key intervals are log-normal within a person and across people, mean 238.66 ms (SD 111.6), 6.3 % of
presses are corrections, 1.173 presses a character (Dhakal et al., "Observations on typing from 136 million
keystrokes", CHI 2018). Words and sentences begin after a longer pause (Conijn et al., Reading and Writing 32, 2019).
Who writes own thoughts pauses more and corrects unevenly, and clocks are coarse: the ranges of people are wide enough
to cover the real key presses of 20 people; 20 others are held out (`moderation signals`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from moderation.events import InputMethod, IntervalClass, Typing

Pattern = Literal["human", "constant", "uniform", "instant", "none"]
Telemetry = Literal["totals", "intervals", "classes", "nothing"]
CAPTURED = 120
"""A client sends at most this many intervals."""

TELEMETRY: tuple[tuple[Telemetry, float], ...] = (
    ("classes", 0.45),
    ("intervals", 0.25),
    ("totals", 0.15),
    ("nothing", 0.15),
)
"""Probability of what a client sends: the same for people and campaigns, so that a missing value is neutral."""

CLOCKS_MS: tuple[tuple[float, float], ...] = (
    (0.1, 0.4),
    (1.0, 0.3),
    (8.0, 0.08),
    (15.625, 0.14),
    (50.0, 0.04),
    (100.0, 0.04),
)
"""Resolution of the client's clock, and its probability: the same for people and campaigns. Browsers round times to
0.1 or 1 ms, or to 100 ms against fingerprinting; clocks of operating systems tick every 8 or 15.625 ms."""

_DICTATED_CHARS_PER_S = 13.0
_PASTED_WHOLE = 0.4
"""Share of human pastes that are not edited afterwards; an assumption, because no published figure exists."""


@dataclass(frozen=True)
class Manner:
    """The typing behaviour of one account."""

    method: InputMethod = "keyboard"
    pattern: Pattern = "human"
    interval_ms: float = 230.0
    """Median time from press to press within a word."""
    spread: float = 0.45
    """Standard deviation of the logarithm of intervals within a word."""
    presses_per_char: float = 1.173
    corrections: float = 0.063
    """Share of key presses that delete."""
    word_pause: float = 1.5
    """Factor on the interval before the first press of a word."""
    thinking: float = 0.015
    """Share of presses that follow a pause of seconds."""
    pasted_posts: float = 0.06
    """Share of posts that are mostly pasted."""
    telemetry: Telemetry = "classes"
    clock_ms: float = 0.1
    """Resolution of the clock of the client."""


def person(rng: np.random.Generator, method: InputMethod, tempo: float = 1.0) -> Manner:
    """Draw one person's manner; *tempo* scales all intervals (above 1: slower)."""
    interval = tempo * float(np.clip(rng.lognormal(np.log(180.0), 0.5), 55, 900))
    manner = Manner(
        method=method,
        interval_ms=interval,
        spread=float(rng.uniform(0.3, 0.6)),
        presses_per_char=float(rng.uniform(1.0, 1.15)),
        corrections=float(np.clip(rng.beta(1.3, 24), 0.0, 0.3)),
        word_pause=float(rng.uniform(1.1, 3.0)),
        thinking=float(rng.uniform(0.004, 0.06)),
        pasted_posts=float(rng.beta(1.0, 14.0)),
        telemetry=telemetry(rng),
        clock_ms=clock(rng),
    )
    if method == "mobile":
        return replace(manner, interval_ms=interval * 1.15, presses_per_char=float(rng.uniform(0.7, 1.1)))
    if method == "ime":
        return replace(manner, presses_per_char=float(rng.uniform(1.4, 2.6)), word_pause=float(rng.uniform(1.5, 3.0)))
    if method == "assistive":
        slow = float(rng.uniform(3.0, 9.0))
        return replace(manner, interval_ms=interval * slow, corrections=manner.corrections * 0.5)
    return manner


def telemetry(rng: np.random.Generator) -> Telemetry:
    """Draw what a client sends, independently of the account."""
    return TELEMETRY[int(rng.choice(len(TELEMETRY), p=[share for _, share in TELEMETRY]))][0]


def clock(rng: np.random.Generator) -> float:
    """Draw the resolution of the client's clock in milliseconds, independently of the account."""
    return CLOCKS_MS[int(rng.choice(len(CLOCKS_MS), p=[share for _, share in CLOCKS_MS]))][0]


def typing_of(rng: np.random.Generator, manner: Manner, text: str) -> Typing | None:
    """Return the telemetry of typing *text*, None where the client sends none."""
    if manner.pattern == "none" or manner.telemetry == "nothing":
        return None
    if manner.method == "dictation":
        return _dictated(rng, text)
    if manner.pattern == "instant" or rng.random() < manner.pasted_posts:
        return _pasted(rng, manner, text)
    # People correct one post a lot and another not at all; a correction takes two further presses.
    human = manner.pattern == "human"
    corrections = min(0.25, manner.corrections * float(rng.exponential())) if human else manner.corrections
    per_char = manner.presses_per_char / (1.0 - 2.0 * corrections if human else 1.0)
    presses = max(3, int(len(text) * per_char * rng.uniform(0.96, 1.08)))
    deletions = int(rng.binomial(presses, corrections))
    captured = min(presses - 1, CAPTURED)
    classes = _classes(text, captured)
    intervals = _intervals(rng, manner, captured, classes)
    deleted = rng.random(captured) < corrections
    mean = float(intervals.mean()) if captured else manner.interval_ms
    rest = mean * (presses - 1 - captured) * float(rng.uniform(0.9, 1.1))
    full = manner.telemetry in ("intervals", "classes")
    return Typing.model_construct(
        duration_ms=round(float(intervals.sum()) + rest + float(rng.uniform(20, 200)), 1),
        keystrokes=presses,
        deletions=deletions,
        pastes=0,
        pasted_chars=0,
        focus_losses=int(rng.poisson(0.25)) if manner.pattern == "human" else 0,
        intervals_ms=_ticks(intervals, manner.clock_ms) if full else None,
        interval_classes=_named(classes, deleted) if manner.telemetry == "classes" else None,
        input_method=manner.method,
    )


_NAMES: tuple[IntervalClass, ...] = ("letter", "space", "punctuation", "delete", "other")


def _classes(text: str, n: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return the class of each of the *n* presses after the first: 0 letter, 1 space, 2 punctuation, 4 other."""
    classes = np.array(
        [0 if c.isalpha() else 1 if c.isspace() else 4 if c.isalnum() else 2 for c in text[1 : n + 1]], dtype=np.int64
    )
    return np.concatenate([classes, np.full(n - len(classes), 4, dtype=np.int64)])


def _intervals(
    rng: np.random.Generator, manner: Manner, n: int, classes: np.ndarray[tuple[int], np.dtype[np.int64]]
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return the milliseconds before each of the *n* presses after the first, shape (n,)."""
    if manner.pattern == "constant":
        return np.maximum(1.0, manner.interval_ms + rng.normal(0.0, manner.spread * manner.interval_ms, n))
    if manner.pattern == "uniform":
        return rng.uniform((1 - manner.spread) * manner.interval_ms, (1 + manner.spread) * manner.interval_ms, n)
    intervals = rng.lognormal(np.log(manner.interval_ms), manner.spread, n)
    after_word = np.concatenate([[False], np.isin(classes[:-1], (1, 2))]) if n else np.zeros(0, dtype=bool)
    intervals[after_word] *= manner.word_pause * rng.lognormal(0.0, 0.3, int(after_word.sum()))
    thinking = rng.random(n) < manner.thinking * np.where(after_word, 2.0, 0.8)
    intervals[thinking] += rng.lognormal(np.log(2000.0), 1.0, int(thinking.sum()))
    return intervals


def _ticks(intervals: np.ndarray[tuple[int], np.dtype[np.float64]], clock_ms: float) -> tuple[float, ...]:
    """Return the intervals as a clock of this resolution measures them."""
    presses = np.floor(np.concatenate([[0.0], np.cumsum(intervals)]) / clock_ms) * clock_ms
    return tuple(np.round(np.diff(presses), 1).tolist())


def _named(
    classes: np.ndarray[tuple[int], np.dtype[np.int64]], deleted: np.ndarray[tuple[int], np.dtype[np.bool_]]
) -> tuple[IntervalClass, ...]:
    return tuple(_NAMES[3 if gone else kind] for kind, gone in zip(classes.tolist(), deleted.tolist(), strict=True))


def _dictated(rng: np.random.Generator, text: str) -> Typing:
    presses = int(rng.poisson(2.0))
    return Typing.model_construct(
        duration_ms=round(1000 * len(text) / _DICTATED_CHARS_PER_S * float(rng.lognormal(0.0, 0.25)), 1),
        keystrokes=presses,
        deletions=int(rng.binomial(presses, 0.4)),
        pastes=0,
        pasted_chars=0,
        focus_losses=int(rng.poisson(0.2)),
        intervals_ms=None,
        interval_classes=None,
        input_method="dictation",
    )


def _pasted(rng: np.random.Generator, manner: Manner, text: str) -> Typing:
    """Return the telemetry of a paste: a person often edits it afterwards, a script posts in the same second."""
    script = manner.pattern == "instant"
    whole = script or rng.random() < _PASTED_WHOLE
    presses = 1 if whole else 1 + int(rng.poisson(6.0))
    full = manner.telemetry in ("intervals", "classes") and presses > 1
    intervals = rng.lognormal(np.log(max(1.0, manner.interval_ms)), manner.spread, presses - 1)
    dwell = float(rng.uniform(80, 1500)) if script else float(rng.lognormal(np.log(9000.0), 0.9))
    return Typing.model_construct(
        duration_ms=round(float(intervals.sum()) + dwell, 1),
        keystrokes=presses,
        deletions=int(rng.binomial(presses, 0.2)),
        pastes=1,
        pasted_chars=len(text) if whole else max(0, len(text) - presses),
        focus_losses=0 if script else 1 + int(rng.poisson(0.4)),
        intervals_ms=_ticks(intervals, manner.clock_ms) if full else None,
        interval_classes=None,
        input_method=manner.method,
    )
