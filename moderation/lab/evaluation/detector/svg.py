"""Draws plots as inline SVG without external resources; colours come from the style sheet of the page."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable
from html import escape

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

# matplotlib needs concrete colours; each is replaced by a variable of the style sheet afterwards.
INK, FAINT, ALARM = "#010101", "#020202", "#030303"
SERIES = ("#040404", "#050505", "#060606", "#070707", "#080808", "#090909")
MARKERS = ("o", "s", "^", "D", "v", "P")
_VARIABLES = {INK: "--ink", FAINT: "--faint", ALARM: "--alarm"}
_VARIABLES |= {colour: f"--series-{number}" for number, colour in enumerate(SERIES, start=1)}

_STYLE = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.size": 11,
    "text.color": INK,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.unicode_minus": False,
    "grid.color": FAINT,
    "grid.alpha": 0.35,
    "grid.linewidth": 0.6,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "lines.markersize": 6,
}
_COLOUR = re.compile("|".join(_VARIABLES))
_FONT_FAMILY = re.compile(r"(font(?:-family)?:[^;\"]*?)('DejaVu Sans'[^;\"]*)")
_ASIDE = re.compile(r"<metadata>.*?</metadata>|<!--.*?-->", re.DOTALL)
_NAMESPACES = re.compile(r'\s+xmlns(?::\w+)?="[^"]*"')
_SIZE = re.compile(r'(<svg[^>]*?)\s+width="[^"]*"', re.DOTALL)
_HEIGHT = re.compile(r'(<svg[^>]*?)\s+height="[^"]*"', re.DOTALL)
_LONGEST_NAME = 40


def drawn(name: str, alt: str, size: tuple[float, float], draw: Callable[[Axes], None]) -> str:
    """Return the axes that *draw* fills as an ``<svg>`` element with the label *alt*; *size* is in inches.

    *name* must be unique on the page, because the ids inside begin with it. The output is deterministic.
    """
    written = io.StringIO()
    with rc_context({**_STYLE, "svg.hashsalt": name}), warnings.catch_warnings():
        # A letter that the local font lacks is measured incorrectly, but shown with the font of the reader.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure = Figure(figsize=size, layout="constrained")
        figure.patch.set_visible(False)
        draw(figure.add_subplot())
        FigureCanvasSVG(figure).print_svg(written, metadata={"Date": None})
    return _inline(written.getvalue(), name, alt)


def printable(name: str) -> str:
    """Return a name for a plot: without control characters, at most 40 characters."""
    shown = "".join(character if character.isprintable() else "?" for character in name)
    return shown if len(shown) <= _LONGEST_NAME else f"{shown[: _LONGEST_NAME - 1]}…"


def _inline(svg: str, name: str, alt: str) -> str:
    svg = _ASIDE.sub("", svg[svg.index("<svg") :])
    svg = _HEIGHT.sub(r"\1", _SIZE.sub(r"\1", _NAMESPACES.sub("", svg), count=1), count=1)
    svg = _COLOUR.sub(lambda colour: f"var({_VARIABLES[colour[0]]})", svg)
    svg = _FONT_FAMILY.sub(r"\1sans-serif", svg)
    # The groups have the same ids in every plot; no element refers to them.
    svg = re.sub(r'<g id="[^"]*"', "<g", svg)
    return svg.replace("<svg", f'<svg role="img" aria-label="{escape(alt)}" data-plot="{escape(name)}"', 1)
