"""A causal language model as everything after it needs it: network, tokenizer and the token that begins a text."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer
from torch import nn
from transformers import AutoModelForCausalLM, AutoTokenizer

from export.causal.gguf_file import family_in_gguf
from moderation.detector.companion.manifest import MOST_WINDOW_TOKENS
from moderation.detector.tokenizing import prepared
from moderation.errors import InputError

FAMILIES = ("gpt2", "llama", "mistral", "qwen2")
# The token that stood between documents when models with this name in their vocabulary were trained.
_END_OF_TEXT = "<|endoftext|>"
# One ONNX file in fp32 may not reach two gigabytes, the limit of its format.
_MOST_PARAMETERS = 480_000_000


@dataclass(frozen=True)
class CausalCheckpoint:
    """The network in evaluation mode without gradients, and what its manifest will say about its input."""

    network: nn.Module
    tokenizer: Tokenizer
    family: str
    first_token: str
    first_id: int
    vocabulary: int
    layers: int
    max_tokens: int


def load_causal(source: Path, max_tokens: int) -> CausalCheckpoint:
    """Return the causal checkpoint in *source*, a Hugging Face directory or a single ``.gguf`` file.

    *max_tokens* is how many tokens of a text one window shall hold. Raises InputError for what cannot be used.
    """
    directory, options = source, {}
    if source.suffix == ".gguf":
        family = family_in_gguf(source)
        directory, options = source.parent, {"gguf_file": source.name}
    else:
        family = _family_in_directory(source)
    if family not in FAMILIES:
        raise InputError(f"{source} is of the kind {family!r}; a companion is made of one of {', '.join(FAMILIES)}.")
    tokenizer = _tokenizer(directory, options)
    network = _network(source, directory, options)
    config: Any = network.config
    possible = min(MOST_WINDOW_TOKENS, int(config.max_position_embeddings) - 1)
    if not 4 <= max_tokens <= possible:
        raise InputError(f"--max-tokens must be from 4 to {possible} for this checkpoint, not {max_tokens}.")
    parameters = sum(parameter.numel() for parameter in network.parameters())
    if parameters > _MOST_PARAMETERS:
        raise InputError(
            f"{source} has {parameters / 1e6:.0f} million parameters; a companion has at most "
            f"{_MOST_PARAMETERS / 1e6:.0f} million: choose a smaller model, this one would score too slowly."
        )
    first_id = _first_id(source, tokenizer, config)
    return CausalCheckpoint(
        network=network,
        tokenizer=tokenizer,
        family=family,
        first_token=str(tokenizer.id_to_token(first_id)),
        first_id=first_id,
        vocabulary=int(config.vocab_size),
        layers=int(config.num_hidden_layers),
        max_tokens=max_tokens,
    )


def _family_in_directory(directory: Path) -> str:
    try:
        config = json.loads((directory / "config.json").read_text(encoding="utf-8"))
        family = str(config["model_type"])
        architectures = [str(name) for name in config.get("architectures") or []]
    except OSError as error:
        raise InputError(
            f"{directory} is no checkpoint: it has no config.json. Name a Hugging Face model directory or a .gguf file."
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"{directory / 'config.json'} does not say its model_type; download it again.") from error
    headed = [name for name in architectures if name.endswith(("Classification", "Answering"))]
    if headed:
        raise InputError(f"{directory} is a {headed[0]}, which predicts no next token; name a causal language model.")
    return family


def _tokenizer(directory: Path, options: dict[str, str]) -> Tokenizer:
    file = directory / "tokenizer.json"
    if not options and not file.is_file():
        raise InputError(f"{directory} has no tokenizer.json; put it there.")
    try:
        if not options:
            return prepared(Tokenizer.from_file(str(file)))
        loaded: Any = AutoTokenizer.from_pretrained(str(directory), local_files_only=True, **options)
        return prepared(loaded.backend_tokenizer)
    except Exception as error:  # tokenizers raises bare Exception, transformers many kinds
        raise InputError(f"{directory} has no tokenizer that can be read ({_first_line(error)}).") from error


def _network(source: Path, directory: Path, options: dict[str, str]) -> Any:
    try:
        network = AutoModelForCausalLM.from_pretrained(
            str(directory), attn_implementation="sdpa", dtype="float32", local_files_only=True, **options
        )
    except Exception as error:  # a damaged file makes safetensors, gguf and transformers raise many kinds
        raise InputError(f"transformers cannot load {source}: {_first_line(error)}") from error
    network.eval()
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    return network


def _first_id(source: Path, tokenizer: Tokenizer, config: Any) -> int:
    """The token before a document: end-of-text by its name where there is one, else BOS, else EOS.

    A chat model names as BOS the token that begins a turn, after which it expects the name of a role and no text.
    """
    by_name = tokenizer.token_to_id(_END_OF_TEXT)
    for candidate in (by_name, config.bos_token_id, config.eos_token_id):
        if isinstance(candidate, int) and tokenizer.id_to_token(candidate) is not None:
            return candidate
    raise InputError(f"{source} names no token that begins or ends a text; give its config.json a bos_token_id.")


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
