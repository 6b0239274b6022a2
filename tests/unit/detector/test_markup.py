"""Links, mentions, hashtags and markup do not move the score of a text by their presence."""

from __future__ import annotations

import numpy as np
import pytest

from moderation.detector import Detector, load_detector
from moderation.lab.evaluation.detector.markup import CHANGES

TEXTS = (
    "Does anybody in this group know a good place to repair an old bicycle? The chain keeps slipping.",
    "We moved the whole garden over in one weekend, and my back will never forgive me for it.",
    "I have learned English for two years. In the beginning it was difficult to understand the people.",
    "The council will close the bridge on Monday; buses will stop at the market instead of the station.",
    "Thank you for reaching out. Please reply with a photo of the item so that we can process your refund.",
    "It is important to note that there are several factors to consider when choosing a solution.",
    "In conclusion, a balanced diet and regular exercise are essential for maintaining good health.",
    "By embracing innovation and fostering collaboration, teams can unlock new opportunities for growth.",
)
LARGEST = 0.3
"""In log-odds."""


@pytest.fixture(scope="module")
def detector() -> Detector:
    return load_detector(threads=2)


@pytest.mark.parametrize("change", CHANGES)
def test_shipped_detector_markup_added_score_stays(detector: Detector, change: str) -> None:
    before = np.array([score.logit for score in detector.score(TEXTS)])
    after = np.array([score.logit for score in detector.score([CHANGES[change](text) for text in TEXTS])])
    assert np.abs(after - before).max() <= LARGEST
