"""Computes the accuracy of a model within each source, on a slice of part A outside its training rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from moderation.detector.windows import windows
from moderation.lab.checkpoints.classifier import ClsMeanClassifier
from moderation.lab.checkpoints.vocabulary import CROP_MAX_TOKENS, SpecialTokens
from moderation.lab.detector.batches import TokenisedTexts, pad
from moderation.lab.metrics.intervals import figures_of
from moderation.lab.textdata.rows import TextRow

_TOKENS_IN_A_BATCH = 8192
_LEAST_TEXTS = 20


def logits_of(
    model: ClsMeanClassifier, texts: TokenisedTexts, special: SpecialTokens, device: torch.device
) -> NDArray[np.float32]:
    """Return one logit per text, the mean of its sections weighted by their tokens; NaN for an empty text."""
    pieces = [
        (text, texts.tokens.of(text)[begin:end])
        for text in range(len(texts.labels))
        for begin, end in windows(len(texts.tokens.of(text)), CROP_MAX_TOKENS)
    ]
    scores = logits_of_crops(model, [crop for _, crop in pieces], special, device)
    totals = np.zeros(len(texts.labels))
    tokens = np.zeros(len(texts.labels))
    for (text, crop), score in zip(pieces, scores, strict=True):
        totals[text] += float(score) * len(crop)
        tokens[text] += len(crop)
    with np.errstate(invalid="ignore"):
        return (totals / tokens).astype(np.float32)


def logits_of_crops(
    model: ClsMeanClassifier, crops: Sequence[NDArray[np.int32]], special: SpecialTokens, device: torch.device
) -> NDArray[np.float32]:
    """Return one logit per crop, without dropout; the model is left in training mode."""
    by_length = sorted(range(len(crops)), key=lambda crop: len(crops[crop]))
    logits = np.zeros(len(crops), np.float32)
    model.eval()
    begin = 0
    with torch.inference_mode():
        while begin < len(crops):
            size = max(1, _TOKENS_IN_A_BATCH // (len(crops[by_length[begin]]) + 16))
            group = by_length[begin : begin + size]
            ids, mask = pad([crops[crop] for crop in group], special)
            scores = model(torch.from_numpy(ids).to(device), torch.from_numpy(mask).to(device))
            logits[group] = scores.float().cpu().numpy()
            begin += size
    model.train()
    return logits


def within_source(rows: Sequence[TextRow], logits: NDArray[np.float32]) -> dict[str, dict[str, Any]]:
    """Return the figures of `figures_of` for each source with 20 texts of each label, and their means.

    A mean is over the sources that support the figure, and absent where none does. Texts without a logit are excluded.
    """
    sources, labels, groups = (np.array([getattr(row, name) for row in rows]) for name in ("source", "label", "group"))
    figures: dict[str, dict[str, Any]] = {}
    for source in sorted(set(sources.tolist())):
        inside = (sources == source) & ~np.isnan(logits)
        if min(np.sum(labels[inside] == label) for label in (0, 1)) >= _LEAST_TEXTS:
            figures[source] = figures_of(logits[inside], labels[inside], groups[inside].tolist())
    means = {}
    for name in ("auroc", "tpr_at_5_percent", "tpr_at_1_percent"):
        supported = [row[name] for row in figures.values() if isinstance(row[name], float)]
        if supported:
            means[name] = round(float(np.mean(supported)), 4)
    return figures | ({"mean": means} if means else {})
