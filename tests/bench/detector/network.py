"""What is measured: a network of random weights, its tokenizer, texts, and the bundle that the exporter makes of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast, RobertaConfig, RobertaForSequenceClassification

from export.bundle import BundleOrder, write_bundle
from moderation.detector.manifest import Precision

_WORDS = 50265
# Of these the two of the largest and the least logit prove the polarity: at random the others are as good as equal.
_PROBES_TO_CHOOSE_FROM = 24
_SPECIAL_TOKENS = 2
_SMALL = {"num_hidden_layers": 2, "hidden_size": 64, "intermediate_size": 128, "num_attention_heads": 4}


def texts(count: int, seed: int = 1) -> list[str]:
    """Return texts of words that are one token each, lengths log-normal (median 35, σ 1, cut at 510)."""
    rng = np.random.default_rng(seed)
    lengths = np.clip(np.exp(rng.normal(np.log(35), 1, count)).round(), 1, 510).astype(int)
    return [" ".join(f"w{word}" for word in rng.integers(10, _WORDS - 1, length)) for length in lengths]


def tokens_of(text: str) -> int:
    """Return how many tokens of one of `texts` the network reads, those that surround it among them."""
    return len(text.split()) + _SPECIAL_TOKENS


def write_checkpoint(directory: Path, *, small: bool) -> None:
    """Write a RoBERTa of base size (a tiny one if *small*) whose tokenizer knows _WORDS words."""
    torch.manual_seed(0)
    config = RobertaConfig(
        vocab_size=_WORDS, max_position_embeddings=514, layer_norm_eps=1e-5, type_vocab_size=1, pad_token_id=1,
        bos_token_id=0, eos_token_id=2, num_labels=2, id2label={0: "human", 1: "machine"}, **(_SMALL if small else {}),
    )  # fmt: skip
    RobertaForSequenceClassification(config).save_pretrained(directory)
    names = ["<s>", "<pad>", "</s>", "<unk>", *(f"w{number}" for number in range(4, _WORDS))]
    tokenizer = Tokenizer(models.WordLevel({name: number for number, name in enumerate(names)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="<pad>", unk_token="<unk>",
        cls_token="<s>", sep_token="</s>", model_max_length=512, model_input_names=["input_ids", "attention_mask"],
    ).save_pretrained(directory)  # fmt: skip


def network_of(checkpoint: Path) -> tuple[Any, Any]:
    """Return PyTorch's network with its fastest attention, and the tokenizer."""
    model = RobertaForSequenceClassification.from_pretrained(checkpoint, attn_implementation="sdpa").eval()
    return model, PreTrainedTokenizerFast.from_pretrained(checkpoint)


def exported(checkpoint: Path, folder: Path, precisions: tuple[Precision, ...]) -> Path:
    """Return the bundle of *precisions* that the exporter makes of *checkpoint*, written into *folder*."""
    model, tokenizer = network_of(checkpoint)
    candidates = sorted(texts(_PROBES_TO_CHOOSE_FROM, seed=2), key=lambda text: _difference(model, tokenizer, text))
    probes = folder / "probes.json"
    probes.write_text(json.dumps([{"text": candidates[-1], "label": 1}, {"text": candidates[0], "label": 0}]))
    return write_bundle(checkpoint, folder / "-".join(precisions), BundleOrder("bench", precisions, probes=probes))


def multiplications(model: Any, tokens: int, read_by_head: int | None = None) -> float:
    """Return the floating-point operations of the layers' matrices for *tokens* tokens, two for each weight and token.

    *read_by_head* tells of how many tokens the last layer is computed, keys and values apart: in a bundle one a text
    (`export.first_token`), in PyTorch all. Attention between tokens and the head are left out: on texts of this length
    they are a few percent, so the share of the ceiling is slightly too low rather than too high.
    """
    layers = model.roberta.encoder.layer
    last, own = layers[-1], layers[-1].attention.self
    of_last, of_all = _weights(last), _weights(layers)
    keys_and_values = _weights(own.key) + _weights(own.value)
    spared = 0 if read_by_head is None else (of_last - keys_and_values) * (tokens - read_by_head)
    return 2.0 * (of_all * tokens - spared)


def _weights(part: Any) -> int:
    return sum(int(value.numel()) for value in part.parameters() if value.ndim > 1)


def _difference(model: Any, tokenizer: Any, text: str) -> float:
    with torch.inference_mode():
        logits = model(**tokenizer(text, return_tensors="pt")).logits[0]
    return float(logits[1] - logits[0])
