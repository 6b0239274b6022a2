"""Tables of figures: every number has its value in the JSON file and the text that is shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Number:
    """A value of the JSON file and its formatted text."""

    value: float
    text: str


@dataclass(frozen=True)
class Bounds:
    """An interval: its two ends, and the unit of both."""

    low: Number
    high: Number
    unit: str


@dataclass(frozen=True)
class Estimate:
    """A figure with its interval in small print below it."""

    figure: Number
    interval: Bounds | str


Cell = Number | Bounds | Estimate | str
Figure = float | str | None


def percent(value: Figure, digits: int = 1) -> Number | str:
    """Return a share as a percentage; text such as "not supported" is returned unchanged, None as a dash."""
    if value is None or isinstance(value, str):
        return value or "–"
    return Number(value, f"{100 * value:.{digits}f} %")


def plain(value: Figure, digits: int = 0) -> Number | str:
    """Return a number with *digits* decimals; text such as "not supported" is returned unchanged, None as a dash."""
    if value is None or isinstance(value, str):
        return value or "–"
    return Number(value, f"{value:.{digits}f}")


def bounds(interval: Sequence[float] | str | None, digits: int = 1, *, as_percent: bool = True) -> Bounds | str:
    """Return an interval; text such as "not supported" is returned unchanged, None as a dash."""
    if interval is None or isinstance(interval, str):
        return interval or "–"
    low, high = (Number(end, f"{end * (100 if as_percent else 1):.{digits}f}") for end in interval)
    return Bounds(low, high, " %" if as_percent else "")


def estimate(figure: Number | str, interval: Bounds | str) -> Cell:
    """Return a figure with its interval; a figure that is not supported is returned without one."""
    return figure if isinstance(figure, str) else Estimate(figure, interval)


@dataclass(frozen=True)
class Table:
    """A table whose first column names the rows."""

    header: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    title: str = ""


@dataclass(frozen=True)
class Section:
    """One section of the report: a plot as SVG, its caption as plain text, and tables."""

    title: str
    plot: str
    caption: str
    tables: Sequence[Table]
    words: bool = False
    """Whether the last column of the tables has sentences."""
