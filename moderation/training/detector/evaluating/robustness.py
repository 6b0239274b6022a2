"""What each attack costs the detector: machine texts changed as an adversary would, against clean human texts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moderation.attacks import ATTACKS, SPLITS, Attack, Split
from moderation.text import normalise
from moderation.training.detector.evaluating.samples import sample_per_source
from moderation.training.detector.evaluating.scored_rows import ScoredRows
from moderation.training.detector.evaluating.scoring import Logits
from moderation.training.detector.evaluating.thresholds import threshold_at
from moderation.training.detector.figures import auroc
from moderation.training.detector.rows import TextRow

METHOD = (
    "Machine texts of sources with both labels, a sample; the threshold is that of 1 % FPR on the same source's clean "
    "human texts. TPR: mean over the sources that support 1 %. AUROC: attacked machines against clean humans, mean "
    "within source. Of a text spread over posts every post is scored, and the account's highest score counts, "
    "still beside single posts of humans."
)
_FPR = 0.01


@dataclass(frozen=True)
class AttackedTexts:
    """The sampled rows and, by attack, the posts that each becomes: one, or several where it is split."""

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
    """Return for every attack TPR at 1 % FPR and AUROC beside those of the same texts as they were, and the loss.

    *clean* are all rows that the detector answered; *supporting* names the sources whose humans support 1 %. A post
    on which the detector abstains is not caught. Losses are in points, that of TPR None where no source supports 1 %.
    """
    judge = _Judge(clean, supporting)
    kept = [row.source in judge.humans for row in attacked.rows]
    rows = [row for row, keep in zip(attacked.rows, kept, strict=True) if keep]
    sources = np.array([row.source for row in rows], dtype=np.str_)
    before = judge.figures(logits.flaggable([row.text for row in rows]), sources)
    plain = [normalise(row.text) for row in rows]
    table = []
    changes: tuple[Attack | Split, ...] = (*ATTACKS, *SPLITS)
    for change in changes:
        posts = [pieces for pieces, keep in zip(attacked.posts[change.name], kept, strict=True) if keep]
        after = judge.figures(np.array([logits.flaggable(pieces).max() for pieces in posts]), sources)
        undone = [[normalise(piece) for piece in pieces] == [text] for pieces, text in zip(posts, plain, strict=True)]
        table.append(
            {
                "attack": change.name,
                "what": change.what,
                "n": len(rows),
                "changed_share": _mean([pieces != (row.text,) for pieces, row in zip(posts, rows, strict=True)]),
                "same_after_normalisation_share": _mean(undone),
                "clean_tpr": before["tpr"],
                "attacked_tpr": after["tpr"],
                "loss_points": None if before["tpr"] is None else round(100 * (before["tpr"] - after["tpr"]), 2),
                "auroc_loss_points": round(100 * (before["auroc"] - after["auroc"]), 2),
                "clean_auroc": before["auroc"],
                "attacked_auroc": after["auroc"],
                "by_source": {
                    source: {"clean": before["by_source"][source], "attacked": figures}
                    for source, figures in after["by_source"].items()
                },
            }
        )
    return {
        "method": METHOD,
        "texts_by_source": {str(source): int((sources == source).sum()) for source in np.unique(sources)},
        "tpr_over_sources": [source for source in supporting if (sources == source).any()],
        "attacks": table,
    }


class _Judge:
    """Judges machine scores by the clean human texts of their sources."""

    def __init__(self, clean: ScoredRows, supporting: Sequence[str]) -> None:
        self.humans = {source: clean.scores_of(source, 0) for source in clean.sources_with(0, 1)}
        self._thresholds = {source: threshold_at(self.humans[source], _FPR) for source in supporting}

    def figures(self, scores: NDArray[np.float64], sources: NDArray[np.str_]) -> dict[str, Any]:
        """Return TPR (over supporting sources) and AUROC (over all), each the mean over sources, and by source."""
        by_source: dict[str, dict[str, float]] = {}
        for source in map(str, np.unique(sources)):
            here = scores[sources == source]
            by_source[source] = {"auroc": round(auroc(self.humans[source], here), 4)}
            if source in self._thresholds:
                by_source[source]["tpr"] = _mean(here > self._thresholds[source])
        tprs = [figures["tpr"] for figures in by_source.values() if "tpr" in figures]
        return {
            "tpr": _mean(tprs) if tprs else None,
            "auroc": _mean([figures["auroc"] for figures in by_source.values()]),
            "by_source": by_source,
        }


def _mean(values: Sequence[float] | NDArray[np.bool_]) -> float:
    return round(float(np.mean(values)), 4)
