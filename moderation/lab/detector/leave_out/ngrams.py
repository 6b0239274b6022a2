"""Candidates that fit a logistic regression on n-gram counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, vstack
from sklearn.feature_extraction.text import HashingVectorizer

from moderation.lab.detector.balanced import REGRESSION, fit_regression
from moderation.lab.detector.baseline import fit_baseline
from moderation.lab.detector.leave_out.candidates import Scorer
from moderation.lab.textdata.rows import TextRow
from moderation.text import normalise

_FEATURES = 2**20
BALANCED = f"hashed to {_FEATURES} features, {REGRESSION}"


class Words:
    """The baseline."""

    description = training = "word 1-2-gram TF-IDF with logistic regression (liblinear, C 1.0)"

    def fit(self, rows: Sequence[TextRow], _folder: Path, /) -> Scorer:
        """Return the baseline fitted on *rows*."""
        return fit_baseline(rows)


class BalancedNgrams:
    """Hashed n-grams of normalised texts; every source and label has a similar weight.

    The counts of a text are cached, because they are the same in every fold.
    """

    def __init__(self, vectorizer: HashingVectorizer, what: str) -> None:
        self.description = self.training = f"{what} {BALANCED}"
        self._vectorizer = vectorizer
        self._places: dict[str, int] = {}
        self._counts: csr_matrix | None = None

    def fit(self, rows: Sequence[TextRow], _folder: Path, /) -> Scorer:
        """Return a scorer fitted on *rows*."""
        return fit_balanced(rows, self._counts_of)

    def _counts_of(self, texts: Sequence[str]) -> csr_matrix:
        fresh = [text for text in dict.fromkeys(texts) if text not in self._places]
        if fresh:
            counts = self._vectorizer.transform([normalise(text) for text in fresh])
            self._counts = counts if self._counts is None else vstack([self._counts, counts], format="csr")
            self._places.update(zip(fresh, count(len(self._places)), strict=False))
        return self._counts[[self._places[text] for text in texts]]  # type: ignore[index]


def balanced_words() -> BalancedNgrams:
    """Return the candidate of word 1-2-grams."""
    return BalancedNgrams(_counter(analyzer="word", ngram_range=(1, 2), lowercase=True), "word 1-2-grams")


def balanced_characters() -> BalancedNgrams:
    """Return the candidate of character 2-5-grams."""
    return BalancedNgrams(_counter(analyzer="char", ngram_range=(2, 5), lowercase=False), "character 2-5-grams")


def fit_balanced(rows: Sequence[TextRow], counts_of: Callable[[Sequence[str]], csr_matrix]) -> Scorer:
    """Return a scorer: logistic regression on the TF-IDF of *counts_of* texts, similar weights of source and label."""
    fitted = fit_regression(rows, counts_of([row.text for row in rows]))

    def score(texts: Sequence[str]) -> NDArray[np.float64]:
        return fitted.logits(counts_of(texts))

    return score


def _counter(**options: Any) -> HashingVectorizer:
    return HashingVectorizer(n_features=_FEATURES, alternate_sign=False, norm=None, dtype=np.float32, **options)
