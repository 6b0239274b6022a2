"""Ways that take turns, of each of which the best round counts: so other work on the machine weighs on nobody."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

Way = Callable[[], list[float]]
"""Scores all posts and returns their logits."""


def best_of_turns(ways: Mapping[str, Way], rounds: int) -> tuple[dict[str, float], dict[str, list[float]]]:
    """Return the least seconds that each way took, and the logits it gave last."""
    seconds = dict.fromkeys(ways, float("inf"))
    answers: dict[str, list[float]] = {}
    for _ in range(rounds):
        for name, work in ways.items():
            began = time.perf_counter()
            answers[name] = work()
            seconds[name] = min(seconds[name], time.perf_counter() - began)
    return seconds, answers
