"""A small companion out of a larger one: layers and entries are taken out, then the rest learns to expect the same.

The same course as the other runs: resumable, deterministic under its seed, with a progress bar and a log.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import AutoModelForCausalLM

from moderation.training.detector.language_model.corpus import people_alone, texts_of, windows_of, windows_of_step
from moderation.training.detector.language_model.pruning import (
    check_smaller,
    layers_that_change_most,
    with_fewer_entries,
    with_layers,
)
from moderation.training.detector.optimisation import optimizer_of, take_step
from moderation.training.detector.partition import load_partition
from moderation.training.detector.plans import DistillationPlan
from moderation.training.detector.rows import TextRow
from moderation.training.detector.run_state import CHECKPOINT, Kind, SavedRun, log_entry, save_run, saved_run
from moderation.training.detector.slices import in_validation
from moderation.training.detector.stepping import Tell, run_steps

_KIND: Kind = "distillation"
_WINDOWS_TO_CHOOSE_LAYERS = 64


def distil(
    network: Any,
    tokenizer: Tokenizer,
    data_dir: Path,
    out: Path,
    plan: DistillationPlan,
    device: torch.device,
    data_manifest: Path | None = None,
) -> None:
    """Make a smaller model of *network* in ``out/checkpoint``, reading people's texts of part A of *data_dir*.

    Continues where a run was interrupted. *data_manifest* names other data than the package does. Raises InputError for
    data or a model that cannot be used, SettingsError for a run that another plan began or that was none of this kind.
    """
    # What cannot be done is refused before the data are read, which takes a while.
    check_smaller(network, tokenizer, plan.vocabulary, plan.layers)
    saved_run(out, _KIND, _naming(plan, network, tokenizer), device)
    rows = people_alone(load_partition(data_dir, "A", data_manifest))
    learned = [row for row in rows if not in_validation(row)]
    distil_on(network, tokenizer, learned, [row for row in rows if in_validation(row)], out, plan, device)


def distil_on(
    network: Any,
    tokenizer: Tokenizer,
    rows: Sequence[TextRow],
    held_out: Sequence[TextRow],
    out: Path,
    plan: DistillationPlan,
    device: torch.device,
) -> None:
    """Make the smaller model on the texts of *rows*; how it does on *held_out* goes to the log and chooses nothing.

    Both read the texts with the smaller vocabulary, so that they say something of the same tokens. The table of words,
    which is the last layer too, stays as it was. Raises as `distil` does.
    """
    check_smaller(network, tokenizer, plan.vocabulary, plan.layers)
    plan = _naming(plan, network, tokenizer)
    begun = saved_run(out, _KIND, plan, device)
    teacher, smaller = with_fewer_entries(network, tokenizer, plan.vocabulary)
    windows = windows_of(texts_of(rows), smaller, plan.window_tokens, plan.seed)
    judged = windows_of(texts_of(held_out), smaller, plan.window_tokens, 0)[: plan.held_out_windows]
    if begun:
        student = _loaded(out / CHECKPOINT)
    else:
        kept = layers_that_change_most(teacher, windows[:_WINDOWS_TO_CHOOSE_LAYERS], plan.layers)
        student = with_layers(teacher, kept)
        log_entry(
            out, {"tokens": int(windows[:, 1:].size), "layers": list(kept), "of": teacher.config.num_hidden_layers}
        )
    teacher.to(device=device, dtype=torch.bfloat16 if plan.bf16 else torch.float32).requires_grad_(False)
    student.to(device).train().requires_grad_(True)
    student.get_input_embeddings().weight.requires_grad_(False)
    student.get_output_embeddings().weight.requires_grad_(False)
    optimizer = optimizer_of(student, (), plan)
    if begun:
        optimizer.load_state_dict(begun.optimizer)

    def take(step: int, _tell: Tell) -> float:
        chosen = windows_of_step(len(windows), plan.batch_texts, plan.seed, step)
        ids = torch.from_numpy(windows[chosen].astype(np.int64)).to(device)

        def loss_of(part: slice) -> Tensor:
            return _divergence(teacher, student, ids[part], bf16=plan.bf16) / ids[:, 1:].numel()

        return take_step(optimizer, plan, step, len(ids), device, loss_of)

    def save(step: int) -> None:
        run = SavedRun(step, optimizer.state_dict(), True, {})
        save_run(out, _KIND, plan, run, smaller, lambda folder: student.save_pretrained(str(folder)))

    def judge(step: int) -> None:
        if step % plan.validate_every == 0 or step == plan.steps:
            log_entry(out, {"step": step, "held_out": _judged(teacher, student, judged, plan, device)})

    run_steps(out, _KIND, plan, begun.step if begun else 0, take, save, judge)


def _naming(plan: DistillationPlan, network: Any, tokenizer: Tokenizer) -> DistillationPlan:
    """The plan that says which model is made smaller, so that no run goes on with another one."""
    digest = hashlib.sha256(tokenizer.to_str().encode())
    for name, weights in sorted(network.state_dict().items()):
        digest.update(name.encode())
        digest.update(weights.contiguous().view(torch.uint8).numpy())
    return replace(plan, larger_model=digest.hexdigest())


def _divergence(teacher: Any, student: Any, ids: Tensor, *, bf16: bool) -> Tensor:
    """Sum over tokens of KL(teacher || student) in nats, for windows of shape (windows, tokens).

    Window by window through the last layer: logits of all at once would not fit the processor's caches.
    """
    with torch.no_grad():
        taught = teacher.base_model(input_ids=ids, use_cache=False).last_hidden_state[:, :-1]
    with torch.autocast(ids.device.type, dtype=torch.bfloat16, enabled=bf16):
        learned = student.base_model(input_ids=ids, use_cache=False).last_hidden_state[:, :-1]
        total = torch.zeros((), device=ids.device)
        for theirs, ours in zip(taught, learned, strict=True):
            with torch.no_grad():
                expected = teacher.get_output_embeddings()(theirs).float().log_softmax(dim=-1)
                entropy = -(expected.exp() * expected).sum()
            logits = student.get_output_embeddings()(ours).float()
            total = total + cross_entropy(logits, expected.exp(), reduction="sum") - entropy
    return total


def _judged(
    teacher: Any, student: Any, windows: NDArray[np.int32], plan: DistillationPlan, device: torch.device
) -> dict[str, float]:
    """Mean divergence per token, and the perplexity of both, on *windows*."""
    student.eval()
    sums = np.zeros(3)
    with torch.inference_mode():
        for window in windows:
            ids = torch.from_numpy(window[None].astype(np.int64)).to(device)
            surprises = [
                float(
                    cross_entropy(
                        model(input_ids=ids, use_cache=False).logits[0, :-1].float(), ids[0, 1:], reduction="sum"
                    )
                )
                for model in (teacher, student)
            ]
            sums += [float(_divergence(teacher, student, ids, bf16=plan.bf16)), *surprises]
    student.train()
    nats, theirs, ours = sums / windows[:, 1:].size
    perplexities = {"perplexity": round(math.exp(ours), 2), "perplexity_of_the_larger": round(math.exp(theirs), 2)}
    return {"divergence_nats": round(nats, 4)} | perplexities


def _loaded(checkpoint: Path) -> Any:
    return AutoModelForCausalLM.from_pretrained(
        str(checkpoint), attn_implementation="sdpa", dtype=torch.float32, local_files_only=True
    )
