"""The tokens of a training step: texts drawn by stratum, cropped at random, some tokens dropped.

Every batch depends only on the seed and the number of the step, so that a resumed run gives the same result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from moderation.detector.tokenizing import PlainIds, prepared
from moderation.lab.checkpoints.vocabulary import CROP_MAX_TOKENS, SpecialTokens
from moderation.lab.detector.attacked import attacked_text
from moderation.lab.detector.draws import draw_weights
from moderation.lab.textdata.rows import TextRow
from moderation.text import normalise

CROP_MIN_TOKENS = 8
TOKEN_DROPOUT = 0.05
# Steps whose texts are drawn together and then grouped by length, which avoids most of the padding.
STEPS_DEALT_TOGETHER = 8
_TEXTS_TOKENISED_TOGETHER = 1024


@dataclass(frozen=True)
class Tokens:
    """Texts as one array of token ids, with the start of each text."""

    ids: NDArray[np.int32]  # (all tokens,)
    starts: NDArray[np.int64]  # (texts + 1,)

    def of(self, text: int) -> NDArray[np.int32]:
        """Return the token ids of one text, without special tokens."""
        return self.ids[self.starts[text] : self.starts[text + 1]]


@dataclass(frozen=True)
class TokenisedTexts:
    """Texts to train on, with and without an attack, and their probability of being drawn."""

    tokens: Tokens
    attacked: Tokens | None
    """The same texts after one attack each; None without attacks."""
    labels: NDArray[np.float32]  # (texts,)
    strata: tuple[NDArray[np.int64], ...]  # indices of the texts of each stratum of `draw_weights`
    weights: NDArray[np.float64]  # (strata,), sums to 1


@dataclass(frozen=True)
class Batch:
    """The input of one step: ids and mask of shape (texts, tokens); labels and text numbers of shape (texts,)."""

    ids: NDArray[np.int64]
    mask: NDArray[np.int64]
    labels: NDArray[np.float32]
    texts: NDArray[np.int64]


Redraw = Callable[[NDArray[np.int64], NDArray[np.int64], int], NDArray[np.int64]]
"""Replaces some of the drawn texts, given their strata, the texts and the number of the group of steps."""


def tokenise(rows: Sequence[TextRow], tokenizer: Tokenizer, *, attacked: bool = False) -> TokenisedTexts:
    """Return the rows normalised and tokenised, without special tokens; empty texts stay empty.

    With *attacked*, each text is also returned after one of the training attacks; human texts as well as machine
    texts, so that misspellings do not predict the label.
    """
    tokens = _tokens((row.text for row in rows), tokenizer)
    kept = [index for index in range(len(rows)) if len(tokens.of(index))]
    strata, weights = draw_weights(rows, kept)
    return TokenisedTexts(
        tokens=tokens,
        attacked=_tokens((attacked_text(row) for row in rows), tokenizer) if attacked else None,
        labels=np.array([row.label for row in rows], dtype=np.float32),
        strata=strata,
        weights=weights,
    )


def _tokens(texts: Iterable[str], tokenizer: Tokenizer) -> Tokens:
    plain = PlainIds(prepared(tokenizer))
    parts: list[NDArray[np.int32]] = []
    remaining = iter(texts)
    while some := list(islice(remaining, _TEXTS_TOKENISED_TOGETHER)):
        encoded = tokenizer.encode_batch_fast([normalise(text) for text in some], add_special_tokens=False)
        parts.extend(plain.of(encoding.ids).astype(np.int32) for encoding in encoded)
    lengths = [len(part) for part in parts]
    return Tokens(np.concatenate(parts) if parts else np.zeros(0, np.int32), np.concatenate([[0], np.cumsum(lengths)]))


def batch_of_step(
    texts: TokenisedTexts,
    special: SpecialTokens,
    seed: int,
    step: int,
    size: int,
    attacked_share: float = 0.0,
    *,
    token_dropout: float = TOKEN_DROPOUT,
    redraw: Redraw | None = None,
) -> Batch:
    """Return the batch of one step; it depends only on *texts*, *seed*, *step* and *size*.

    *attacked_share* of its texts are used after an attack, *token_dropout* of the tokens become unknown. *redraw* may
    replace drawn texts with others of the same stratum.
    """
    deal, place = divmod(step, STEPS_DEALT_TOGETHER)
    rng = np.random.default_rng([seed, deal])
    drawn = rng.choice(len(texts.strata), size=size * STEPS_DEALT_TOGETHER, p=texts.weights)
    chosen = np.array([texts.strata[stratum][rng.integers(len(texts.strata[stratum]))] for stratum in drawn])
    if redraw is not None:
        chosen = redraw(drawn, chosen, deal)
    changed = rng.random(len(chosen)) < attacked_share
    read = [
        (texts.attacked if attack and texts.attacked else texts.tokens).of(text)
        for text, attack in zip(chosen, changed, strict=True)
    ]
    lengths = _crop_lengths([len(tokens) for tokens in read], texts.labels[chosen], rng)
    crops = [
        _crop(tokens, length, rng, special.unknown, token_dropout) for tokens, length in zip(read, lengths, strict=True)
    ]
    by_length = np.argsort([len(crop) for crop in crops], kind="stable")
    place = int(rng.permutation(STEPS_DEALT_TOGETHER)[place])
    members = by_length[place * size : (place + 1) * size]
    ids, mask = pad([crops[member] for member in members], special)
    return Batch(ids, mask, texts.labels[chosen[members]], chosen[members])


def pad(crops: Sequence[NDArray[np.int32]], special: SpecialTokens) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return ids and mask, shape (crops, longest + 2), each crop between its special tokens."""
    ids = np.full((len(crops), max(len(crop) for crop in crops) + 2), special.pad, dtype=np.int64)
    mask = np.zeros_like(ids)
    for row, crop in enumerate(crops):
        ids[row, 0] = special.first
        ids[row, 1 : len(crop) + 1] = crop
        ids[row, len(crop) + 1] = special.last
        mask[row, : len(crop) + 2] = 1
    return ids, mask


def _crop_lengths(lengths: Sequence[int], labels: NDArray[np.float32], rng: np.random.Generator) -> list[int]:
    """Return the number of tokens of each text that are used, with the same distribution for both labels.

    Human posts are often shorter than a crop and machine texts rarely are, so that length would predict the label.
    """
    wanted = rng.integers(CROP_MIN_TOKENS, CROP_MAX_TOKENS + 1, len(lengths))
    read = np.minimum(lengths, wanted)
    human = read[labels == 0]
    if len(human):
        machine = labels == 1
        read[machine] = np.minimum(np.array(lengths)[machine], rng.choice(human, int(machine.sum())))
    return [int(length) for length in read]


def _crop(
    tokens: NDArray[np.int32], length: int, rng: np.random.Generator, unknown: int, dropout: float
) -> NDArray[np.int32]:
    """Return a random stretch of *length* tokens, some of them replaced by *unknown*."""
    start = int(rng.integers(len(tokens) - length + 1))
    crop = tokens[start : start + length].copy()
    crop[rng.random(length) < dropout] = unknown
    return crop
