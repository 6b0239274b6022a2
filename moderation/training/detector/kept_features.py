"""A companion's figures of texts, kept in a file: folds share texts, and computing them is the slow part."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from moderation.detector.companion import FEATURES, Companion
from moderation.detector.remembered import content_key

_TEXTS_AT_A_TIME = 16


class KeptFeatures:
    """The figures of texts by the text's hash, in a file of the companion's own in *folder*.

    A line for each text is added when some have been computed, so an interruption costs a few texts.
    """

    def __init__(self, companion: Companion, folder: Path) -> None:
        self._companion = companion
        self._file = folder / f"companion-{companion.manifest_hash}.jsonl"
        self._known = _read(self._file)

    def of(self, texts: Sequence[str], advance: Callable[[int], None] = lambda _texts: None) -> NDArray[np.float64]:
        """Return shape (texts, FEATURES), NaN where the companion abstains; *advance* is told of texts done."""
        keys = [content_key(text).hex() for text in texts]
        fresh = [(key, text) for key, text in dict(zip(keys, texts, strict=True)).items() if key not in self._known]
        advance(len(texts) - len(fresh))
        for begin in range(0, len(fresh), _TEXTS_AT_A_TIME):
            some = fresh[begin : begin + _TEXTS_AT_A_TIME]
            self._compute(some)
            advance(len(some))
        return np.array([self._known[key] for key in keys], dtype=np.float64).reshape(len(keys), len(FEATURES))

    def _compute(self, fresh: Sequence[tuple[str, str]]) -> None:
        scores = self._companion.score([text for _, text in fresh])
        found = {
            key: [float(getattr(score.features, name)) for name in FEATURES]
            for (key, _), score in zip(fresh, scores, strict=True)
        }
        self._known |= found
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._file.open("a", encoding="ascii") as file:
            # The first line break ends a line that an interruption left half written.
            file.write("\n" + "".join(f"{json.dumps([key, values])}\n" for key, values in found.items()))


def _read(path: Path) -> dict[str, list[float]]:
    """The figures in *path* by hash; a line that is half written or of another shape is passed over."""
    known: dict[str, list[float]] = {}
    if not path.is_file():
        return known
    for line in path.read_text(encoding="ascii", errors="replace").splitlines():
        try:
            key, values = json.loads(line)
            if len(values) == len(FEATURES):
                known[str(key)] = [float(value) for value in values]
        except (ValueError, TypeError):
            continue
    return known
