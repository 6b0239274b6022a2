"""How a text was entered. A way of writing that leaves no rhythm is missing here, never suspicious.

Definitions follow Dhakal et al., "Observations on Typing from 136 Million Keystrokes" (CHI 2018): inter-key
interval is press to press.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from moderation.events import Post, Typing

WITHOUT_RHYTHM = frozenset({"ime", "dictation", "assistive", "api"})
"""Input methods whose key presses, if there are any, do not stand for characters."""
LEAST_INTERVALS = 8
BINS_PER_OCTAVE = 4


def typing_features(post: Post) -> dict[str, float]:
    """Typing features of one post; empty where nothing was sent or typed, or the input method has no rhythm.

    A text that was pasted whole was written elsewhere, in a notebook or a translator, so its typing is unknown.
    """
    typing = post.typing
    if typing is None or typing.input_method in WITHOUT_RHYTHM or (typing.pasted_chars or 0) >= max(1, len(post.text)):
        return {}
    return {**_aggregates(typing, len(post.text)), **_rhythm(typing, post.text)}


def _aggregates(typing: Typing, length: int) -> dict[str, float]:
    found: dict[str, float] = {}
    pasted = min(typing.pasted_chars or 0, length)
    if typing.pasted_chars is not None and length:
        found["typing_pasted_share"] = pasted / length
    if typing.pastes is not None:
        found["typing_pastes"] = float(typing.pastes)
    typed = length - pasted
    seconds = (typing.duration_ms or 0) / 1000
    # How much was typed is known only where a client that reports pastes also reports their length.
    uncounted_paste = bool(typing.pastes) and typing.pasted_chars is None
    if typed > 0 and seconds > 0 and not uncounted_paste:
        found["typing_chars_per_s"] = typed / seconds
    if typing.keystrokes:
        if seconds > 0:
            found["typing_keystrokes_per_s"] = typing.keystrokes / seconds
        if typing.deletions is not None:
            found["typing_deletion_share"] = min(1.0, typing.deletions / typing.keystrokes)
    if typing.keystrokes is not None and typed > 0 and not uncounted_paste:
        found["typing_keystrokes_per_char"] = typing.keystrokes / typed
    if typing.focus_losses is not None and length:
        found["typing_focus_losses_per_100_chars"] = 100 * typing.focus_losses / length
    return found


def _rhythm(typing: Typing, text: str) -> dict[str, float]:
    if typing.intervals_ms is None or len(typing.intervals_ms) < LEAST_INTERVALS:
        return {}
    intervals = np.asarray(typing.intervals_ms, dtype=np.float64)
    low, median, high = _quartiles(intervals)
    mean = float(np.add.reduce(intervals)) / len(intervals)
    found = {
        "typing_interval_median_ms": median,
        "typing_interval_repeated_share": int(np.count_nonzero(intervals[1:] == intervals[:-1])) / (len(intervals) - 1),
        "typing_interval_entropy_bits": _entropy_bits(intervals),
    }
    if median > 0:
        found["typing_interval_iqr_ratio"] = (high - low) / median
    if mean > 0:
        found["typing_interval_cv"] = _norm(intervals - mean) / math.sqrt(len(intervals)) / mean
    lag1 = _lag1(np.log(np.maximum(intervals, 1.0)))
    if not math.isnan(lag1):
        found["typing_interval_lag1"] = lag1
    pause = _boundary_pause_ratio(intervals, _boundaries(typing, text))
    if not math.isnan(pause):
        found["typing_boundary_pause_ratio"] = pause
    return found


def _quartiles(values: NDArray[np.float64]) -> tuple[float, float, float]:
    """Linearly interpolated, as numpy.percentile does; it takes a third of a post's time for so few values."""
    ordered = sorted(values.tolist())
    found = []
    for place in ((len(ordered) - 1) * quarter / 4 for quarter in (1, 2, 3)):
        below = int(place)
        above = min(below + 1, len(ordered) - 1)
        found.append(ordered[below] + (ordered[above] - ordered[below]) * (place - below))
    return found[0], found[1], found[2]


def _norm(values: NDArray[np.float64]) -> float:
    return math.sqrt(float(np.dot(values, values)))


def _entropy_bits(intervals: NDArray[np.float64]) -> float:
    bins = (np.log2(np.maximum(intervals, 1.0)) * BINS_PER_OCTAVE).astype(np.int64)
    shares = [count / len(bins) for count in np.bincount(bins).tolist() if count]
    return math.fsum(-share * math.log2(share) for share in shares)


def _lag1(values: NDArray[np.float64]) -> float:
    first, second = values[:-1], values[1:]
    first = first - float(np.add.reduce(first)) / len(first)
    second = second - float(np.add.reduce(second)) / len(second)
    spread = _norm(first) * _norm(second)
    return float(np.dot(first, second)) / spread if spread > 1e-9 else math.nan


def _boundaries(typing: Typing, text: str) -> Sequence[bool] | None:
    """Which presses begin a word. From the classes where sent, from the text where presses match it exactly."""
    intervals = typing.intervals_ms or ()
    classes = typing.interval_classes
    if classes is not None and len(classes) == len(intervals):
        return [kind == "letter" and before == "space" for before, kind in pairwise(classes)]
    exact = typing.keystrokes == len(text) and not typing.deletions and not typing.pastes
    if exact and len(intervals) == len(text) - 1:
        return [text[i].isspace() and not text[i + 1].isspace() for i in range(1, len(text) - 1)]
    return None


def _boundary_pause_ratio(intervals: NDArray[np.float64], begins_word: Sequence[bool] | None) -> float:
    if begins_word is None:
        return math.nan
    mask = np.asarray(begins_word, dtype=np.bool_)
    at_boundary, within = intervals[1:][mask], intervals[1:][~mask]
    if len(at_boundary) < 3 or len(within) < 3 or float(np.median(within)) <= 0:
        return math.nan
    return float(np.median(at_boundary) / np.median(within))
