"""Saves, loads and scores fitted n-grams, the latter with scikit-learn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, diags
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.preprocessing import normalize

from moderation.detector.manifest import NgramUnit
from moderation.detector.ngrams import WORD
from moderation.errors import InputError

NGRAMS_FILE = "ngrams.npz"


@dataclass(frozen=True)
class NgramModel:
    """A logistic regression on the TF-IDF (sublinear TF, L2 norm) of n-grams of 2 to 5 characters or 1 or 2 words."""

    ngrams: NDArray[Any]
    """The units of each n-gram, shorter n-grams first: code points, int32 of shape (n-grams, 5), padded with 0; or
    words, strings of shape (n-grams, 2), padded with ""."""
    idf: NDArray[np.float32]  # (n-grams,)
    weights: NDArray[np.float32]  # (n-grams,)
    bias: float
    max_characters: int
    """Length of the longest text that it was fitted on."""

    @property
    def unit(self) -> NgramUnit:
        """The unit of the n-grams."""
        return "words" if self.ngrams.dtype.kind == "U" else "characters"

    def lengths(self) -> NDArray[np.int64]:
        """Return the number of units of each n-gram, shape (n-grams,)."""
        nothing = self.ngrams.dtype.type()  # 0 or ""
        lengths: NDArray[np.int64] = np.sum(self.ngrams != nothing, axis=1)
        return lengths

    def logits(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Return one logit for each normalised text, from the counts of scikit-learn; about 10⁵ characters a second."""
        lengths = self.lengths()
        counter = CountVectorizer(
            analyzer="char" if self.unit == "characters" else "word",
            token_pattern=WORD,
            ngram_range=(int(lengths.min()), int(lengths.max())),
            lowercase=self.unit == "words",
            vocabulary=self._names(lengths),
            dtype=np.float64,
        )
        counts = csr_matrix(counter.transform(texts))
        counts.data = 1.0 + np.log(counts.data)
        features = normalize(counts @ diags(self.idf.astype(np.float64)))
        logits: NDArray[np.float64] = features @ self.weights.astype(np.float64) + self.bias
        return logits

    def _names(self, lengths: NDArray[np.int64]) -> list[str]:
        units = [ngram[:length] for ngram, length in zip(self.ngrams, lengths, strict=True)]
        return [" ".join(words) for words in units] if self.unit == "words" else ["".join(map(chr, p)) for p in units]


def save_ngrams(model: NgramModel, folder: Path) -> Path:
    """Write *model* into *folder* atomically and return the file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / NGRAMS_FILE
    fresh = path.with_name(f"{path.name}.new")
    with fresh.open("wb") as file:
        np.savez_compressed(file, **asdict(model))
    fresh.replace(path)
    return path


def load_ngrams(folder: Path) -> NgramModel:
    """Return the model that a training run wrote into *folder*. Raises InputError where there is none."""
    path = folder / NGRAMS_FILE
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
            content = {field.name: kept[field.name] for field in fields(NgramModel)}
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise InputError(
            f"{path} is not a file of fitted n-grams ({error}); name a directory that "
            "`moderation detector train --kind ngrams` or `--kind words` wrote."
        ) from error
    whole = {"bias": float(content["bias"]), "max_characters": int(content["max_characters"])}
    return NgramModel(**(content | whole))
