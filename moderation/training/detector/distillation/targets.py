"""What the student is to say: the companion's figures of each of the student's tokens, and of a crop as a whole.

Both cut a text into other tokens. So what the companion said of one of its tokens is spread evenly over the token's
characters, and a token of the student is taught the sum over its own.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from moderation.detector.tokenizing import PlainIds, prepared
from moderation.training.detector.distillation.lessons import Lesson
from moderation.training.detector.distillation.taught_text import OF_A_TOKEN, TaughtText

OF_A_CROP = (
    "mean_discrepancy",
    "mean_log_probability",
    "mean_entropy",
    "mean_log_rank",
    "top10_share",
    "top100_share",
    "top1000_share",
    "curvature_per_token",
    "curvature",
)
# A crop of which the companion read less than one token, or was sure, says nothing that could be divided by.
_LEAST = 1.0


def taught_texts(lessons: Sequence[Lesson], tokenizer: Tokenizer) -> tuple[list[Lesson], list[TaughtText]]:
    """Return the lessons that have a token of *tokenizer*, and each in these tokens, without special ones."""
    plain = PlainIds(prepared(tokenizer))
    kept, stretches = [], []
    for lesson in lessons:
        encoding = tokenizer.encode(lesson.text, add_special_tokens=False)
        if encoding.ids:
            kept.append(lesson)
            stretches.append(TaughtText(plain.of(encoding.ids).astype(np.int32), _summed(lesson, encoding.offsets)))
    return kept, stretches


def figures_of_crops(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return shape (crops, OF_A_CROP) for the sums over each crop's tokens, shape (crops, OF_A_TOKEN)."""
    discrepancy, log_probability, variance, log_rank, top10, top100, top1000, counted = sums.T
    tokens = np.maximum(counted, _LEAST)
    curvature = discrepancy / np.sqrt(np.maximum(variance, _LEAST))
    return np.stack(
        [
            discrepancy / tokens,
            log_probability / tokens,
            (discrepancy - log_probability) / tokens,
            log_rank / tokens,
            top10 / tokens,
            top100 / tokens,
            top1000 / tokens,
            curvature / np.sqrt(tokens),
            curvature,
        ],
        axis=1,
    )


def _summed(lesson: Lesson, offsets: Sequence[tuple[int, int]]) -> NDArray[np.float32]:
    log_probability, expected, variance, rank = lesson.figures.T
    said = np.stack(
        [
            log_probability - expected,
            log_probability,
            variance,
            np.log1p(rank),
            rank < 10,
            rank < 100,
            rank < 1000,
            np.ones_like(rank),
        ],
        axis=1,
    )
    of_characters = np.zeros((len(lesson.text) + 1, len(OF_A_TOKEN)))
    for (begin, end), figures in zip(lesson.spans, said, strict=True):
        first = begin
        # A token of the companion begins with the blank before its word; no token of the student has that.
        while first < end - 1 and lesson.text[first].isspace():
            first += 1
        of_characters[first + 1 : end + 1] += figures / max(1, end - first)
    sums = np.cumsum(of_characters, axis=0)
    places = np.array(offsets, dtype=np.int64).reshape(-1, 2)
    return np.asarray(sums[places[:, 1]] - sums[places[:, 0]], dtype=np.float32)
