"""The whole way from a checkpoint directory to a bundle directory."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from export.calibrate import UNCALIBRATED
from export.checkpoint import Checkpoint, load_checkpoint
from export.decided import write_decided
from export.graph import write_graph
from export.labelled_texts import LabelledText
from export.manifest_file import write_manifest
from export.parity import auroc_of, parity, random_sequences, refuse_auroc_loss, refuse_other_graph, torch_scores
from export.precision import write_fp16, write_int8
from export.probes import DEFAULT_PROBES, load_probes, prove_polarity
from moderation.detector import load_detector
from moderation.detector.manifest import (
    FORMAT_VERSION,
    MANIFEST_FILE,
    Manifest,
    Precision,
    PrecisionFile,
    SpecialTokens,
)
from moderation.detector.sections import CutText, SectionCutter
from moderation.detector.sessions import Runner, cpu_runner
from moderation.errors import InputError

_TOKENIZER = "tokenizer.json"
_PARITY_TEXTS = 256
_WRITERS: dict[Precision, Callable[[Path, Path], object]] = {
    "fp32": lambda fp32, out: shutil.copyfile(fp32, out),
    "fp16": write_fp16,
    "int8": write_int8,
}


@dataclass(frozen=True)
class BundleOrder:
    """What the bundle shall be."""

    name: str
    precisions: tuple[Precision, ...]
    machine_label: str | None = None
    max_tokens: int | None = None
    probes: Path = DEFAULT_PROBES
    texts: tuple[LabelledText, ...] = ()
    texts_are: str = "texts that the exporter was given"
    training: Path | None = None
    notice: Path | None = None
    licence: str = "unstated"
    accept_auroc_loss: bool = False


def write_bundle(source: Path, out: Path, order: BundleOrder) -> Path:
    """Write a bundle of *source* into *out* and load it once as the sidecar will. Returns *out*.

    Raises InputError for a checkpoint, probes or files that cannot be used, BundleError when the finished bundle
    does not pass its own checks. *out* is replaced only by a bundle that is whole.
    """
    if out.exists() and not (out / MANIFEST_FILE).is_file() and any(out.iterdir()):
        raise InputError(f"{out} is not empty and no bundle; name a new directory.")
    checkpoint = load_checkpoint(source, order.machine_label, order.max_tokens)
    probes = load_probes(order.probes, checkpoint)
    prove_polarity(checkpoint, probes)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as folder:
        stage = Path(folder) / "bundle"
        stage.mkdir()
        checkpoint.tokenizer.no_truncation()
        checkpoint.tokenizer.no_padding()
        checkpoint.tokenizer.save(str(stage / _TOKENIZER))
        manifest = Manifest(
            format_version=FORMAT_VERSION,
            name=order.name,
            files={},
            tokenizer=_TOKENIZER,
            precisions=_write_precisions(checkpoint, order, stage),
            max_tokens=checkpoint.max_tokens,
            special_tokens=SpecialTokens(first=checkpoint.first, last=checkpoint.last, pad=checkpoint.pad),
            probes=probes,
            training=_training(order.training),
            licence=order.licence,
        )
        if order.notice is not None:
            shutil.copyfile(order.notice, stage / "NOTICE")
        write_manifest(stage, manifest)
        if order.texts:
            write_decided(stage, manifest, checkpoint.tokenizer, order.texts, order.texts_are)
        load_detector(stage, threads=1)
        shutil.rmtree(out, ignore_errors=True)
        stage.rename(out)
    return out


def _write_precisions(checkpoint: Checkpoint, order: BundleOrder, stage: Path) -> dict[Precision, PrecisionFile]:
    fp32 = stage.parent / "fp32.onnx"
    write_graph(checkpoint, fp32)
    cuts = _cut(checkpoint, order.texts)
    sequences = _parity_sequences(checkpoint, cuts)
    reference = torch_scores(checkpoint, sequences)
    exact = _cpu_runner(fp32, checkpoint, "fp32")
    refuse_other_graph(parity(reference, exact, sequences))
    auroc_of_fp32 = auroc_of(exact, cuts, order.texts)
    files: dict[Precision, PrecisionFile] = {}
    for precision in order.precisions:
        path = stage / f"model.{precision}.onnx"
        _WRITERS[precision](fp32, path)
        runner = _cpu_runner(path, checkpoint, precision)
        auroc = auroc_of_fp32 if precision == "fp32" else auroc_of(runner, cuts, order.texts)
        found = parity(reference, runner, sequences).model_copy(update={"auroc": auroc, "auroc_of_fp32": auroc_of_fp32})
        if not order.accept_auroc_loss:
            refuse_auroc_loss(precision, found)
        files[precision] = PrecisionFile(
            file=path.name, batch_independent=precision != "int8", parity=found, calibration=UNCALIBRATED
        )
    return files


def _cpu_runner(path: Path, checkpoint: Checkpoint, precision: Precision) -> Runner:
    return cpu_runner(path, checkpoint.pad, torch.get_num_threads(), batch_independent=precision != "int8")


def _cut(checkpoint: Checkpoint, texts: Sequence[LabelledText]) -> list[CutText]:
    special = SpecialTokens(first=checkpoint.first, last=checkpoint.last, pad=checkpoint.pad)
    cutter = SectionCutter(checkpoint.tokenizer, special, checkpoint.max_tokens, 65536)
    return [cutter.cut(entry.text) for entry in texts]


def _parity_sequences(checkpoint: Checkpoint, cuts: Sequence[CutText]) -> list[Any]:
    step = max(1, len(cuts) // _PARITY_TEXTS)
    return [cut.sections[0].ids for cut in cuts[::step] if cut.sections] or random_sequences(checkpoint)


def _training(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {"data": "unstated"}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} is no JSON file that tells the training data ({error}).") from error
    if not isinstance(content, dict):
        raise InputError(f"{path} must be a JSON object that tells the training data and recipe.")
    return content
