"""Loads a checkpoint as a network with one logit, positive for machine text, and its tokenizer."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from moderation.detector.manifest import MAX_SECTION_TOKENS
from moderation.detector.tokenizing import prepared
from moderation.errors import InputError
from moderation.lab.checkpoints.classifier import HEAD_FILE, load_classifier
from moderation.lab.checkpoints.vocabulary import check_fits, special_tokens

_MACHINE_NAMES = ("machine", "fake", "generated", "synthetic", "ai", "bot", "label_1")
_VOCABULARIES = ("tokenizer.json", "vocab.json", "vocab.txt", "sentencepiece.bpe.model")


class _MachineLogit(nn.Module):
    """The difference of two class logits, or the single logit."""

    def __init__(self, model: nn.Module, machine: int, labels: int) -> None:
        super().__init__()
        self.model = model
        self._machine = machine
        self._labels = labels

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        logits: Tensor = self.model(input_ids=input_ids, attention_mask=attention_mask).logits.float()
        if self._labels == 1:
            return logits[:, 0]
        return logits[:, self._machine] - logits[:, 1 - self._machine]


@dataclass(frozen=True)
class Checkpoint:
    """The network in evaluation mode and the properties of its input."""

    network: nn.Module
    tokenizer: Tokenizer
    first: int
    last: int
    pad: int
    layers: int
    heads: int
    max_tokens: int


def load_checkpoint(directory: Path, machine_label: str | None = None, max_tokens: int | None = None) -> Checkpoint:
    """Return the checkpoint in *directory*: of `moderation detector train`, or a classifier with one or two labels.

    *machine_label* is the name or number of the label for machine text; by default it is guessed from the names, and
    the probes verify the guess. Raises InputError for an unusable checkpoint.
    """
    if not (directory / "config.json").is_file():
        raise InputError(f"{directory} is not a checkpoint: it has no config.json. Name a Hugging Face directory.")
    tokenizer = _tokenizer(directory)
    special = special_tokens(tokenizer)
    if (directory / HEAD_FILE).is_file():
        ours = load_classifier(directory)
        network: nn.Module = ours
        config: Any = ours.encoder.config
    else:
        model = _classifier(directory)
        config = model.config
        network = _MachineLogit(model, _machine_label(config, machine_label), int(config.num_labels))
    check_fits(tokenizer, int(config.vocab_size), directory)
    # RoBERTa counts positions from the padding id upwards, so two of its 514 are never used.
    offset = int(config.pad_token_id) + 1 if "roberta" in str(config.model_type) else 0
    possible = min(MAX_SECTION_TOKENS, int(config.max_position_embeddings) - offset - 2)
    if max_tokens is not None and not 1 <= max_tokens <= possible:
        raise InputError(f"--max-tokens must be from 1 to {possible} for this checkpoint, got {max_tokens}.")
    network.eval()
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    return Checkpoint(
        network=network,
        tokenizer=tokenizer,
        first=special.first,
        last=special.last,
        pad=special.pad,
        layers=int(config.num_hidden_layers),
        heads=int(config.num_attention_heads),
        max_tokens=max_tokens or possible,
    )


def torch_logits(network: nn.Module, ids: Tensor, mask: Tensor) -> Tensor:
    """Return the logits of PyTorch, shape (texts,)."""
    with torch.inference_mode():
        logits: Tensor = network(ids, mask)
    return logits


def _tokenizer(directory: Path) -> Tokenizer:
    file = directory / "tokenizer.json"
    # Without a vocabulary transformers silently creates a tokenizer that has no words.
    if not any((directory / name).is_file() for name in _VOCABULARIES):
        raise InputError(f"{directory} has no tokenizer ({', '.join(_VOCABULARIES)}); put its tokenizer.json there.")
    try:
        if file.is_file():
            return prepared(Tokenizer.from_file(str(file)))
        tokenizer: Tokenizer = AutoTokenizer.from_pretrained(str(directory), local_files_only=True).backend_tokenizer  # nosec B615  # local_files_only: nothing is downloaded
        return prepared(tokenizer)
    except Exception as error:  # tokenizers raises bare Exception, transformers many types
        raise InputError(f"{directory} has no readable tokenizer ({error}); put its tokenizer.json there.") from error


def _classifier(directory: Path) -> Any:
    try:
        architectures = json.loads((directory / "config.json").read_text(encoding="utf-8")).get("architectures") or []
    except (OSError, ValueError, AttributeError, RecursionError) as error:
        raise InputError(f"{directory / 'config.json'} is not a model configuration ({error}).") from error
    if not any("ForSequenceClassification" in str(name) for name in architectures):
        raise InputError(
            f"{directory} is not a sequence classifier (architectures: {architectures}); "
            "fine-tune it with a classification head first."
        )
    try:
        return AutoModelForSequenceClassification.from_pretrained(  # nosec B615  # local_files_only: nothing is downloaded
            str(directory), attn_implementation="sdpa", local_files_only=True
        )
    except SafetensorError as error:
        raise InputError(f"The weights in {directory} are damaged ({error}); use another copy.") from error
    except (OSError, ValueError, RuntimeError) as error:
        raise InputError(f"transformers cannot load {directory}: {error}") from error


def _machine_label(config: Any, wanted: str | None) -> int:
    labels = int(config.num_labels)
    if labels not in (1, 2):
        raise InputError(f"The checkpoint has {labels} labels; a detector needs two (human, machine) or one logit.")
    names = {int(number): str(name).lower() for number, name in config.id2label.items()}
    if wanted is not None:
        for number, name in names.items():
            if wanted.lower() in (name, str(number)):
                return number
        raise InputError(
            f"--machine-label must be a label of the checkpoint ({', '.join(names.values())}), got {wanted}."
        )
    matching = [number for number, name in names.items() if name in _MACHINE_NAMES]
    if labels == 1:
        return 0
    if len(matching) != 1:
        raise InputError(
            f"The label for machine text is unknown: give --machine-label, one of {', '.join(names.values())}."
        )
    return matching[0]
