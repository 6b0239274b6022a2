"""A smaller language model out of a larger: the first entries of its vocabulary, and its layers that change most."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import nn
from transformers import AutoModelForCausalLM

from moderation.detector.tokenizing import prepared
from moderation.errors import InputError
from moderation.training.detector.language_model.corpus import END_OF_TEXT

_FEWEST_ENTRIES = 300
_WINDOWS_TOGETHER = 8


def check_smaller(network: Any, tokenizer: Tokenizer, entries: int, layers: int) -> None:
    """Raise InputError unless a model of so many *entries* and *layers* can be made of this one."""
    model = json.loads(tokenizer.to_str())["model"]
    if model.get("type") != "BPE" or not model.get("merges"):
        raise InputError("Only a vocabulary of merges (BPE) can be made smaller; choose another language model.")
    if not _FEWEST_ENTRIES <= entries <= len(model["vocab"]):
        raise InputError(
            f"The vocabulary can have from {_FEWEST_ENTRIES} to {len(model['vocab'])} entries, not {entries}."
        )
    between = tokenizer.token_to_id(END_OF_TEXT)
    if between is None or between >= entries:
        raise InputError(
            f"{END_OF_TEXT}, which stands between texts, is not among the first {entries} entries of the vocabulary: "
            "keep more of them, or choose a language model that has it there."
        )
    there = len(_layers_of(network))
    if not 1 <= layers <= there:
        raise InputError(f"The language model has {there} layers; keep from 1 to {there} of them, not {layers}.")


def with_fewer_entries(network: Any, tokenizer: Tokenizer, entries: int) -> tuple[Any, Tokenizer]:
    """Return a copy of both that knows the first *entries* of the vocabulary, in which merges stand by frequency.

    A word whose entry is gone is read as the two that it was merged of. `check_smaller` says what can be made smaller.
    """
    content = json.loads(tokenizer.to_str())
    model = content["model"]
    kept = {name for name, number in model["vocab"].items() if number < entries}
    model["vocab"] = {name: number for name, number in model["vocab"].items() if name in kept}
    model["merges"] = [merge for merge in model["merges"] if {*_parts(merge), "".join(_parts(merge))} <= kept]
    content["added_tokens"] = [token for token in content["added_tokens"] if token["id"] < entries]
    smaller = _copy_of(network)
    smaller.resize_token_embeddings(entries)
    return smaller, prepared(Tokenizer.from_str(json.dumps(content)))


def with_layers(network: Any, kept: Sequence[int]) -> Any:
    """Return a copy of *network* with these layers alone, by their numbers."""
    smaller = copy.deepcopy(network)
    layers = _layers_of(smaller)
    smaller.base_model.layers = nn.ModuleList([layers[number] for number in kept])
    smaller.config.num_hidden_layers = len(kept)
    for place, layer in enumerate(smaller.base_model.layers):
        layer.self_attn.layer_idx = place
    return smaller


def layers_that_change_most(network: Any, windows: NDArray[np.int32], count: int) -> tuple[int, ...]:
    """Return the numbers of the *count* layers that turn what passes through them most, the last always among them.

    Measured is one minus the cosine between what enters and what leaves a layer, mean over tokens of *windows*, shape
    (windows, tokens) (Men et al. 2024, ShortGPT).
    """
    turned = np.zeros(len(_layers_of(network)))
    with torch.inference_mode():
        for begin in range(0, len(windows), _WINDOWS_TOGETHER):
            ids = torch.from_numpy(windows[begin : begin + _WINDOWS_TOGETHER].astype(np.int64))
            states = network.base_model(input_ids=ids, use_cache=False, output_hidden_states=True).hidden_states
            # What leaves the last layer is handed out after the norm that follows it, so nothing is known of that one.
            for number, (before, after) in enumerate(pairwise(states[:-1])):
                turned[number] += float((1 - torch.cosine_similarity(before.float(), after.float(), dim=-1)).sum())
    turned[-1] = np.inf
    return tuple(sorted(np.argsort(-turned, kind="stable")[:count].tolist()))


def _layers_of(network: Any) -> Any:
    layers = getattr(network.base_model, "layers", None)
    if layers is None or not hasattr(layers[0], "self_attn"):
        raise InputError("Layers can be taken out of a model of the Llama, Mistral or Qwen2 family alone; choose one.")
    return layers


def _parts(merge: str | Sequence[str]) -> Sequence[str]:
    return merge.split(" ") if isinstance(merge, str) else merge


def _copy_of(network: Any) -> Any:
    """A copy that no longer says it came out of a quantised file, which transformers does not let be changed."""
    config = copy.deepcopy(network.config)
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    made: Any = AutoModelForCausalLM.from_config(config, attn_implementation="sdpa")
    made.load_state_dict(network.state_dict())
    return made.eval()
