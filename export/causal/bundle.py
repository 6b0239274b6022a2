"""The whole way from a causal checkpoint to a companion's bundle directory."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from export.causal.blockwise import write_blockwise_int8
from export.causal.checkpoint import CausalCheckpoint, load_causal
from export.causal.graph import write_graph
from export.causal.parity import companion_parity, parity_texts, torch_expectations
from export.causal.shared_table import write_int8_with_one_table
from export.causal.smoothing import smoothed
from export.manifest_file import write_manifest
from export.place import check_place, room_beside
from moderation.detector.companion import load_companion
from moderation.detector.companion.companion import probe_log_probabilities
from moderation.detector.companion.manifest import (
    COMPANION,
    KIND,
    CompanionFile,
    CompanionManifest,
    CompanionPrecision,
    CompanionProbe,
    FirstToken,
    format_with,
)
from moderation.detector.companion.reading import MOST_WINDOWS, TextReader
from moderation.detector.companion.session import ExpectationRunner
from moderation.directories import replace_directory
from moderation.errors import InputError

DEFAULT_MAX_TOKENS = 254
_TOKENIZER = "tokenizer.json"
_MOST_BYTES = 65536
# In nats per token. Processors differ in the last digits of int8 sums; another tokenizer differs by whole nats.
_PROBE_TOLERANCE = 0.05
_WRITERS: dict[CompanionPrecision, Callable[[Path, Path], object]] = {
    "fp32": lambda fp32, out: shutil.copyfile(fp32, out),
    "int8": write_blockwise_int8,
    "int8-dynamic": write_int8_with_one_table,
}


@dataclass(frozen=True)
class CompanionOrder:
    """What the bundle shall be; the first two *texts* become its probes."""

    name: str
    precisions: tuple[CompanionPrecision, ...]
    max_tokens: int = DEFAULT_MAX_TOKENS
    most_windows: int = MOST_WINDOWS
    licence: str = "unstated"
    notice: Path | None = None
    texts: tuple[str, ...] = ()
    """For parity and probes; sixty of our own when there are none."""


def write_companion(source: Path, out: Path, order: CompanionOrder) -> Path:
    """Write a companion of *source* into *out* and load it once as it will be used. Returns *out*.

    Raises InputError for a checkpoint or files that cannot be used, BundleError when the finished bundle does not
    pass its own checks. *out* is replaced only by a bundle that is whole.
    """
    check_place(out, COMPANION)
    if order.notice is not None and not order.notice.is_file():
        raise InputError(f"There is no notice at {order.notice}; name a file.")
    checkpoint = load_causal(source, order.max_tokens)
    with room_beside(out) as folder:
        stage = Path(folder) / "bundle"
        stage.mkdir()
        checkpoint.tokenizer.save(str(stage / _TOKENIZER))
        texts = order.texts or parity_texts()
        reader = TextReader(checkpoint.tokenizer, checkpoint.first_id, checkpoint.max_tokens, _MOST_BYTES)
        probes = tuple(CompanionProbe(text=text, token_ids=reader.token_ids(text)) for text in texts[:2])
        manifest = CompanionManifest(
            format_version=format_with(order.most_windows, order.precisions),
            kind=KIND,
            name=order.name,
            files={},
            tokenizer=_TOKENIZER,
            precisions=_write_precisions(checkpoint, reader, texts, order, stage),
            first_token=FirstToken(name=checkpoint.first_token, id=checkpoint.first_id),
            max_tokens=checkpoint.max_tokens,
            most_windows=order.most_windows,
            vocabulary=checkpoint.vocabulary,
            family=checkpoint.family,
            licence=order.licence,
            probes=probes,
            probe_tolerance=_PROBE_TOLERANCE,
        )
        if order.notice is not None:
            shutil.copyfile(order.notice, stage / "NOTICE")
        write_manifest(stage, manifest)
        load_companion(stage, threads=1)
        replace_directory(stage, out)
    return out


def _write_precisions(
    checkpoint: CausalCheckpoint, reader: TextReader, texts: tuple[str, ...], order: CompanionOrder, stage: Path
) -> dict[CompanionPrecision, CompanionFile]:
    sequences = [text.windows[0].ids for text in map(reader.read, texts) if text.windows]
    if len(sequences) < len(texts[:2]):
        raise InputError("Texts for parity and probes must have four tokens each; give longer ones.")
    fp32 = stage.parent / "fp32.onnx"
    write_graph(checkpoint, fp32)
    reference = torch_expectations(checkpoint, sequences)
    files: dict[CompanionPrecision, CompanionFile] = {}
    for precision in order.precisions:
        path = stage / f"model.{precision}.onnx"
        graph = fp32
        if precision == "int8-dynamic":
            graph = stage.parent / "smoothed.onnx"
            # Every other text, so that half of those for parity have decided nothing.
            write_graph(replace(checkpoint, network=smoothed(checkpoint.network, sequences[::2])), graph)
        _WRITERS[precision](graph, path)
        runner = ExpectationRunner(path, torch.get_num_threads())
        files[precision] = CompanionFile(
            file=path.name,
            parity=companion_parity(reference, runner, sequences),
            probe_log_probabilities=tuple(probe_log_probabilities(runner, reader, texts[:2])),
        )
    return files
