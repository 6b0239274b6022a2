"""The detector at fp16 in batches by length, beside PyTorch's fused attention at fp16 in the same batches."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch

from moderation.detector import load_detector
from moderation.detector.batching import batches_by_length
from moderation.errors import SettingsError
from tests.bench.detector.ceiling import TAKEN_AS_CEILING, Device, most_operations_per_s
from tests.bench.detector.network import exported, multiplications, network_of, tokens_of
from tests.bench.detector.turns import Way, best_of_turns

# As many padded tokens as the detector's own runner takes into a batch on CUDA.
_TOKENS_IN_A_BATCH = 16384


def gpu_missing() -> str | None:
    """Return in one sentence why no GPU can be measured here, None where there seems to be one."""
    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        return (
            "onnxruntime has no CUDA here: pip install onnxruntime-gpu in place of onnxruntime, or measure the CPU "
            "with --device cpu."
        )
    if not torch.cuda.is_available():
        return "PyTorch finds no CUDA device here: install a driver, or measure the CPU with --device cpu."
    return None


def measured_at_fp16(
    checkpoint: Path, folder: Path, posts: Sequence[str], rounds: int, device: Device = "cuda"
) -> dict[str, Any]:
    """Return tokens a second (padding not counted) of both, and their shares of what the device multiplies at best.

    Both begin with text, so tokenisation counts. *device* ``cpu`` runs the same code where there is no GPU, to see
    that it works; its times say nothing. Raises SettingsError where the detector does not come to run on *device*.
    """
    model, tokenizer = network_of(checkpoint)
    bundle = exported(checkpoint, folder, ("fp32", "fp16"))  # the exporter loads it on the CPU where there is no GPU
    detector = load_detector(bundle, remembered_texts=0, precision="fp16" if device == "cpu" else None)
    if device == "cuda" and "CUDA" not in detector.describe():
        raise SettingsError(
            f"PyTorch finds a CUDA device that onnxruntime cannot use; it loaded {detector.describe()}. Install the "
            "CUDA libraries that onnxruntime-gpu is built for, or measure the CPU with --device cpu."
        )
    half = model.to(device).half()

    def torch_logits() -> list[float]:
        ids = tokenizer(list(posts), truncation=True)["input_ids"]
        found = np.empty(len(ids), dtype=np.float32)
        with torch.inference_mode():
            for members in batches_by_length([len(each) for each in ids], _TOKENS_IN_A_BATCH):
                padded = tokenizer.pad({"input_ids": [ids[member] for member in members]}, return_tensors="pt")
                logits = half(**padded.to(device)).logits.float().cpu().numpy()
                found[members] = logits[:, 1] - logits[:, 0]
        return [float(logit) for logit in found]

    ways: dict[str, Way] = {
        "ours": lambda: [score.logit for score in detector.score(posts)],
        "torch": torch_logits,
    }
    for work in ways.values():
        work()  # kernels are chosen and memory is reserved
    seconds, answers = best_of_turns(ways, rounds)
    tokens = sum(map(tokens_of, posts))
    ceiling = most_operations_per_s(device, "fp16", rounds=rounds)
    operations = {"ours": multiplications(model, tokens, len(posts)), "torch": multiplications(model, tokens)}
    return {
        "device": torch.cuda.get_device_name() if device == "cuda" else "cpu",
        "posts": len(posts),
        "tokens": tokens,
        "rounds": rounds,
        "detector": detector.describe(),
        "tokens_per_s": {kind: round(tokens / value, 1) for kind, value in seconds.items()},
        "times_as_fast_as_torch": round(seconds["torch"] / seconds["ours"], 2),
        "matmul_ceiling_teraflops": round(ceiling / 1e12, 3),
        "matmul_ceiling": TAKEN_AS_CEILING["fp16"],
        "share_of_matmul_ceiling": {
            kind: round(operations[kind] / value / ceiling, 3) for kind, value in seconds.items()
        },
        "largest_logit_difference_from_torch": float(
            np.abs(np.array(answers["ours"]) - np.array(answers["torch"])).max()
        ),
    }
