"""Masked words to guess: which tokens of a batch are hidden, and how well a network fills them in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from torch import Tensor, nn
from transformers import AutoConfig, AutoModelForMaskedLM

from moderation.errors import InputError
from moderation.training.detector.batches import Batch, SpecialTokens
from moderation.training.detector.model import check_reads_sections
from moderation.training.detector.starting_point import FromConfiguration, Start, encoder_config

# Devlin et al. 2019: of 15 % of the tokens, 80 % are masked, 10 % become another token, 10 % stay.
_MASKED_SHARE = 0.15
_BECOME_THE_MASK = 0.8
_BECOME_ANOTHER = 0.1
# Third word of the seed, so that these draws differ from those of the batches.
_MASKING = 4
_NOT_GUESSED = -100


@dataclass(frozen=True)
class MaskedBatch:
    """One step's input: ids and mask, and the tokens to guess (-100 elsewhere), all of shape (texts, tokens)."""

    ids: NDArray[np.int64]
    mask: NDArray[np.int64]
    targets: NDArray[np.int64]


def masked(batch: Batch, special: SpecialTokens, mask_token: int, vocabulary: int, seed: int, step: int) -> MaskedBatch:
    """Return *batch* with some tokens hidden, the same for the same seed and step; at least one token is to guess.

    Neither special nor unknown tokens are hidden. *vocabulary* is one more than the highest id.
    """
    rng = np.random.default_rng([seed, step, _MASKING])
    words = ~np.isin(batch.ids, [special.first, special.last, special.pad, special.unknown])
    chance = rng.random(batch.ids.shape)
    hidden = words & (chance < _MASKED_SHARE)
    if not hidden.any() and words.any():
        hidden.flat[np.where(words, chance, 2.0).argmin()] = True
    fate = rng.random(batch.ids.shape)
    another = rng.integers(vocabulary, size=batch.ids.shape)
    ids = np.where(hidden & (fate < _BECOME_THE_MASK), mask_token, batch.ids)
    swapped = hidden & (fate >= _BECOME_THE_MASK) & (fate < _BECOME_THE_MASK + _BECOME_ANOTHER)
    return MaskedBatch(
        np.where(swapped, another, ids), batch.mask, np.where(hidden, batch.ids, _NOT_GUESSED).astype(np.int64)
    )


def masked_language_model(start: Start) -> Any:
    """Return the encoder of *start* with a head that guesses words, tied to the word embeddings.

    A checkpoint without such a head gets a fresh one. Raises InputError when transformers cannot load or build it.
    """
    try:
        if isinstance(start, FromConfiguration):
            config = encoder_config(start)
            config.tie_word_embeddings = True
            model = AutoModelForMaskedLM.from_config(config, attn_implementation="sdpa", dtype=torch.float32)
        else:
            config = AutoConfig.from_pretrained(str(start), local_files_only=True)
            config.tie_word_embeddings = True
            model = AutoModelForMaskedLM.from_pretrained(
                str(start), config=config, attn_implementation="sdpa", dtype=torch.float32, local_files_only=True
            )
    except (OSError, ValueError, TypeError, ImportError, SafetensorError) as error:
        raise InputError(
            f"{start} holds no encoder that transformers can pretrain ({error}); name a Hugging Face checkpoint "
            "directory or the configuration of a BERT- or RoBERTa-like model."
        ) from error
    check_reads_sections(model)
    return model


def guessing_loss(model: Any, ids: Tensor, mask: Tensor, targets: Tensor) -> Tensor:
    """Return the summed cross-entropy (nats) of the tokens to guess."""
    guessed = targets != _NOT_GUESSED
    # Over every token the head would cost as much as a small encoder; the heads of BERT and RoBERTa take any tokens.
    head = getattr(model, "cls", None) or getattr(model, "lm_head", None)
    if isinstance(head, nn.Module):
        logits = head(model.base_model(input_ids=ids, attention_mask=mask).last_hidden_state[guessed])
    else:
        logits = model(input_ids=ids, attention_mask=mask).logits[guessed]
    return torch.nn.functional.cross_entropy(logits, targets[guessed], reduction="sum")
