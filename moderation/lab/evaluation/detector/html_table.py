"""Tables of figures as HTML: every number carries the value that the JSON file has, every text is escaped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape


@dataclass(frozen=True)
class Number:
    """A value of the JSON file and how it reads."""

    value: float
    text: str

    def as_html(self) -> str:
        """The number with its value as a ``<data>`` element."""
        return f'<data value="{self.value!r}">{escape(self.text)}</data>'


@dataclass(frozen=True)
class Bounds:
    """An interval: its two ends, and the unit of both."""

    low: Number
    high: Number
    unit: str

    def as_html(self) -> str:
        """Both ends with a dash between."""
        return f"{self.low.as_html()}–{self.high.as_html()}{self.unit}"


@dataclass(frozen=True)
class Estimate:
    """A figure with its interval in small print beneath."""

    figure: Number
    interval: Bounds | str

    def as_html(self) -> str:
        """The figure, and on the next line the interval or why there is none."""
        beneath = escape(self.interval) if isinstance(self.interval, str) else self.interval.as_html()
        return f"{self.figure.as_html()}<br><small>{beneath}</small>"


Cell = Number | Bounds | Estimate | str
Figure = float | str | None


def percent(value: Figure, digits: int = 1) -> Number | str:
    """Return a share as a percentage; "not supported" and its like stay as they are, None is a dash."""
    if value is None or isinstance(value, str):
        return value or "–"
    return Number(value, f"{100 * value:.{digits}f} %")


def plain(value: Figure, digits: int = 0) -> Number | str:
    """Return a number with so many decimals; "not supported" and its like stay as they are, None is a dash."""
    if value is None or isinstance(value, str):
        return value or "–"
    return Number(value, f"{value:.{digits}f}")


def bounds(interval: Sequence[float] | str | None, digits: int = 1, *, as_percent: bool = True) -> Bounds | str:
    """Return an interval; "not supported" and its like stay as they are, None is a dash."""
    if interval is None or isinstance(interval, str):
        return interval or "–"
    low, high = (Number(end, f"{end * (100 if as_percent else 1):.{digits}f}") for end in interval)
    return Bounds(low, high, " %" if as_percent else "")


def estimate(figure: Number | str, interval: Bounds | str) -> Cell:
    """Return a figure with its interval; a figure that is not supported stands alone."""
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
