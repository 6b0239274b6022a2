"""The baseline: word 1–2-gram TF-IDF with logistic regression."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from moderation.lab.textdata.rows import TextRow
from moderation.text import normalise


def baseline_scores(train: Sequence[TextRow], texts: Sequence[str]) -> NDArray[np.float64]:
    """Return the logits of *texts*, shape (texts,), from the baseline fitted on the normalised rows of *train*."""
    return fit_baseline(train)(texts)


def fit_baseline(train: Sequence[TextRow]) -> Callable[[Sequence[str]], NDArray[np.float64]]:
    """Return the baseline fitted on the rows of *train* as a function from texts to logits."""
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2, dtype=np.float32)
    features = vectorizer.fit_transform([normalise(row.text) for row in train])
    model = LogisticRegression(solver="liblinear", C=1.0, random_state=0).fit(features, [row.label for row in train])

    def score(texts: Sequence[str]) -> NDArray[np.float64]:
        logits: NDArray[np.float64] = model.decision_function(vectorizer.transform([normalise(text) for text in texts]))
        return logits

    return score
