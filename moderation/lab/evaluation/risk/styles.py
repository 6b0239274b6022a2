"""Rewrites the texts of campaigns in other styles, such as the English of learners."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from moderation.lab.attacks import attack_named
from moderation.lab.risk.collecting import CollectedPosts
from moderation.risk.gate import CONTENT
from moderation.risk.model import BundledRiskModel

STYLES = ("learner_english", "literal_translation", "autocorrected")
"""Names of changes (docs/attacks.md): of learners, of translations word by word, and of careful writing."""


def campaigns_written_as(style: str, collected: CollectedPosts) -> CollectedPosts:
    """Return the posts with every text of a campaign changed; features and the texts of genuine accounts stay."""
    change = attack_named(style)
    of_campaigns = ~collected.genuine[collected.account] & collected.counted
    numbers = np.unique(collected.text[of_campaigns])
    texts = collected.texts + tuple(change.apply(collected.texts[number], 0) for number in numbers.tolist())
    place = np.arange(len(collected.texts))
    place[numbers] = len(collected.texts) + np.arange(len(numbers))
    return replace(collected, texts=texts, text=np.where(of_campaigns, place[collected.text], collected.text))


def compared_with_all_people(model: BundledRiskModel) -> BundledRiskModel:
    """Return the model without the references of groups of writers: texts are compared with those of all people."""
    everyone = {"genuine": model.references[CONTENT]["genuine"]}
    return replace(model, references={**model.references, CONTENT: everyone})
