"""Batches of a training step: crops, token dropout and draws by source."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from moderation.lab.detector.batches import (
    CROP_MAX_TOKENS,
    CROP_MIN_TOKENS,
    TOKEN_DROPOUT,
    SpecialTokens,
    TokenisedTexts,
    batch_of_step,
    tokenise,
)
from moderation.lab.textdata.rows import TextRow

_SPECIAL = SpecialTokens(first=2, last=3, pad=0, unknown=1)
_WORDS = 400


def _tokenised(rows: Sequence[TextRow]) -> TokenisedTexts:
    names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *(f"w{number}" for number in range(4, _WORDS))]
    tokenizer = Tokenizer(models.WordLevel({name: number for number, name in enumerate(names)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return tokenise(rows, tokenizer)


def _row(number: int, source: str, label: int, words: range) -> TextRow:
    text = " ".join(f"w{word}" for word in words)
    return TextRow(f"{source}{label}-{number}", source, label, f"g{number}", text, "", "permissive")


def _crops(words: range, steps: int, token_dropout: float) -> list[list[int]]:
    """The tokens of many draws of texts that all have these *words*, without what surrounds and pads them."""
    texts = _tokenised([_row(number, "ours", number % 2, words) for number in range(8)])
    crops = []
    for step in range(steps):
        batch = batch_of_step(texts, _SPECIAL, 3, step, 64, token_dropout=token_dropout)
        crops += [ids[: mask.sum()].tolist()[1:-1] for ids, mask in zip(batch.ids, batch.mask, strict=True)]
    return crops


def test_crops_have_every_permitted_length() -> None:
    lengths = [len(crop) for crop in _crops(range(4, _WORDS), 64, 0.0)]
    assert (min(lengths), max(lengths)) == (CROP_MIN_TOKENS, CROP_MAX_TOKENS)
    assert np.mean(lengths) == pytest.approx((CROP_MIN_TOKENS + CROP_MAX_TOKENS) / 2, abs=2)


def test_crops_begin_anywhere() -> None:
    crops = _crops(range(4, _WORDS), 64, 0.0)
    assert all(crop == list(range(crop[0], crop[0] + len(crop))) for crop in crops)
    assert min(crop[0] for crop in crops) < 4 + 10
    assert max(crop[-1] for crop in crops) > _WORDS - 10
    begins = np.array([(crop[0] - 4) / (_WORDS - 4 - len(crop)) for crop in crops])
    assert np.histogram(begins, bins=4, range=(0, 1))[0].min() > 0.2 * len(crops)


def test_text_shorter_than_a_crop_is_used_completely() -> None:
    words = range(4, 4 + CROP_MIN_TOKENS - 3)
    assert {tuple(crop) for crop in _crops(words, 4, 0.0)} == {tuple(words)}


def test_token_dropout_replaces_a_twentieth() -> None:
    tokens = [token for crop in _crops(range(4, _WORDS), 64, TOKEN_DROPOUT) for token in crop]
    assert np.mean([token == _SPECIAL.unknown for token in tokens]) == pytest.approx(TOKEN_DROPOUT, abs=0.003)


def test_source_is_drawn_by_size_and_labels() -> None:
    sizes = {("large", 0): 3000, ("large", 1): 1200, ("small", 0): 150, ("small", 1): 900, ("people", 0): 2000}
    rows = [
        _row(number, source, label, range(4, 20))
        for (source, label), size in sizes.items()
        for number in range(size)
    ]  # fmt: skip
    texts = _tokenised(rows)
    drawn: Counter[tuple[str, int]] = Counter()
    for step in range(160):
        drawn.update(
            (rows[text].source, rows[text].label) for text in batch_of_step(texts, _SPECIAL, 1, step, 64).texts
        )
    # By the square root of the rows up to 1000; a source with one label counts 0.4 times; both labels half.
    weights = {
        ("large", 0): 1.0,
        ("large", 1): 1.0,
        ("small", 0): 0.15**0.5,
        ("small", 1): 0.9**0.5,
        ("people", 0): 0.4,
    }
    for (source, label), weight in weights.items():
        share = weight / sum(other for (_, side), other in weights.items() if side == label) / 2
        assert drawn[source, label] / drawn.total() == pytest.approx(share, abs=0.015)
