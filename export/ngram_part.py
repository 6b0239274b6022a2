"""The n-grams of a training run as a part of a bundle: graph, parity, polarity, weights beside an encoder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from export.ngram_graph import write_ngram_graph
from export.parity import parity
from export.probes import read_probes
from moderation.detector.manifest import NgramFile, Probe
from moderation.detector.ngrams import NgramRunner
from moderation.detector.sections import CharacterCutter
from moderation.errors import InputError
from moderation.lab.checkpoints.ngrams import load_ngrams
from moderation.lab.metrics.auroc import auroc
from moderation.text import normalise

_FILE = "ngrams.onnx"
_ENOUGH_OF_A_SIDE = 50
_MAX_TEXT_BYTES = 65536


def write_ngrams(run: Path, stage: Path, texts: Sequence[str]) -> tuple[NgramFile, NgramRunner]:
    """Write the n-grams of *run* into *stage*; return their part of the manifest and a runner.

    The part weighs them alone. Parity is measured on the first section of each of *texts*.
    """
    model = load_ngrams(run)
    path = stage / _FILE
    write_ngram_graph(model, path)
    runner = NgramRunner(path, model.unit, None)
    cutter = CharacterCutter(model.max_characters, _MAX_TEXT_BYTES)
    sections = [cut.sections[0] for cut in map(cutter.cut, texts) if cut.sections]
    reference = model.logits([section.text for section in sections]).astype(np.float32)
    found = parity(reference, runner, [runner.units_of(section.text) for section in sections])
    part = NgramFile(
        file=_FILE,
        unit=model.unit,
        weight_encoder=0.0,
        weight_ngrams=1.0,
        offset=0.0,
        max_characters=model.max_characters,
        parity=found,
    )
    return part, runner


def character_probes(path: Path, part: NgramFile, runner: NgramRunner) -> tuple[Probe, ...]:
    """Return the probes of *path* with their code points, proved by the n-grams alone. Raises InputError."""
    cutter = CharacterCutter(part.max_characters, _MAX_TEXT_BYTES)
    entries = read_probes(path)
    scores = ngram_logits(runner, [normalise(text)[: part.max_characters] for text, _ in entries])
    human = max(float(score) for score, (_, label) in zip(scores, entries, strict=True) if label == 0)
    machine = min(float(score) for score, (_, label) in zip(scores, entries, strict=True) if label == 1)
    if not machine > human:
        raise InputError(
            f"The probes contradict these n-grams: a human text scores {human:.3f}, a machine text {machine:.3f}. "
            "Give longer texts, of the domain they were fitted on, with --probes."
        )
    return tuple(Probe(text=text, label=1 if label else 0, token_ids=cutter.token_ids(text)) for text, label in entries)


def prove_on_texts(logits: NDArray[np.floating], labels: NDArray[np.int64]) -> None:
    """Raise InputError unless the n-grams have an AUROC above 0.5 on the held-out texts."""
    if len(set(labels.tolist())) == 2 and not auroc(logits[labels == 0], logits[labels == 1]) > 0.5:
        raise InputError(
            "On the texts of --texts these n-grams point the wrong way or nowhere (AUROC at most 0.5): check the "
            "labels there, or train the n-grams again."
        )


def ngram_logits(runner: NgramRunner, pieces: Sequence[str]) -> NDArray[np.float64]:
    """Return the n-grams' logit for each piece of normalised text."""
    return runner.logits([runner.units_of(piece) for piece in pieces]).astype(np.float64)


def weights_beside(
    encoder: NDArray[np.float64], ngrams: NDArray[np.float64], labels: NDArray[np.int64], share: float
) -> tuple[float, float]:
    """Return the weights of encoder and n-grams that give the n-grams the weight *share*, at the encoder's scale.

    Each is divided by its standard deviation over the texts, both labels counting alike, and the weighted mean of the
    two is brought to the standard deviation of the encoder. Nothing is fitted to the labels: a regression would follow
    the sources that the texts come from, which both were trained on. Where both logits are 0 the mean is 0. Raises
    InputError for too few texts or logits that are all the same.
    """
    counts = np.bincount(labels, minlength=2)
    if counts.min() < _ENOUGH_OF_A_SIDE:
        raise InputError(
            f"The weights of encoder and n-grams need {_ENOUGH_OF_A_SIDE} texts of people and of machines, outside the "
            f"training data; --texts gave {counts[0]} and {counts[1]}."
        )
    balance = 1.0 / counts[labels]
    spreads = [_spread(logits, balance) for logits in (encoder, ngrams)]
    if min(spreads) == 0.0:
        raise InputError("The encoder or the n-grams give all texts of --texts one logit; they cannot be weighed.")
    mean = (1 - share) * encoder / spreads[0] + share * ngrams / spreads[1]
    scale = spreads[0] / (_spread(mean, balance) or 1.0)
    return float(scale * (1 - share) / spreads[0]), float(scale * share / spreads[1])


def _spread(logits: NDArray[np.float64], balance: NDArray[np.float64]) -> float:
    centre = np.average(logits, weights=balance)
    return float(np.sqrt(np.average((logits - centre) ** 2, weights=balance)))
