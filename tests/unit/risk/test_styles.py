"""An evaluation rewrites the texts of campaigns, and only these."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from moderation.lab.attacks import attack_named
from moderation.lab.evaluation.risk.styles import campaigns_written_as
from moderation.lab.risk.collecting import collect
from moderation.lab.risk.texts import RiskTexts
from moderation.lab.simulation import SimulationConfig


def test_every_text_of_a_campaign_is_rewritten_and_people_keep_theirs(trained_here: tuple[Path, RiskTexts]) -> None:
    config = SimulationConfig(seed=5, accounts=60, campaign_share=0.4, name="styles")
    before = collect(config, trained_here[1].pools["test"])
    after = campaigns_written_as("all_capitals", before)
    of_people = before.genuine[before.account]
    assert 0 < of_people.sum() < len(of_people)
    change = attack_named("all_capitals")
    for person, old, new in zip(of_people.tolist(), before.text.tolist(), after.text.tolist(), strict=True):
        text = before.texts[old]
        assert after.texts[new] == (text if person else change.apply(text, 0))
    assert np.array_equal(before.features, after.features, equal_nan=True)
