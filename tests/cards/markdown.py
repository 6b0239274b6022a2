"""Rows, shares and intervals as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def number(value: Any, interval: Any = None) -> str:
    """Return a figure to three places with its interval; what is not supported is said in its own words."""
    if not isinstance(value, float | int):
        return str(value)
    shown = f"{value:.3f}"
    if interval is None:
        return shown
    if isinstance(interval, str):
        return f"{shown}, interval {interval}"
    return f"{shown} [{interval[0]:.3f}, {interval[1]:.3f}]"


def share(value: float, interval: Any) -> str:
    """Return a share in per cent with its interval."""
    shown = f"{value:.1%}"
    if isinstance(interval, str):
        return f"{shown}, interval {interval}"
    return f"{shown} [{interval[0]:.1%}, {interval[1]:.1%}]"
