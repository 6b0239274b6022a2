"""What a language model reads here: people's texts of sources without machines, cut into windows of tokens."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from moderation.detector.companion.reading import cleaned
from moderation.detector.tokenizing import prepared
from moderation.errors import InputError
from moderation.training.detector.rows import TextRow

END_OF_TEXT = "<|endoftext|>"
"""Stands between documents and before every window, where the companion puts it too (decision 0603)."""

_TEXTS_TOKENISED_TOGETHER = 1024
# Third word of the seed, so that these draws differ from those of other runs.
_ORDER_OF_TEXTS = 5
_ORDER_OF_WINDOWS = 6


def people_alone(rows: Sequence[TextRow]) -> list[TextRow]:
    """Return the rows of sources in which no machine wrote, without clusters that reach into another source.

    Whatever source is left out of a detector's training to be tested has machines' texts, so no text that is tested
    there is among these, nor a near duplicate of one.
    """
    with_machines = {row.source for row in rows if row.label == 1}
    touched = {row.group for row in rows if row.source in with_machines}
    return [row for row in rows if row.source not in with_machines and row.group not in touched]


def texts_of(rows: Sequence[TextRow]) -> list[str]:
    """Return the texts as the companion reads them, without those of which nothing is left."""
    return [text for text in (cleaned(row.text) for row in rows) if text]


def new_tokenizer(texts: Sequence[str], entries: int) -> Tokenizer:
    """Return a byte-level BPE tokenizer of at most *entries* entries, the same for the same texts.

    Numbers are read digit by digit. The first entry is END_OF_TEXT.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=entries,
        min_frequency=2,
        special_tokens=[END_OF_TEXT],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def windows_of(texts: Sequence[str], tokenizer: Tokenizer, length: int, seed: int) -> NDArray[np.int32]:
    """Return the texts in an order that *seed* decides, packed into shape (windows, length).

    Every window begins with END_OF_TEXT, as every window that the companion reads does, and texts follow one another
    with it in between. The rest that fills no window is left out. Raises InputError when nothing fills one.
    """
    end = prepared(tokenizer).token_to_id(END_OF_TEXT)
    order = np.random.default_rng([seed, 0, _ORDER_OF_TEXTS]).permutation(len(texts))
    stream: list[NDArray[np.int32]] = []
    for begin in range(0, len(texts), _TEXTS_TOKENISED_TOGETHER):
        some = [texts[number] for number in order[begin : begin + _TEXTS_TOKENISED_TOGETHER]]
        for encoding in tokenizer.encode_batch_fast(some, add_special_tokens=False):
            stream.append(np.array([*encoding.ids, end], dtype=np.int32))
    tokens = np.concatenate(stream) if stream else np.zeros(0, np.int32)
    count = len(tokens) // (length - 1)
    if count == 0:
        raise InputError(
            f"There are not {length - 1} tokens of people's texts from sources without a machine's; use more data."
        )
    rest = tokens[: count * (length - 1)].reshape(count, length - 1)
    return np.concatenate([np.full((count, 1), end, np.int32), rest], axis=1)


def windows_of_step(count: int, size: int, seed: int, step: int) -> NDArray[np.int64]:
    """Return which *size* of *count* windows a step reads: all in a new order, then all in another, and so on."""
    places = np.arange(step * size, (step + 1) * size)
    found = np.empty(size, dtype=np.int64)
    for turn in np.unique(places // count):
        order = np.random.default_rng([seed, turn, _ORDER_OF_WINDOWS]).permutation(count)
        inside = places // count == turn
        found[inside] = order[places[inside] % count]
    return found
