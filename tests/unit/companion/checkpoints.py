"""A small GPT-2 and a small Llama of random weights, as ordinary checkpoint directories."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

WORDS = 300
_LETTERS = sorted(pre_tokenizers.ByteLevel.alphabet())


def texts(*lengths: int) -> tuple[str, ...]:
    """Texts of so many words each, every word a token."""
    return tuple(
        " ".join(f"w{260 + (7 * start + step * step) % 40}" for step in range(length))
        for start, length in enumerate(lengths)
    )


TEXTS = texts(4, 9, 23, 30, 31, 12, 17, 8, 40, 15, 26, 5)


def write_causal(directory: Path, kind: str) -> Path:
    """Write a checkpoint whose tokenizer knows every byte, the words of `texts`, and <|endoftext|>."""
    torch.manual_seed(5)
    model: Any
    if kind == "gpt2":
        config: Any = GPT2Config(
            vocab_size=WORDS, n_positions=64, n_embd=32, n_layer=2, n_head=4, bos_token_id=0, eos_token_id=0
        )
        config.initializer_range = 0.3
        model = GPT2LMHeadModel(config)
    else:
        model = LlamaForCausalLM(
            LlamaConfig(
                vocab_size=WORDS,
                hidden_size=48,
                intermediate_size=80,
                num_hidden_layers=2,
                num_attention_heads=4,
                num_key_value_heads=2,
                max_position_embeddings=64,
                initializer_range=0.3,
                tie_word_embeddings=True,
                bos_token_id=1,
                eos_token_id=2,
            )
        )
    model.eval().save_pretrained(directory)
    names = ["<|endoftext|>", "<s>", "</s>", *_LETTERS, *(f"w{number}" for number in range(259, WORDS))]
    vocabulary = {name: number for number, name in enumerate(names)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<|endoftext|>", "<s>", "</s>"])
    tokenizer.add_tokens(names[259:])
    tokenizer.save(str(directory / "tokenizer.json"))
    return directory
