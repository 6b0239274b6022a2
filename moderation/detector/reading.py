"""Computes the logit of a section: by the encoder, the n-grams, or a weighted sum of both."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from moderation.detector.manifest import Precision
from moderation.detector.ngrams import NgramRunner
from moderation.detector.sections import Section
from moderation.detector.sessions import Runner


class Reader(Protocol):
    """Computes a raw fp32 logit for each section, in order and independent of the other sections."""

    precision: Precision | None
    """Precision of the encoder; None without one."""
    where: str
    """Description of the models and the device."""
    provider: str
    """Name of the onnxruntime provider, that of the encoder where there is one."""

    def logits(self, sections: Sequence[Section], spent_s: float) -> NDArray[np.float32]:
        """Return the logits, shape (sections,); *spent_s* seconds of the deadline have passed already."""


class EncoderReader:
    """Runs the encoder on the token ids of a section."""

    def __init__(self, runner: Runner, precision: Precision) -> None:
        self._runner = runner
        self.precision: Precision | None = precision
        self.where = f"{precision} on {runner.where}"
        self.provider = runner.provider

    def logits(self, sections: Sequence[Section], spent_s: float) -> NDArray[np.float32]:
        return self._runner.logits([section.ids for section in sections], spent_s)


class NgramReader:
    """Runs the n-grams on the text of a section."""

    precision: Precision | None = None

    def __init__(self, runner: NgramRunner) -> None:
        self._runner = runner
        self.where = f"{runner.unit.removesuffix('s')} n-grams on {runner.where}"
        self.provider = runner.provider

    def logits(self, sections: Sequence[Section], spent_s: float) -> NDArray[np.float32]:
        return self._runner.logits([self._runner.units_of(section.text) for section in sections], spent_s)


class WeightedReader:
    """Returns the weighted sum of the logits of several readers, and an offset."""

    def __init__(self, parts: Sequence[tuple[float, Reader]], offset: float) -> None:
        self._parts = parts
        self._offset = offset
        self.precision = next((part.precision for _, part in parts if part.precision is not None), None)
        self.where = ", with ".join(part.where for _, part in parts)
        self.provider = parts[0][1].provider

    def logits(self, sections: Sequence[Section], spent_s: float) -> NDArray[np.float32]:
        started_s = time.monotonic()
        total = np.full(len(sections), self._offset, dtype=np.float64)
        for weight, part in self._parts:
            total += weight * part.logits(sections, spent_s + time.monotonic() - started_s)
        return total.astype(np.float32)
