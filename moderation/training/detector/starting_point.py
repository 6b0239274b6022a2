"""Where a run begins: at a checkpoint's weights, or at random ones that a configuration gives the shape of."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer
from transformers import MODEL_FOR_MASKED_LM_MAPPING, AutoConfig

from moderation.errors import InputError
from moderation.training.detector.vocabulary import check_fits, special_tokens, tokenizer_in, vocabulary_size

_WEIGHTS = ("model*.safetensors", "pytorch_model*.bin")


@dataclass(frozen=True)
class FromConfiguration:
    """A beginning at random: the configuration of an encoder and a tokenizer, both files of JSON."""

    config: Path
    tokenizer: Path


Start = Path | FromConfiguration
"""A checkpoint directory, or a beginning at random."""


def resolved(start: Start) -> Start:
    """Return *start*, or what to begin at random with where it is a directory with a configuration but no weights."""
    if isinstance(start, FromConfiguration) or not (start / "config.json").is_file():
        return start
    if any(next(start.glob(pattern), None) for pattern in _WEIGHTS):
        return start
    return FromConfiguration(start / "config.json", start / "tokenizer.json")


def tokenizer_of(start: Start) -> Tokenizer:
    """Return the tokenizer of a starting point. Raises InputError when it has none."""
    return tokenizer_in(start.tokenizer if isinstance(start, FromConfiguration) else start / "tokenizer.json")


def check_start(start: Start) -> None:
    """Raise InputError unless *start* has a tokenizer and, where it begins at random, a configuration that fits it."""
    if isinstance(start, FromConfiguration):
        encoder_config(start)
    else:
        check_checkpoint(start)


def check_checkpoint(directory: Path) -> None:
    """Raise InputError unless *directory* configures an encoder with room for every id of the tokenizer beside it."""
    tokenizer = tokenizer_of(directory)
    try:
        config = AutoConfig.from_pretrained(str(directory), local_files_only=True)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise no_encoder(directory, error) from error
    _check_encoder_alone(config, directory / "config.json")
    check_fits(tokenizer, int(config.vocab_size), directory)


def no_encoder(directory: Path, error: Exception) -> InputError:
    """Return what to tell about a directory of which transformers says *error*."""
    return InputError(
        f"{directory} holds no encoder that transformers can load ({error}); name a Hugging Face "
        "checkpoint directory of a BERT- or RoBERTa-like model."
    )


def encoder_config(start: FromConfiguration) -> Any:
    """Return the configuration that *start* names, as transformers has it, checked against the tokenizer.

    Raises InputError when it is not that of an encoder, or when the tokenizer gives ids that it has no room for.
    """
    tokenizer = tokenizer_of(start)
    try:
        content = json.loads(start.config.read_text(encoding="utf-8"))
        kind = content.pop("model_type")
        config = AutoConfig.for_model(kind, **content)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{start.config} is no model configuration that transformers knows ({error}); name a config.json with the "
            "model_type of an encoder, such as roberta."
        ) from error
    _check_encoder_alone(config, start.config)
    needed, pad = vocabulary_size(tokenizer), special_tokens(tokenizer).pad
    if config.vocab_size < needed:
        raise InputError(
            f"{start.config} has a vocabulary of {config.vocab_size}, but {start.tokenizer} gives ids up to "
            f"{needed - 1}: set vocab_size to {needed} or more."
        )
    if config.pad_token_id != pad:
        raise InputError(
            f"{start.config} pads with token {config.pad_token_id}, {start.tokenizer} with {pad}: set pad_token_id "
            f"to {pad}."
        )
    return config


def _check_encoder_alone(config: Any, file: Path) -> None:
    if (
        type(config) not in MODEL_FOR_MASKED_LM_MAPPING
        or getattr(config, "is_encoder_decoder", False)
        or getattr(config, "is_decoder", False)
    ):
        raise InputError(
            f"{file} configures a {config.model_type}, which is no encoder alone here; name the configuration of one, "
            "such as a bert or a roberta, with is_decoder false."
        )
