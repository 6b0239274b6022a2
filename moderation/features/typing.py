"""Typing features. An input method without key intervals has missing values, which are neutral.

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
from moderation.features.rhythm import RHYTHM, rhythms

WITHOUT_RHYTHM = frozenset({"ime", "dictation", "assistive", "api"})
"""Input methods whose key presses, if any, do not correspond to characters."""
LEAST_INTERVALS = 8


def typing_features(posts: Sequence[Post]) -> list[dict[str, float]]:
    """Return the typing features of each post; empty where nothing was sent or typed, or without key intervals.

    A completely pasted text was written elsewhere, such as in a notebook or a translator, so its typing is unknown.
    """
    used = [_usable(post) for post in posts]
    found = [
        {} if typing is None else _aggregates(typing, len(post.text)) for typing, post in zip(used, posts, strict=True)
    ]
    timed: dict[int, NDArray[np.float64]] = {
        number: np.asarray(typing.intervals_ms, dtype=np.float64)
        for number, typing in enumerate(used)
        if typing is not None and typing.intervals_ms is not None and len(typing.intervals_ms) >= LEAST_INTERVALS
    }
    for (number, intervals), row in zip(timed.items(), rhythms(list(timed.values())).tolist(), strict=True):
        found[number].update((name, value) for name, value in zip(RHYTHM, row, strict=True) if not math.isnan(value))
        pause = _boundary_pause_ratio(intervals, _boundaries(used[number], posts[number].text))
        if not math.isnan(pause):
            found[number]["typing_boundary_pause_ratio"] = pause
    return found


def _usable(post: Post) -> Typing | None:
    typing = post.typing
    if typing is None or typing.input_method in WITHOUT_RHYTHM or (typing.pasted_chars or 0) >= max(1, len(post.text)):
        return None
    return typing


def _aggregates(typing: Typing, length: int) -> dict[str, float]:
    found: dict[str, float] = {}
    pasted = min(typing.pasted_chars or 0, length)
    if typing.pasted_chars is not None and length:
        found["typing_pasted_share"] = pasted / length
    if typing.pastes is not None:
        found["typing_pastes"] = float(typing.pastes)
    typed = length - pasted
    seconds = (typing.duration_ms or 0) / 1000
    # The number of typed characters is known only where a client that reports pastes also reports their length.
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


def _boundaries(typing: Typing | None, text: str) -> Sequence[bool] | None:
    """Return which presses begin a word, from the classes where sent, else from the text where presses match it."""
    if typing is None:
        return None
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
