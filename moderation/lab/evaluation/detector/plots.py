"""The plots of the report, drawn from the figures of the JSON file only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullFormatter

from moderation.lab.evaluation.detector.svg import ALARM, FAINT, INK, MARKERS, SERIES, drawn, printable

_PERCENT = FuncFormatter(lambda value, _: f"{100 * value:g} %")
# Strong enough to distinguish the shades, and light enough for text on it in both colour schemes.
_STRONGEST_SHADE = 0.7


def length_plot(by_length: Mapping[str, Any]) -> str:
    """Return balanced accuracy and accuracy by length, with their intervals."""
    bins = by_length["bins"]

    def draw(axes: Axes) -> None:
        for number, (figure, label) in enumerate(
            (("balanced_accuracy", "balanced accuracy"), ("accuracy", "accuracy"))
        ):
            points = [
                (place + 0.12 * number - 0.06, row[figure], row[f"{figure}_interval"])
                for place, row in enumerate(bins)
                if not isinstance(row[figure], str)
            ]
            axes.plot(
                [place for place, _, _ in points],
                [value for _, value, _ in points],
                color=SERIES[number],
                marker=MARKERS[number],
                linestyle=("-", "--")[number],
                label=label,
            )
            for place, _, bounds in points:
                if not isinstance(bounds, str):
                    axes.plot([place, place], bounds, color=SERIES[number])
        axes.axhline(0.5, color=FAINT, linestyle=":")
        axes.set_xticks(range(len(bins)), [f"{row['words']}\nn={row['n']}" for row in bins])
        axes.set_xlabel("words")
        axes.yaxis.set_major_formatter(_PERCENT)
        axes.set_xlim(-0.5, len(bins) - 0.5)
        axes.legend(loc="lower right")

    figures = "; ".join(f"{row['words']} words {_described(row['balanced_accuracy'])}" for row in bins)
    return drawn("length", f"Line chart of balanced accuracy by length: {figures}.", (8, 4), draw)


def roc_plot(curves: Mapping[str, Mapping[str, Sequence[float]]]) -> str:
    """Return the ROC of every source at low FPR, on a logarithmic axis."""

    def draw(axes: Axes) -> None:
        lines = [
            axes.plot(
                curve["fpr"],
                curve["tpr"],
                color=SERIES[number % len(SERIES)],
                marker=MARKERS[number % len(MARKERS)],
                markersize=4,
            )[0]
            for number, curve in enumerate(curves.values())
        ]
        axes.set_xscale("log")
        axes.set_xlim(0.0009, 1)
        axes.set_ylim(-0.02, 1.02)
        axes.xaxis.set_major_formatter(_PERCENT)
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.yaxis.set_major_formatter(_PERCENT)
        axes.axvline(0.01, color=FAINT, linestyle=":")
        axes.set_xlabel("false-positive rate on human texts of the same source")
        axes.set_ylabel("true-positive rate")
        # matplotlib omits line labels that begin with "_".
        axes.legend(lines, [printable(source) for source in curves], loc="upper left", bbox_to_anchor=(1, 1))

    return drawn("roc", f"ROC curves of {', '.join(map(printable, curves))} on a logarithmic axis.", (8, 4.2), draw)


def loss_plot(attacks: Sequence[Mapping[str, Any]]) -> str:
    """Return the losses of TPR and AUROC under every attack as bars, largest first; without TPR where it is missing."""
    kinds = [("loss_points", "TPR at 1 % FPR"), ("auroc_loss_points", "AUROC")]
    shown = [(key, label) for key, label in kinds if all(row[key] is not None for row in attacks)]
    rows = sorted(attacks, key=lambda row: float(row[shown[0][0]]), reverse=True)

    def draw(axes: Axes) -> None:
        thick = 0.8 / len(shown)
        for number, (key, label) in enumerate(shown):
            places = [place + (number - (len(shown) - 1) / 2) * thick for place in range(len(rows))]
            axes.barh(places, [row[key] for row in rows], color=SERIES[number], height=thick * 0.9, label=label)
            for place, row in zip(places, rows, strict=True):
                axes.text(max(row[key], 0), place, f" {row[key]:.1f}", va="center", fontsize=8.5)
        axes.axvline(0, color=INK, linewidth=0.8)
        axes.set_yticks(range(len(rows)), [row["attack"].replace("_", " ") for row in rows])
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.grid(visible=False, axis="y")
        axes.margins(x=0.08)
        axes.set_xlabel("points lost under the attack")
        axes.legend(loc="lower right")

    worst = ", ".join(f"{row['attack']} {row[shown[0][0]]:.1f}" for row in rows[:3])
    alt = f"Bars of the loss of {shown[0][1]} by attack in points; the greatest: {worst}."
    return drawn("attacks", alt, (8, 0.36 * len(rows) + 1), draw)


def share_plot(name: str, shares: Mapping[str, Mapping[str, Any]], mark: float, axis: str) -> str:
    """Return one dot with its interval for each of *shares* (fpr or share, interval, n); a line stands at *mark*."""
    rows = [(label, row.get("fpr", row.get("share")), row) for label, row in shares.items()]

    def draw(axes: Axes) -> None:
        for place, (_, value, row) in enumerate(rows):
            supported = not isinstance(row["interval"], str)
            if supported:
                axes.plot(row["interval"], [place, place], color=SERIES[0])
            colour = SERIES[0] if supported else "none"
            axes.plot([value], [place], "o", color=SERIES[0], markerfacecolor=colour, clip_on=False)
        axes.axvline(mark, color=ALARM, linestyle="--", linewidth=1)
        axes.set_yticks(range(len(rows)), [f"{printable(label)} (n={row['n']})" for label, _, row in rows])
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.set_xlim(left=0)
        axes.xaxis.set_major_formatter(_PERCENT)
        axes.grid(visible=False, axis="y")
        axes.set_xlabel(axis)

    figures = "; ".join(f"{printable(label)} {_described(value)}" for label, value, _ in rows)
    return drawn(name, f"Dots with intervals, {axis}: {figures}.", (8, 0.36 * len(rows) + 1.1), draw)


def _described(value: float | str) -> str:
    return value if isinstance(value, str) else f"{100 * value:.1f} %"
