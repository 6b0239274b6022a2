"""The training run of the n-gram detector: minutes on one core, in memory, the same for the same rows and seed."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moderation.detector.manifest import NgramUnit
from moderation.detector.windows import windows
from moderation.errors import InputError
from moderation.lab.checkpoints.ngrams import NgramModel, save_ngrams
from moderation.lab.detector.balanced import BalancedRegression, fit_regression
from moderation.lab.detector.ngrams.counting import Vocabulary, commonest_ngrams
from moderation.lab.detector.ngrams.crops import MAX_CHARACTERS, whole_and_crop
from moderation.lab.detector.validation import within_source
from moderation.lab.textdata.partition import load_training_rows
from moderation.lab.textdata.rows import TextRow
from moderation.lab.textdata.slices import in_validation, validation_sample
from moderation.text import normalise

_LOG = "log.jsonl"

Figures = dict[str, dict[str, Any]]
Report = Callable[[str], object]
"""Called with a description of each step."""


@dataclass(frozen=True)
class NgramPlan:
    """Everything that decides what a run computes."""

    unit: NgramUnit = "characters"
    # On the validation slice 200 000 were no better (mean AUROC within sources .818 against .819), and this many keep
    # the graph under 3 MB in fp32 and 200 characters at 0.3 ms.
    most_ngrams: int = 130_000
    # What stands in fewer texts says more about who wrote them than about what did.
    least_texts: int = 10
    seed: int = 1
    validation_per_stratum: int = 520
    all_rows: bool = False
    """Whether rows whose licence forbids weights are read too: for measuring only."""


def train_ngrams(
    data_dir: Path,
    out: Path,
    plan: NgramPlan,
    report: Report,
    data_manifest: Path | None = None,
) -> Figures:
    """Fit on part A of *data_dir* into ``out/ngrams.npz`` and return the figures within each source held out.

    The rows are those that the encoder is trained on. *data_manifest* names other data than the package does. Raises
    InputError for data that cannot be used.
    """
    report("reading and cutting the data")
    rows = load_training_rows(data_dir, data_manifest, all_rows=plan.all_rows)
    held_out = validation_sample(rows, plan.validation_per_stratum)
    return train_ngrams_on([row for row in rows if not in_validation(row)], held_out, out, plan, report)


def train_ngrams_on(
    rows: Sequence[TextRow], held_out: Sequence[TextRow], out: Path, plan: NgramPlan, report: Report
) -> Figures:
    """Fit on *rows* into ``out/ngrams.npz``; the figures on *held_out* go to ``out/log.jsonl`` and choose nothing.

    Raises InputError where the rows have one label only or too few texts for a vocabulary.
    """
    if {row.label for row in rows} != {0, 1}:
        raise InputError("The n-grams need texts of people and of machines to be fitted on; use data with both labels.")
    report(f"normalising and cropping {len(rows)} texts")
    crops = [crop for row in rows for crop in whole_and_crop(row, plan.seed)]
    report(f"choosing the n-grams of {plan.unit}")
    # Every second one is a text's beginning: a text counts once for how common an n-gram is.
    vocabulary = commonest_ngrams([crop.text for crop in crops[::2]], plan.unit, plan.most_ngrams, plan.least_texts)
    if not len(vocabulary.keys):
        raise InputError(f"No n-gram stands in {plan.least_texts} texts: there are too few texts to fit on.")
    report(f"fitting {len(vocabulary.keys)} n-grams on {len(crops)} texts and crops")
    fitted = fit_regression(crops, vocabulary.counts(crop.text for crop in crops))
    figures = within_source(held_out, _logits_of(fitted, vocabulary, [row.text for row in held_out]))
    save_ngrams(
        NgramModel(
            ngrams=vocabulary.ngrams(),
            idf=np.asarray(fitted.weighting.idf_, dtype=np.float32),
            weights=np.asarray(fitted.regression.coef_[0], dtype=np.float32),
            bias=float(fitted.regression.intercept_[0]),
            max_characters=MAX_CHARACTERS,
        ),
        out,
    )
    counted = {"texts": len(rows), "ngrams": len(vocabulary.keys), "unit": plan.unit, "seed": plan.seed}
    entry = {**counted, "validation": figures}
    (out / _LOG).write_text(json.dumps(entry) + "\n", encoding="utf-8")
    return figures


def _logits_of(fitted: BalancedRegression, vocabulary: Vocabulary, texts: Sequence[str]) -> NDArray[np.float32]:
    """One logit per text, the mean of its sections weighted by their characters; NaN for an empty text."""
    logits = np.full(len(texts), np.nan, dtype=np.float32)
    for place, text in enumerate(map(normalise, texts)):
        spans = windows(len(text), MAX_CHARACTERS)
        if spans:
            scores = fitted.logits(vocabulary.counts(text[begin:end] for begin, end in spans))
            logits[place] = np.average(scores, weights=[end - begin for begin, end in spans])
    return logits
