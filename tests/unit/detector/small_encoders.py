"""Encoders, tokenizers and texts of invented words, small enough to train within a test."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import load_file
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import BertConfig, BertModel

from moderation.lab.textdata.rows import TextRow

BERT_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
ROBERTA_TOKENS = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
VOCABULARY = 100
_SHAPE = {
    "vocab_size": VOCABULARY, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
    "intermediate_size": 32, "max_position_embeddings": 140,
}  # fmt: skip


def rows_of(sources: dict[str, tuple[int, int]]) -> list[TextRow]:
    """Rows of each source, as many of people and of machines as it names; machines use higher words."""
    rng = np.random.default_rng(5)
    rows = []
    for source, counts in sources.items():
        for label, count in enumerate(counts):
            for number in range(count):
                words = rng.integers(10, 90, 5 + number % 40) + 5 * label
                name = f"{source}{label}-{number}"
                text = " ".join(f"w{word}" for word in words)
                rows.append(TextRow(name, source, label, name, text, "", "permissive"))
    return rows


def tokenizer_with(special: tuple[str, ...]) -> Tokenizer:
    names = [*special, *(f"w{number}" for number in range(len(special), VOCABULARY))]
    vocabulary = {name: number for number, name in enumerate(names)}
    tokenizer = Tokenizer(
        models.WordLevel(vocabulary, unk_token=next(name for name in special if "unk" in name.lower()))
    )
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return tokenizer


def small_bert(folder: Path, **changes: Any) -> Path:
    """Write a BERT of random weights, always the same, with its tokenizer."""
    torch.manual_seed(0)
    BertModel(BertConfig(**(_SHAPE | changes))).save_pretrained(folder)
    tokenizer_with(BERT_TOKENS).save(str(folder / "tokenizer.json"))
    return folder


def small_roberta_config(folder: Path, **changes: Any) -> Path:
    """Write config.json and tokenizer.json of a RoBERTa, without weights."""
    folder.mkdir(parents=True, exist_ok=True)
    config = {"model_type": "roberta", "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2, **_SHAPE, **changes}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    tokenizer_with(ROBERTA_TOKENS).save(str(folder / "tokenizer.json"))
    return folder


def weights_of(out: Path) -> dict[str, np.ndarray]:
    """The weights that a run in *out* ended with, those of our head too where it has one."""
    weights: dict[str, np.ndarray] = {}
    for file in sorted((out / "checkpoint").glob("*.safetensors")):
        weights |= load_file(file)
    return weights


def log_of(out: Path) -> list[dict[str, Any]]:
    """The entries of a run's log."""
    return [json.loads(line) for line in (out / "log.jsonl").read_text(encoding="utf-8").splitlines()]


def assert_same(some: dict[str, np.ndarray], others: dict[str, np.ndarray]) -> None:
    """Check that two runs ended with the same weights."""
    assert some.keys() == others.keys()
    for name, value in some.items():
        np.testing.assert_array_equal(others[name], value, err_msg=name)


def differ(some: dict[str, np.ndarray], others: dict[str, np.ndarray]) -> bool:
    """Say whether any weight is another."""
    return any(not np.array_equal(value, others[name]) for name, value in some.items())
