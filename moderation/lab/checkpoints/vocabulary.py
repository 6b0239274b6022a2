"""The tokenizer of a run and its special tokens."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer

from moderation.errors import InputError

CROP_MAX_TOKENS = 126
"""Length of the longest section in training, in tokens without the special ones."""


@dataclass(frozen=True)
class SpecialTokens:
    """The ids of the first, last, padding and unknown token."""

    first: int
    last: int
    pad: int
    unknown: int


def tokenizer_in(file: Path) -> Tokenizer:
    """Return the tokenizer in *file*. Raises InputError when there is none."""
    if not file.is_file():
        raise InputError(
            f"{file.parent} has no {file.name}; name a checkpoint directory with a fast tokenizer, or a tokenizer.json."
        )
    try:
        return Tokenizer.from_file(str(file))
    except Exception as error:  # tokenizers raises bare Exception
        raise InputError(f"{file} is not a tokenizer ({error}); name the tokenizer.json of a model.") from error


def vocabulary_size(tokenizer: Tokenizer) -> int:
    """Return one more than the highest id of the tokenizer."""
    return max(tokenizer.get_vocab().values()) + 1


def check_fits(tokenizer: Tokenizer, vocabulary: int, checkpoint: Path) -> None:
    """Raise InputError where the tokenizer has ids beyond the *vocabulary* entries of *checkpoint*."""
    needed = vocabulary_size(tokenizer)
    if vocabulary < needed:
        raise InputError(
            f"{checkpoint} has a vocabulary of {vocabulary}, but its tokenizer has ids up to {needed - 1}: replace the "
            "tokenizer by the one that the model was trained with."
        )


def special_tokens(tokenizer: Tokenizer) -> SpecialTokens:
    """Return the special ids of a BERT- or RoBERTa-like tokenizer. Raises InputError when it has none."""
    for first, last, blank, unknown in (("[CLS]", "[SEP]", "[PAD]", "[UNK]"), ("<s>", "</s>", "<pad>", "<unk>")):
        found = (tokenizer.token_to_id(name) for name in (first, last, blank, unknown))
        ids = [number for number in found if number is not None]
        if len(ids) == 4:
            return SpecialTokens(*ids)
    raise InputError("The tokenizer has neither [CLS] … [UNK] nor <s> … <unk>; use a BERT- or RoBERTa-like one.")
