"""How good a model is within each source, on a slice of part A that it was not trained on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from moderation.detector.windows import windows
from moderation.training.detector.batches import CROP_MAX_TOKENS, SpecialTokens, TokenisedTexts, pad
from moderation.training.detector.figures import auroc, tpr_at_fpr
from moderation.training.detector.model import ClsMeanClassifier
from moderation.training.detector.rows import TextRow

_TOKENS_IN_A_BATCH = 8192


def logits_of(
    model: ClsMeanClassifier, texts: TokenisedTexts, special: SpecialTokens, device: torch.device
) -> NDArray[np.float32]:
    """Return one logit per text, the mean of its sections weighted by their tokens; NaN for an empty text."""
    pieces = [
        (text, texts.tokens.of(text)[begin:end])
        for text in range(len(texts.labels))
        for begin, end in windows(len(texts.tokens.of(text)), CROP_MAX_TOKENS)
    ]
    pieces.sort(key=lambda piece: len(piece[1]))
    totals = np.zeros(len(texts.labels))
    tokens = np.zeros(len(texts.labels))
    model.eval()
    begin = 0
    with torch.inference_mode():
        while begin < len(pieces):
            size = max(1, _TOKENS_IN_A_BATCH // (len(pieces[begin][1]) + 16))
            group = pieces[begin : begin + size]
            ids, mask = pad([crop for _, crop in group], special)
            scores = model(torch.from_numpy(ids).to(device), torch.from_numpy(mask).to(device)).float().cpu().numpy()
            for (text, crop), score in zip(group, scores, strict=True):
                totals[text] += float(score) * len(crop)
                tokens[text] += len(crop)
            begin += size
    model.train()
    with np.errstate(invalid="ignore"):
        return (totals / tokens).astype(np.float32)


def within_source(rows: Sequence[TextRow], logits: NDArray[np.float32]) -> dict[str, dict[str, float]]:
    """Return AUROC and TPR at 1 % FPR for each source with both labels, and their means."""
    figures: dict[str, dict[str, float]] = {}
    for source in sorted({row.source for row in rows}):
        human, machine = (
            np.array(
                [
                    logit
                    for row, logit in zip(rows, logits, strict=True)
                    if row.source == source and row.label == label and not np.isnan(logit)
                ]
            )
            for label in (0, 1)
        )
        if min(len(human), len(machine)) >= 20:
            figures[source] = {
                "auroc": auroc(human, machine),
                "tpr_at_1_percent_fpr": tpr_at_fpr(human, machine, 0.01),
            }
    if figures:
        figures["mean"] = {
            name: float(np.mean([source[name] for source in figures.values()]))
            for name in ("auroc", "tpr_at_1_percent_fpr")
        }
    return figures
