"""How every tokenizer here reads a post: as the letters that stand there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

_COMMANDS = ("[CLS]", "[SEP]", "[PAD]", "[MASK]", "<s>", "</s>", "<pad>", "<mask>")
_UNKNOWN = ("[UNK]", "<unk>")


def prepared(tokenizer: Tokenizer) -> Tokenizer:
    """Return the tokenizer, set so that it cuts nothing off, pads nothing, and takes no word of a text for a command.

    A post can say ``[MASK]`` or ``<|endoftext|>``; it is then read as the letters that it is.
    """
    tokenizer.no_truncation()
    tokenizer.no_padding()
    tokenizer.encode_special_tokens = True
    return tokenizer


class PlainIds:
    """Ids of a post's tokens for an encoder that `prepared` may not suffice for.

    A vocabulary of whole words or of unigrams holds its commands as words too, so that they come out of a text all
    the same: the unknown word stands for them.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        commands = [tokenizer.token_to_id(name) for name in _COMMANDS]
        self._commands = np.array([number for number in commands if number is not None], dtype=np.int64)
        self._unknown = next((n for name in _UNKNOWN if (n := tokenizer.token_to_id(name)) is not None), None)

    def of(self, ids: Sequence[int]) -> NDArray[np.int64]:
        """Return the ids, shape (tokens,), without commands."""
        found = np.array(ids, dtype=np.int64)
        return found if self._unknown is None else np.where(np.isin(found, self._commands), self._unknown, found)
