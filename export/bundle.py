"""The whole way from a checkpoint directory to a bundle directory."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from export.calibrate import UNCALIBRATED
from export.checkpoint import Checkpoint, load_checkpoint
from export.decided import write_decided
from export.graph import write_graph
from export.labelled_texts import LabelledText
from export.manifest_file import write_manifest
from export.ngram_part import character_probes, ngram_logits, prove_on_texts, weights_beside, write_ngrams
from export.parity import auroc_of, parity, random_sequences, refuse_auroc_loss, refuse_other_graph, torch_scores
from export.place import check_place
from export.precision import write_fp16, write_int8
from export.probes import DEFAULT_PROBES, load_probes, prove_polarity, read_probes
from export.shipped_parity import with_shipped_parity
from moderation.detector import load_detector
from moderation.detector.manifest import (
    DETECTOR,
    FORMAT_VERSION,
    Manifest,
    NgramFile,
    Precision,
    PrecisionFile,
    SpecialTokens,
)
from moderation.detector.sections import CutText, SectionCutter
from moderation.detector.sessions import Runner, cpu_runner
from moderation.directories import replace_directory, room_beside
from moderation.errors import InputError
from moderation.lab.checkpoints.ngrams import NGRAMS_FILE
from moderation.text import normalise

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
    ngrams: Path | None = None
    """The training run of n-grams that read beside the encoder."""
    ngrams_share: float = 0.5
    """Their weight, above 0 and below 1."""
    texts_are: str = "texts that the exporter was given"
    training: Path | None = None
    notice: Path | None = None
    licence: str = "unstated"
    accept_auroc_loss: bool = False


def write_bundle(source: Path, out: Path, order: BundleOrder) -> Path:
    """Write a bundle of *source* into *out* and load it once as the sidecar will. Returns *out*.

    A *source* that is a training run of n-grams becomes a bundle of them alone, which needs no encoder.
    Raises InputError for a checkpoint, a run, probes or files that cannot be used, BundleError when the finished bundle
    does not pass its own checks. *out* is replaced only by a bundle that is whole.
    """
    check_place(out, DETECTOR)
    if order.notice is not None and not order.notice.is_file():
        raise InputError(f"There is no notice at {order.notice}; name a file.")
    draft = _ngrams_alone if (source / NGRAMS_FILE).is_file() else _with_encoder
    with room_beside(out) as folder:
        stage = Path(folder) / "bundle"
        stage.mkdir()
        manifest = draft(source, order, stage)
        if order.notice is not None:
            shutil.copyfile(order.notice, stage / "NOTICE")
        write_manifest(stage, manifest)
        if order.texts:
            manifest = write_decided(stage, manifest, order.texts, order.texts_are)
            if manifest.precisions:
                write_manifest(stage, with_shipped_parity(stage, manifest, _fp32_beside(stage), order.texts))
        load_detector(stage, threads=1)
        replace_directory(stage, out)
    return out


def _with_encoder(source: Path, order: BundleOrder, stage: Path) -> Manifest:
    if order.ngrams is not None and not order.texts:
        raise InputError(
            "--ngrams needs --texts: the weights of encoder and n-grams are chosen on labelled texts that neither was "
            "trained on (`moderation detector heldout` writes some)."
        )
    checkpoint = load_checkpoint(source, order.machine_label, order.max_tokens)
    probes = load_probes(order.probes, checkpoint)
    prove_polarity(checkpoint, probes)
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
    if order.ngrams is None:
        return manifest
    write_manifest(stage, manifest)
    beside = _ngrams_beside(order.ngrams, order, stage)
    return manifest.model_copy(update={"ngrams": beside})


def _ngrams_beside(run: Path, order: BundleOrder, stage: Path) -> NgramFile:
    """Weigh the n-grams of *run* against the encoder of the staged bundle, on one section of each text."""
    scores = load_detector(stage).score([entry.text for entry in order.texts])
    kept = [
        (normalise(entry.text)[score.sections[0].start : score.sections[0].end], score.sections[0].logit, entry.label)
        for score, entry in zip(scores, order.texts, strict=True)
        if score.sections and not score.truncated
    ]
    pieces = [piece for piece, _, _ in kept]
    labels = np.array([label for _, _, label in kept], dtype=np.int64)
    part, runner = write_ngrams(run, stage, pieces[:: _every(pieces)])
    ngrams = ngram_logits(runner, pieces)
    prove_on_texts(ngrams, labels)
    logits = np.array([logit for _, logit, _ in kept])
    encoder, beside = weights_beside(logits, ngrams, labels, order.ngrams_share)
    return part.model_copy(update={"weight_encoder": encoder, "weight_ngrams": beside})


def _ngrams_alone(source: Path, order: BundleOrder, stage: Path) -> Manifest:
    if order.ngrams is not None or order.machine_label is not None or order.max_tokens is not None:
        raise InputError(
            f"{source} has n-grams and no encoder, so --ngrams, --machine-label and --max-tokens have no "
            "meaning; leave them out, or name the encoder's checkpoint first."
        )
    texts = [entry.text for entry in order.texts] or [text for text, _ in read_probes(order.probes)]
    part, runner = write_ngrams(source, stage, texts[:: _every(texts)])
    probes = character_probes(order.probes, part, runner)
    if order.texts:
        pieces = [normalise(entry.text)[: part.max_characters] for entry in order.texts]
        prove_on_texts(ngram_logits(runner, pieces), np.array([entry.label for entry in order.texts], dtype=np.int64))
    return Manifest(
        format_version=FORMAT_VERSION,
        name=order.name,
        files={},
        tokenizer=None,
        precisions={},
        ngrams=part.model_copy(update={"calibration": UNCALIBRATED}),
        probes=probes,
        training=_training(order.training),
        licence=order.licence,
    )


def _fp32_beside(stage: Path) -> Path:
    """Where the graph lies that every precision is made of; it is no part of the bundle."""
    return stage.parent / "fp32.onnx"


def _every(texts: Sequence[object]) -> int:
    return max(1, len(texts) // _PARITY_TEXTS)


def _write_precisions(checkpoint: Checkpoint, order: BundleOrder, stage: Path) -> dict[Precision, PrecisionFile]:
    fp32 = _fp32_beside(stage)
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
    return [cut.sections[0].ids for cut in cuts[:: _every(cuts)] if cut.sections] or random_sequences(checkpoint)


def _training(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {"data": "unstated"}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} is no JSON file that describes the training data ({error}).") from error
    if not isinstance(content, dict):
        raise InputError(f"{path} must be a JSON object that describes the training data and recipe.")
    return content
