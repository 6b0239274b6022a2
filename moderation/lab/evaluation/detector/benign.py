"""Computes the false-positive rate on unusual human texts: changed human texts and regular ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from moderation.lab.attacks import BENIGN, BENIGN_CHANGES
from moderation.lab.evaluation.detector.samples import sample_per_source
from moderation.lab.evaluation.detector.scoring import Logits
from moderation.lab.metrics.shares import share_of
from moderation.lab.textdata.rows import TextRow

METHOD = (
    "Share above the threshold of 1 % of all human texts. Changes: applied to a sample of human texts, the same number "
    "of every source, with the share of the same texts before the change (not 1 %, because the sources have other "
    "weights than among all texts). Banks: texts from grammars written for this project, without a clean version."
)
# Every bank has at least this many texts.
_TEXTS_OF_A_BANK = 200


@dataclass(frozen=True)
class HonestTexts:
    """The sampled human rows, their changed texts, and the texts of every bank."""

    rows: Sequence[TextRow]
    changed: dict[str, list[str]]
    banks: dict[str, list[str]]

    def texts(self) -> Iterator[str]:
        """Yield every text that must be scored for the table."""
        for texts in (*self.changed.values(), *self.banks.values()):
            yield from texts


def honest_texts(rows: Sequence[TextRow], limit: int, seed: int) -> HonestTexts:
    """Apply every benign change to at most *limit* human texts of each source, and draw from every bank."""
    sample = sample_per_source([row for row in rows if row.label == 0], limit, seed, "benign")
    changed = {change.name: [change.apply(row.text, seed) for row in sample] for change in BENIGN_CHANGES}
    return HonestTexts(sample, changed, {bank.name: bank.texts(seed, _TEXTS_OF_A_BANK) for bank in BENIGN})


def benign_table(honest: HonestTexts, logits: Logits, threshold: float) -> dict[str, Any]:
    """Return for every change and bank the share above *threshold*, with n and interval; abstentions are not above."""
    groups = [row.group for row in honest.rows]
    clean = share_of(logits.flaggable([row.text for row in honest.rows]) > threshold, groups)
    changes = [
        {
            "name": change.name,
            "what": change.what,
            **share_of(logits.flaggable(honest.changed[change.name]) > threshold, groups),
            "clean_share": clean["share"],
        }
        for change in BENIGN_CHANGES
    ]
    banks = [
        {"name": bank.name, "what": bank.what, **share_of(logits.flaggable(texts) > threshold, texts)}
        for bank in BENIGN
        for texts in [honest.banks[bank.name]]
    ]
    return {"method": METHOD, "clean": clean, "changes": changes, "banks": banks}
