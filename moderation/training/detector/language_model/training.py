"""Training of a small causal language model from nothing: what `moderation companion export` takes.

The same course as the detector's runs: resumable, deterministic under its seed, with a progress bar and a log.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import LlamaConfig, LlamaForCausalLM

from moderation.training.detector.language_model.corpus import (
    END_OF_TEXT,
    new_tokenizer,
    people_alone,
    texts_of,
    windows_of,
    windows_of_step,
)
from moderation.training.detector.optimisation import optimizer_of, take_step
from moderation.training.detector.partition import load_partition
from moderation.training.detector.plans import LanguageModelPlan
from moderation.training.detector.rows import TextRow
from moderation.training.detector.run_state import CHECKPOINT, Kind, SavedRun, log_entry, save_run, saved_run
from moderation.training.detector.slices import in_validation
from moderation.training.detector.stepping import Tell, run_steps
from moderation.training.detector.vocabulary import tokenizer_in, vocabulary_size

_KIND: Kind = "language model training"
# Blocks of 32 weights share a scale in the exported int8 graph; a row of whole blocks wastes none.
_BLOCK = 32
_HEAD_SIZE = 64


def train_language_model(
    data_dir: Path, out: Path, plan: LanguageModelPlan, device: torch.device, data_manifest: Path | None = None
) -> None:
    """Train on people's texts of part A of *data_dir* into ``out/checkpoint``, continuing where a run was interrupted.

    *data_manifest* names other data than the package does. Raises InputError for data that cannot be used,
    SettingsError for a run that another plan began or that was none of this kind.
    """
    saved_run(out, _KIND, plan, device)  # what cannot go on is refused before the data are read, which takes a while
    rows = people_alone(load_partition(data_dir, "A", data_manifest))
    held_out = [row for row in rows if in_validation(row)]
    train_language_model_on([row for row in rows if not in_validation(row)], held_out, out, plan, device)


def train_language_model_on(
    rows: Sequence[TextRow],
    held_out: Sequence[TextRow],
    out: Path,
    plan: LanguageModelPlan,
    device: torch.device,
) -> None:
    """Train tokenizer and model on the texts of *rows* into ``out/checkpoint``.

    How expected the texts of *held_out* are goes to the log at intervals and chooses nothing. Whoever continues a run
    gives the same rows: they are not compared. Raises as `train_language_model` does.
    """
    begun = saved_run(out, _KIND, plan, device)
    texts = texts_of(rows)
    tokenizer = tokenizer_in(out / CHECKPOINT / "tokenizer.json") if begun else new_tokenizer(texts, plan.vocabulary)
    windows = windows_of(texts, tokenizer, plan.window_tokens, plan.seed)
    judged = windows_of(texts_of(held_out), tokenizer, plan.window_tokens, 0)[: plan.held_out_windows]
    torch.manual_seed(plan.seed)
    model = _loaded(out / CHECKPOINT) if begun else new_model(plan, tokenizer)
    model.to(device).train()
    optimizer = optimizer_of(model, (), plan)
    if begun:
        optimizer.load_state_dict(begun.optimizer)
    else:
        parameters = sum(weights.numel() for weights in model.parameters())
        log_entry(out, {"texts": len(texts), "tokens": int(windows[:, 1:].size), "parameters": parameters})

    def take(step: int, _tell: Tell) -> float:
        chosen = windows_of_step(len(windows), plan.batch_texts, plan.seed, step)
        ids = torch.from_numpy(windows[chosen].astype(np.int64)).to(device)

        def loss_of(part: slice) -> Tensor:
            return _surprise(model, ids[part]).sum() / ids[:, 1:].numel()

        return take_step(optimizer, plan, step, len(ids), device, loss_of)

    def save(step: int) -> None:
        run = SavedRun(step, optimizer.state_dict(), False, {})
        save_run(out, _KIND, plan, run, tokenizer, lambda folder: model.save_pretrained(str(folder)))

    def judge(step: int) -> None:
        if step % plan.validate_every == 0 or step == plan.steps:
            nats = nats_per_token(model, judged, device)
            perplexity = round(math.exp(nats), 2)
            log_entry(out, {"step": step, "held_out": {"nats_per_token": round(nats, 4), "perplexity": perplexity}})

    run_steps(out, _KIND, plan, begun.step if begun else 0, take, save, judge)


def nats_per_token(model: Any, windows: NDArray[np.int32], device: torch.device) -> float:
    """Return the mean negative log probability of the tokens of *windows* after the first of each; e to it is the
    perplexity.
    """
    model.eval()
    with torch.inference_mode():
        sums = [
            float(_surprise(model, torch.from_numpy(window[None, :].astype(np.int64)).to(device)).sum())
            for window in windows
        ]
    model.train()
    return sum(sums) / windows[:, 1:].size


def new_model(plan: LanguageModelPlan, tokenizer: Tokenizer) -> Any:
    """Return a Llama of random weights, its last layer the table of words that is its first too."""
    end = tokenizer.token_to_id(END_OF_TEXT)
    heads = max(1, plan.hidden_size // _HEAD_SIZE)
    config = LlamaConfig(
        vocab_size=vocabulary_size(tokenizer),
        hidden_size=plan.hidden_size,
        # Two thirds of four times: three matrices then cost what two cost elsewhere (Shazeer 2020).
        intermediate_size=-(-plan.hidden_size * 8 // (3 * _BLOCK)) * _BLOCK,
        num_hidden_layers=plan.layers,
        num_attention_heads=heads,
        num_key_value_heads=heads,
        max_position_embeddings=plan.window_tokens,
        tie_word_embeddings=True,
        bos_token_id=end,
        eos_token_id=end,
        attn_implementation="sdpa",
    )
    return LlamaForCausalLM(config)


def _surprise(model: Any, ids: Tensor) -> Tensor:
    """Negative log probability in nats of each token but the first of its window, (windows × (tokens - 1),)."""
    hidden = model.base_model(input_ids=ids, use_cache=False).last_hidden_state
    logits = model.get_output_embeddings()(hidden[:, :-1])
    return cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten(), reduction="none")


def _loaded(checkpoint: Path) -> Any:
    return LlamaForCausalLM.from_pretrained(
        str(checkpoint), attn_implementation="sdpa", dtype=torch.float32, local_files_only=True
    )
