"""Tables of figures as HTML: every number includes its value in the JSON file, every text is escaped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape


@dataclass(frozen=True)
class Number:
    """A value of the JSON file and its formatted text."""

    value: float
    text: str

    def as_html(self) -> str:
        """Return the number with its value as a ``<data>`` element."""
        return f'<data value="{self.value!r}">{escape(self.text)}</data>'


@dataclass(frozen=True)
class Bounds:
    """An interval: its two ends, and the unit of both."""

    low: Number
    high: Number
    unit: str

    def as_html(self) -> str:
        """Return both ends with a dash between them."""
        return f"{self.low.as_html()}–{self.high.as_html()}{self.unit}"


@dataclass(frozen=True)
class Estimate:
    """A figure with its interval in small print below it."""

    figure: Number
    interval: Bounds | str

    def as_html(self) -> str:
        """Return the figure, and on the next line the interval or the reason for its absence."""
        beneath = escape(self.interval) if isinstance(self.interval, str) else self.interval.as_html()
        return f"{self.figure.as_html()}<br><small>{beneath}</small>"


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


def cell_html(cell: Cell) -> str:
    """Return the cell's content, escaped."""
    return escape(cell) if isinstance(cell, str) else cell.as_html()


def table_html(header: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
    """Return a ``<table>`` whose first column names the rows; it scrolls sideways where the page is narrow."""
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in header)
    body = "".join(
        f'<tr><th scope="row">{cell_html(row[0])}</th>'
        + "".join(f"<td>{cell_html(cell)}</td>" for cell in row[1:])
        + "</tr>\n"
        for row in rows
    )
    return f'<div class="table"><table><thead><tr>{head}</tr></thead><tbody>\n{body}</tbody></table></div>'
