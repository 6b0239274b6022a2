"""Configures tokenizers so that special tokens in posts are treated as plain text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

_SPECIAL_TOKENS = ("[CLS]", "[SEP]", "[PAD]", "[MASK]", "<s>", "</s>", "<pad>", "<mask>")
_UNKNOWN = ("[UNK]", "<unk>")


def prepared(tokenizer: Tokenizer) -> Tokenizer:
    """Return the tokenizer, set to no truncation, no padding and no special tokens from text.

    A ``[MASK]`` or ``<|endoftext|>`` in a post is tokenised as letters.
    """
    tokenizer.no_truncation()
    tokenizer.no_padding()
    tokenizer.encode_special_tokens = True
    return tokenizer


class PlainIds:
    """Replaces special tokens where `prepared` does not suffice.

    A vocabulary of words or unigrams includes its special tokens as words, so that a text can still contain them: they
    are replaced by the unknown token.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        ids = [tokenizer.token_to_id(name) for name in _SPECIAL_TOKENS]
        self._special = np.array([number for number in ids if number is not None], dtype=np.int64)
        self._unknown = next((n for name in _UNKNOWN if (n := tokenizer.token_to_id(name)) is not None), None)

    def of(self, ids: Sequence[int]) -> NDArray[np.int64]:
        """Return the ids, shape (tokens,), without special tokens."""
        found = np.array(ids, dtype=np.int64)
        return found if self._unknown is None else np.where(np.isin(found, self._special), self._unknown, found)
