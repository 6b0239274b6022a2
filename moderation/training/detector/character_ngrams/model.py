"""The fitted n-grams as a file, and as scikit-learn computes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, diags
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.preprocessing import normalize

from moderation.errors import InputError
from moderation.training.detector.character_ngrams.counting import LONGEST, SHORTEST

NGRAMS_FILE = "ngrams.npz"


@dataclass(frozen=True)
class NgramModel:
    """A logistic regression on the TF-IDF (sublinear TF, L2 norm) of character n-grams of 2 to 5 characters."""

    ngrams: NDArray[np.int32]
    """Code points of each n-gram, shape (n-grams, 5), zeros after the last; shorter n-grams first."""
    idf: NDArray[np.float32]  # (n-grams,)
    weights: NDArray[np.float32]  # (n-grams,)
    bias: float
    max_characters: int
    """The longest piece of text that it was fitted on."""

    def logits(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Return one logit for each normalised text, from scikit-learn's own counts; 10⁵ characters a second or so."""
        counter = CountVectorizer(
            analyzer="char",
            ngram_range=(SHORTEST, LONGEST),
            lowercase=False,
            vocabulary=self._names(),
            dtype=np.float64,
        )
        counts = csr_matrix(counter.transform(texts))
        counts.data = 1.0 + np.log(counts.data)
        features = normalize(counts @ diags(self.idf.astype(np.float64)))
        logits: NDArray[np.float64] = features @ self.weights.astype(np.float64) + self.bias
        return logits

    def _names(self) -> list[str]:
        return ["".join(map(chr, points[points > 0])) for points in self.ngrams]


def save_ngrams(model: NgramModel, folder: Path) -> Path:
    """Write *model* into *folder*, in one step, and return the file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / NGRAMS_FILE
    fresh = path.with_name(f"{path.name}.new")
    with fresh.open("wb") as file:
        np.savez_compressed(file, **asdict(model))
    fresh.replace(path)
    return path


def load_ngrams(folder: Path) -> NgramModel:
    """Return the model that a training run left in *folder*. Raises InputError where there is none."""
    path = folder / NGRAMS_FILE
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
            content = {field.name: kept[field.name] for field in fields(NgramModel)}
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise InputError(
            f"{path} is no file of fitted n-grams ({error}); name a folder that "
            "`moderation detector train --kind ngrams` wrote."
        ) from error
    whole = {"bias": float(content["bias"]), "max_characters": int(content["max_characters"])}
    return NgramModel(**(content | whole))
