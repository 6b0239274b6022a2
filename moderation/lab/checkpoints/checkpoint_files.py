"""Checks the initial checkpoint of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tokenizers import Tokenizer
from transformers import MODEL_FOR_MASKED_LM_MAPPING, AutoConfig

from moderation.errors import InputError
from moderation.lab.checkpoints.vocabulary import check_fits, tokenizer_in


def tokenizer_of(checkpoint: Path) -> Tokenizer:
    """Return the tokenizer of *checkpoint*. Raises InputError when there is none."""
    return tokenizer_in(checkpoint / "tokenizer.json")


def check_checkpoint(directory: Path) -> None:
    """Raise InputError unless *directory* has an encoder whose vocabulary covers every id of its tokenizer."""
    tokenizer = tokenizer_of(directory)
    try:
        config = AutoConfig.from_pretrained(str(directory), local_files_only=True)  # nosec B615  # local_files_only: nothing is downloaded
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise no_encoder(directory, error) from error
    _check_encoder_alone(config, directory / "config.json")
    check_fits(tokenizer, int(config.vocab_size), directory)


def no_encoder(directory: Path, error: Exception) -> InputError:
    """Return the InputError for a directory that transformers cannot load."""
    return InputError(
        f"{directory} has no encoder that transformers can load ({error}); name a Hugging Face "
        "checkpoint directory of a BERT- or RoBERTa-like model."
    )


def _check_encoder_alone(config: Any, file: Path) -> None:
    if (
        type(config) not in MODEL_FOR_MASKED_LM_MAPPING
        or getattr(config, "is_encoder_decoder", False)
        or getattr(config, "is_decoder", False)
    ):
        raise InputError(
            f"{file} configures a {config.model_type} that is not encoder-only; name the configuration of an encoder, "
            "such as bert or roberta, with is_decoder false."
        )
