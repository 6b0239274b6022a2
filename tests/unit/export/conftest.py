"""A small RoBERTa and a small BERT with random weights, as checkpoint directories."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    RobertaConfig,
    RobertaForSequenceClassification,
    XLMRobertaConfig,
    XLMRobertaForSequenceClassification,
)

WORDS = 300
PROBES = ("w5 w6 w7 w8 w9", "w200 w150 w250")
_SIZE: dict[str, Any] = {
    "vocab_size": WORDS,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "num_labels": 2,
    "initializer_range": 0.3,
    "id2label": {0: "human", 1: "machine"},
    "label2id": {"human": 0, "machine": 1},
}


def write_checkpoint(directory: Path, kind: str) -> Path:
    """Write a checkpoint and probes that its random weights happen to agree with."""
    torch.manual_seed(3)
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"] if kind == "bert" else ["<s>", "<pad>", "</s>", "<unk>"]
    model: Any
    if kind == "bert":
        model = BertForSequenceClassification(BertConfig(**_SIZE, max_position_embeddings=512))
    elif kind == "xlm-roberta":
        model = XLMRobertaForSequenceClassification(
            XLMRobertaConfig(**_SIZE, max_position_embeddings=514, pad_token_id=1, type_vocab_size=1)
        )
    else:
        model = RobertaForSequenceClassification(
            RobertaConfig(**_SIZE, max_position_embeddings=514, pad_token_id=1, type_vocab_size=1)
        )
    model.eval().save_pretrained(directory)
    names = [*special, *(f"w{number}" for number in range(4, WORDS))]
    unknown = "[UNK]" if kind == "bert" else "<unk>"
    tokenizer = Tokenizer(models.WordLevel({name: number for number, name in enumerate(names)}, unk_token=unknown))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.save(str(directory / "tokenizer.json"))
    ends = (2, 3) if kind == "bert" else (0, 2)
    scores = []
    for text in PROBES:
        ids = torch.tensor([[ends[0], *tokenizer.encode(text).ids, ends[1]]])
        with torch.inference_mode():
            logits = model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits[0]
        scores.append(float(logits[1] - logits[0]))
    labels = (1, 0) if scores[0] > scores[1] else (0, 1)
    probes = [{"text": text, "label": label} for text, label in zip(PROBES, labels, strict=True)]
    (directory / "probes.json").write_text(json.dumps(probes), encoding="utf-8")
    return directory


@pytest.fixture(scope="session")
def roberta(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("checkpoints") / "roberta", "roberta")
