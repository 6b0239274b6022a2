"""Computes the loss under each attack: attacked machine texts against clean human texts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moderation.lab.attacks import ATTACKS, SPLITS, Attack, Split
from moderation.lab.evaluation.detector.samples import sample_per_source
from moderation.lab.evaluation.detector.scored_rows import ScoredRows
from moderation.lab.evaluation.detector.scoring import Logits
from moderation.lab.metrics.intervals import LEAST_GROUPS, resampled_weights
from moderation.lab.metrics.thresholds import threshold_at
from moderation.lab.textdata.rows import TextRow
from moderation.text import normalise

METHOD = (
    "Machine texts of sources with both labels, a sample; the threshold is that of 1 % FPR on the same source's clean "
    "human texts. TPR: mean over the sources that support 1 %. AUROC: attacked machine texts against clean human "
    "texts, mean within source. Of a text split over posts every post is scored, and the highest score is compared "
    "with single human posts. Intervals: 95 %, by resampling groups of the attacked texts; human texts and thresholds "
    "are fixed."
)
_FPR = 0.01


@dataclass(frozen=True)
class AttackedTexts:
    """The sampled rows and, by attack, the posts of each: one, or several where the text is split."""

    rows: Sequence[TextRow]
    posts: dict[str, list[tuple[str, ...]]]

    def texts(self) -> Iterator[str]:
        """Yield every text that must be scored for the table."""
        for posts in self.posts.values():
            for pieces in posts:
                yield from pieces


def attacked_texts(rows: Sequence[TextRow], limit: int, seed: int) -> AttackedTexts:
    """Apply every attack to at most *limit* machine texts of each source that has both labels."""
    human_sources = {row.source for row in rows if row.label == 0}
    machines = [row for row in rows if row.label == 1 and row.source in human_sources]
    sample = sample_per_source(machines, limit, seed, "attacked")
    posts: dict[str, list[tuple[str, ...]]] = {
        attack.name: [(attack.apply(row.text, seed),) for row in sample] for attack in ATTACKS
    }
    posts |= {split.name: [split.apply(row.text, seed) for row in sample] for split in SPLITS}
    return AttackedTexts(sample, posts)


def attack_table(
    attacked: AttackedTexts, logits: Logits, clean: ScoredRows, supporting: Sequence[str]
) -> dict[str, Any]:
    """Return for every attack TPR at 1 % FPR and AUROC before and after it, and the loss.

    *clean* are all scored rows; *supporting* names the sources with enough human texts for 1 %. A post on which the
    detector abstains is not detected. Losses are in points; that of TPR is None where no source supports 1 %.
    """
    judge = _Judge(clean, supporting)
    kept = [row.source in judge.humans for row in attacked.rows]
    rows = [row for row, keep in zip(attacked.rows, kept, strict=True) if keep]
    sources = np.array([row.source for row in rows], dtype=np.str_)
    before = judge.judged(logits.flaggable([row.text for row in rows]), sources)
    resamples = _Resamples([row.group for row in rows], sources)
    plain = [normalise(row.text) for row in rows]
    table = []
    changes: tuple[Attack | Split, ...] = (*ATTACKS, *SPLITS)
    for change in changes:
        posts = [pieces for pieces, keep in zip(attacked.posts[change.name], kept, strict=True) if keep]
        after = judge.judged(np.array([logits.flaggable(pieces).max() for pieces in posts]), sources)
        undone = [[normalise(piece) for piece in pieces] == [text] for pieces, text in zip(posts, plain, strict=True)]
        table.append(
            {
                "attack": change.name,
                "what": change.what,
                "n": len(rows),
                "changed_share": _mean([pieces != (row.text,) for pieces, row in zip(posts, rows, strict=True)]),
                "same_after_normalisation_share": _mean(undone),
                "clean_tpr": before.tpr,
                "attacked_tpr": after.tpr,
                "loss_points": _points(before.tpr, after.tpr),
                "loss_points_interval": resamples.interval(before.caught - after.caught),
                "auroc_loss_points": _points(before.auroc, after.auroc),
                "auroc_loss_points_interval": resamples.interval(before.placement - after.placement),
                "clean_auroc": before.auroc,
                "attacked_auroc": after.auroc,
                "by_source": {
                    source: {"clean": before.by_source[source], "attacked": figures}
                    for source, figures in after.by_source.items()
                },
            }
        )
    return {
        "method": METHOD,
        "texts_by_source": {str(source): int((sources == source).sum()) for source in np.unique(sources)},
        "tpr_over_sources": [source for source in supporting if (sources == source).any()],
        "attacks": table,
    }


@dataclass(frozen=True)
class _Judged:
    """Machine texts compared with the clean human texts of their sources."""

    caught: NDArray[np.float64]
    """Shape (texts,): 1 above the threshold, 0 below, NaN where the source supports none."""
    placement: NDArray[np.float64]
    """Shape (texts,): the share of human texts with a lower score; its mean is the AUROC (DeLong et al. 1988)."""
    sources: NDArray[np.str_]

    @property
    def tpr(self) -> float | None:
        """Mean TPR over the sources that support it; None without one."""
        rates = [figures["tpr"] for figures in self.by_source.values() if "tpr" in figures]
        return _mean(rates) if rates else None

    @property
    def auroc(self) -> float:
        """Mean AUROC over the sources."""
        return _mean([figures["auroc"] for figures in self.by_source.values()])

    @cached_property
    def by_source(self) -> dict[str, dict[str, float]]:
        """Return AUROC and, where it is supported, TPR of each source."""
        found: dict[str, dict[str, float]] = {}
        for source in map(str, np.unique(self.sources)):
            here = self.sources == source
            found[source] = {"auroc": _mean(self.placement[here])}
            if not np.isnan(self.caught[here]).any():
                found[source]["tpr"] = _mean(self.caught[here])
        return found


class _Judge:
    """Compares machine scores with the clean human texts of their sources."""

    def __init__(self, clean: ScoredRows, supporting: Sequence[str]) -> None:
        self.humans = {source: np.sort(clean.scores_of(source, 0)) for source in clean.sources_with(0, 1)}
        self._thresholds = {source: threshold_at(self.humans[source], _FPR) for source in supporting}

    def judged(self, scores: NDArray[np.float64], sources: NDArray[np.str_]) -> _Judged:
        """Return the comparison of each score, shape (texts,), with the human texts of its source."""
        caught = np.full(len(scores), np.nan)
        placement = np.empty(len(scores))
        for source in map(str, np.unique(sources)):
            here = sources == source
            humans = self.humans[source]
            below = np.searchsorted(humans, scores[here], "left") + np.searchsorted(humans, scores[here], "right")
            placement[here] = below / (2 * len(humans))
            if source in self._thresholds:
                caught[here] = scores[here] > self._thresholds[source]
        return _Judged(caught, placement, sources)


class _Resamples:
    """Resamples groups of the attacked texts within each source; human texts and thresholds are fixed."""

    def __init__(self, groups: Sequence[str], sources: NDArray[np.str_]) -> None:
        self._sources = sources
        names = np.array(groups)
        self._members = {
            str(source): np.unique(names[sources == source], return_inverse=True)[1] for source in np.unique(sources)
        }

    def interval(self, losses: NDArray[np.float64]) -> list[float] | str:
        """Return the 95 % interval, in points, of the mean over sources of *losses*, without those that have NaN."""
        resampled = []
        for source, member in self._members.items():
            values = losses[self._sources == source]
            if np.isnan(values).any():
                continue
            groups = int(member.max()) + 1
            if groups < LEAST_GROUPS:
                return f"not supported (groups={groups})"
            resampled.append([np.average(values, weights=drawn) for drawn in resampled_weights(member, groups, seed=0)])
        if not resampled:
            return "not supported (no source supports the threshold)"
        bounds = np.quantile(100 * np.mean(resampled, axis=0), [0.025, 0.975])
        return [round(float(bound), 2) for bound in bounds]


def _points(before: float | None, after: float | None) -> float | None:
    return None if before is None or after is None else round(100 * (before - after), 2)


def _mean(values: Sequence[float] | NDArray[np.float64] | NDArray[np.bool_]) -> float:
    return round(float(np.mean(values)), 4)
