"""The detector on the CPU at int8, each text alone, beside PyTorch at fp32 three ways."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import pipeline

from moderation.detector import load_detector
from moderation.detector.sessions import cores
from tests.bench.detector.ceiling import TAKEN_AS_CEILING, most_operations_per_s
from tests.bench.detector.network import exported, multiplications, network_of, tokens_of
from tests.bench.detector.turns import Way, best_of_turns
from tests.bench.processor import processor

GOALS = {"arrival": 12.0, "alone": 5.0, "by_length": 4.5}


def measured_on_cpu(checkpoint: Path, folder: Path, posts: Sequence[str], rounds: int) -> dict[str, Any]:
    """Return posts and tokens a second of the detector and of PyTorch's ways, and how far their logits are apart.

    Every core is used, and no score is remembered between rounds.
    """
    model, tokenizer = network_of(checkpoint)
    detector = load_detector(exported(checkpoint, folder, ("int8",)), remembered_texts=0)
    classify = pipeline("text-classification", model=model, tokenizer=tokenizer, device="cpu")

    def run(order: Sequence[str], size: int) -> list[float]:
        answers = classify(list(order), batch_size=size, top_k=None, function_to_apply="none", truncation=True)
        named = [{entry["label"]: entry["score"] for entry in answer} for answer in answers]
        return [answer["machine"] - answer["human"] for answer in named]

    by_length = sorted(posts, key=len)
    detector.score(posts[:8])
    run(posts[:8], 8)
    ways: dict[str, Way] = {
        "ours": lambda: [score.logit for score in detector.score(posts)],
        "arrival": lambda: run(posts, 32),
        "alone": lambda: run(posts, 1),
        "by_length": lambda: run(by_length, 32),
    }
    seconds, answers = best_of_turns(ways, rounds)
    again = np.array([detector.score([post])[0].logit for post in posts[:16]])
    ours_s = seconds.pop("ours")
    logits, reference = np.array(answers["ours"]), np.array(answers["alone"])
    tokens = sum(map(tokens_of, posts))
    ceiling = most_operations_per_s("cpu", "int8", cores(), rounds)
    return {
        "posts": len(posts),
        "tokens": tokens,
        "rounds": rounds,
        "cores": os.cpu_count(),
        "processor": processor(),
        "torch_threads": torch.get_num_threads(),
        "detector": detector.describe(),
        "ours_posts_per_s": round(len(posts) / ours_s, 2),
        "ours_tokens_per_s": round(tokens / ours_s, 1),
        "ours_share_of_matmul_ceiling": round(multiplications(model, tokens, len(posts)) / ours_s / ceiling, 3),
        "matmul_ceiling_teraflops": round(ceiling / 1e12, 4),
        "matmul_ceiling": TAKEN_AS_CEILING["int8"],
        "torch_tokens_per_s": {kind: round(tokens / value, 1) for kind, value in seconds.items()},
        "torch_posts_per_s": {kind: round(len(posts) / value, 2) for kind, value in seconds.items()},
        "times_as_fast": {kind: round(value / ours_s, 2) for kind, value in seconds.items()},
        "goals": GOALS,
        "largest_logit_difference_from_torch": float(np.abs(logits - reference).max()),
        "torch_logit_spread": float(np.std(reference)),
        "largest_difference_alone_or_among_others": float(np.abs(again - logits[:16]).max()),
    }
