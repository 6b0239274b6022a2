"""How far the scores of texts have moved: the audit sample of this week beside that of the weeks before, by stratum."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Engine, select

from connectors.reviewdb.engine import at_edge
from connectors.reviewdb.models import AssessmentRow, AuditSampleRow
from connectors.reviewdb.statements import table_of

ASSESSMENTS, SAMPLES = table_of(AssessmentRow), table_of(AuditSampleRow)
CURRENT, REFERENCE = timedelta(days=7), timedelta(days=35)
"""The sample of the last week is compared with that of the four weeks before it."""
LEAST = 200
"""Posts that each of the two samples must have; with fewer the index is large by chance."""
LARGE_DRIFT = 0.25
"""From here on the scores are of another kind (Siddiqi)."""
BINS = 10
MOST = 200_000
"""Posts that are read, the latest ones."""


class Drift(NamedTuple):
    """The population stability index of a stratum: below 0.1 is small, above 0.25 the scores are of another kind."""

    stratum: str
    psi: float
    current: int
    """Posts of the last week."""
    reference: int


def score_drift(engine: Engine, now: datetime) -> list[Drift]:
    """Return the drift of each stratum with enough posts, the largest first. Raises ConnectionLost.

    Only posts without a flag, and only of the detector of the latest post: scores of two detectors do not compare.
    """
    with at_edge(engine), engine.connect().execution_options(reading=True) as connection:
        rows = _samples(connection, now)
    parts: dict[str, tuple[list[float], list[float]]] = defaultdict(lambda: ([], []))
    for stratum, logit, drawn_at in rows:
        parts[stratum][drawn_at < now - CURRENT].append(np.nan if logit is None else logit)
    found = [
        Drift(stratum, stability_index(np.array(before), np.array(current)), len(current), len(before))
        for stratum, (current, before) in parts.items()
        if min(len(current), len(before)) >= LEAST
    ]
    return sorted(found, key=lambda one: (-one.psi, one.stratum))


def _samples(connection: Connection, now: datetime) -> Sequence[tuple[str, float | None, datetime]]:
    query = select(SAMPLES.c.stratum, ASSESSMENTS.c.synthetic_logit, SAMPLES.c.drawn_at, ASSESSMENTS.c.detector_version)
    query = query.join(ASSESSMENTS, ASSESSMENTS.c.key == SAMPLES.c.assessment_key)
    query = query.where(SAMPLES.c.drawn_at >= now - REFERENCE, ~ASSESSMENTS.c.flagged)
    rows = connection.execute(query.order_by(SAMPLES.c.drawn_at.desc()).limit(MOST)).all()
    return [(row[0], row[1], row[2]) for row in rows if row[3] == rows[0][3]]


def stability_index(reference: NDArray[np.float64], current: NDArray[np.float64]) -> float:
    """Return the population stability index of two samples, over tenths of the reference and a bin for missing scores.

    Source: Siddiqi, "Credit Risk Scorecards" (2006), chapter 9. Half a post is added to each bin, so that an empty one
    gives a finite index.
    """
    known = reference[~np.isnan(reference)]
    edges = np.unique(np.quantile(known, np.arange(1, BINS) / BINS)) if len(known) else np.zeros(0)

    def shares(values: NDArray[np.float64]) -> NDArray[np.float64]:
        missing = np.isnan(values)
        counts = np.bincount(np.searchsorted(edges, values[~missing], side="right"), minlength=len(edges) + 1)
        padded = np.append(counts, missing.sum()) + 0.5
        return np.asarray(padded / padded.sum(), dtype=np.float64)

    before, after = shares(reference), shares(current)
    return float(np.sum((after - before) * np.log(after / before)))
