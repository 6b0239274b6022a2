"""``python -m tests.bench.detector``: posts a second on the CPU, against PyTorch three ways, in one run.

RoBERTa-base size with random weights, lengths log-normal (median 35 tokens, σ 1, cut at 510), fixed seed. Ours
is measured at int8, each text alone, where a score cannot depend on its neighbours. Everybody starts from text:
tokenisation counts on all sides. The ways take turns and the best round of each counts, so that other work on the
machine weighs on nobody.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaForSequenceClassification,
    pipeline,
)

from export.bundle import BundleOrder, write_bundle
from moderation.detector import Detector, load_detector

_WORDS = 50265
_GOALS = {"arrival": 12.0, "alone": 5.0, "by_length": 4.5}
_PROBES = ("w11 w12 w13 w14 w15 w16 w17", "w40000 w30000 w20000 w10000 w9000")


def texts(count: int, seed: int = 1) -> list[str]:
    """Return texts of words that are one token each."""
    rng = np.random.default_rng(seed)
    lengths = np.clip(np.exp(rng.normal(np.log(35), 1, count)).round(), 1, 510).astype(int)
    return [" ".join(f"w{word}" for word in rng.integers(10, _WORDS - 1, length)) for length in lengths]


def write_checkpoint(directory: Path, small: bool) -> None:
    """Write a RoBERTa of random weights whose tokenizer knows _WORDS words."""
    torch.manual_seed(0)
    size = (
        {"num_hidden_layers": 2, "hidden_size": 64, "intermediate_size": 128, "num_attention_heads": 4} if small else {}
    )
    config = RobertaConfig(
        vocab_size=_WORDS, max_position_embeddings=514, layer_norm_eps=1e-5, type_vocab_size=1, pad_token_id=1,
        bos_token_id=0, eos_token_id=2, num_labels=2, id2label={0: "human", 1: "machine"}, **size,
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


def ours(checkpoint: Path, folder: Path, model: Any, tokenizer: Any) -> Detector:
    """Export the checkpoint and load it as the sidecar does, except that no score is remembered between rounds."""
    first, second = (_difference(model, tokenizer, probe) for probe in _PROBES)
    labels = (1, 0) if first > second else (0, 1)
    probes = folder / "probes.json"
    probes.write_text(json.dumps([{"text": text, "label": label} for text, label in zip(_PROBES, labels, strict=True)]))
    bundle = write_bundle(checkpoint, folder / "bundle", BundleOrder("bench", ("int8",), probes=probes))
    return load_detector(bundle, remembered_texts=0)


def _difference(model: Any, tokenizer: Any, text: str) -> float:
    with torch.inference_mode():
        logits = model(**tokenizer(text, return_tensors="pt")).logits[0]
    return float(logits[1] - logits[0])


def timed(work: Callable[[], list[float]]) -> tuple[float, list[float]]:
    """Return the seconds that *work* takes, and its logits."""
    began = time.perf_counter()
    result = work()
    return time.perf_counter() - began, result


def main() -> None:
    """Run the comparison and print it; ``--out`` keeps the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--posts", type=int, default=192)
    parser.add_argument("--rounds", type=int, default=3, help="of all ways in turn; the best of each counts")
    parser.add_argument("--small", action="store_true", help="a tiny model, to try the command")
    parser.add_argument("--out", type=Path, help="JSON file for the figures")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    posts = texts(arguments.posts)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        checkpoint = folder / "checkpoint"
        write_checkpoint(checkpoint, arguments.small)
        tokenizer = PreTrainedTokenizerFast.from_pretrained(checkpoint)
        model = RobertaForSequenceClassification.from_pretrained(checkpoint, attn_implementation="sdpa").eval()
        detector = ours(checkpoint, folder, model, tokenizer)
        classify = pipeline("text-classification", model=model, tokenizer=tokenizer, device="cpu")

        def run(order: list[str], size: int) -> list[float]:
            answers = classify(order, batch_size=size, top_k=None, function_to_apply="none", truncation=True)
            return [
                {entry["label"]: entry["score"] for entry in answer}["machine"]
                - {entry["label"]: entry["score"] for entry in answer}["human"]
                for answer in answers
            ]

        by_length = sorted(posts, key=len)
        detector.score(posts[:8])
        run(posts[:8], 8)
        ways: dict[str, Callable[[], list[float]]] = {
            "ours": lambda: [score.logit for score in detector.score(posts)],
            "arrival": lambda: run(posts, 32),
            "alone": lambda: run(posts, 1),
            "by_length": lambda: run(by_length, 32),
        }
        seconds = dict.fromkeys(ways, float("inf"))
        answers: dict[str, list[float]] = {}
        for _ in range(arguments.rounds):
            for kind, work in ways.items():
                took_s, answers[kind] = timed(work)
                seconds[kind] = min(seconds[kind], took_s)
        alone_again = [detector.score([post])[0].logit for post in posts[:16]]
    ours_s = seconds.pop("ours")
    logits, reference = answers["ours"], answers["alone"]
    report = {
        "posts": len(posts),
        "rounds": arguments.rounds,
        "cores": os.cpu_count(),
        "torch_threads": torch.get_num_threads(),
        "detector": detector.describe(),
        "ours_posts_per_s": round(len(posts) / ours_s, 2),
        "torch_posts_per_s": {kind: round(len(posts) / value, 2) for kind, value in seconds.items()},
        "times_as_fast": {kind: round(value / ours_s, 2) for kind, value in seconds.items()},
        "goals": _GOALS,
        "largest_logit_difference_from_torch": float(np.max(np.abs(np.array(logits) - np.array(reference)))),
        "torch_logit_spread": float(np.std(reference)),
        "largest_difference_alone_or_among_others": float(
            np.max(np.abs(np.array(alone_again) - np.array(logits[:16])))
        ),
    }
    if arguments.out:
        arguments.out.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    table = Table(
        "PyTorch fp32", "posts/s", "ours is faster by", "goal", title=f"ours: {report['ours_posts_per_s']} posts/s"
    )
    for kind, factor in report["times_as_fast"].items():
        table.add_row(kind, str(report["torch_posts_per_s"][kind]), f"{factor} ×", f"{_GOALS[kind]} ×")
    console = Console()
    console.print(table)
    console.print_json(json.dumps(report))


if __name__ == "__main__":
    main()
