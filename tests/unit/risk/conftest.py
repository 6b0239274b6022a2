"""One bundle trained for all tests of the risk model, and the shipped one."""

from __future__ import annotations

from pathlib import Path

import pytest

from moderation.features import FEATURES
from moderation.lab.risk.texts import RiskTexts
from moderation.risk.bundle import SHIPPED, read_bundle
from moderation.risk.model import BundledRiskModel
from tests.unit.risk.trained import train_here


@pytest.fixture(scope="session")
def trained_here(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, RiskTexts]:
    """Directory of a bundle trained on made-up texts, with the texts by role."""
    return train_here(tmp_path_factory.mktemp("risk"))


@pytest.fixture(params=[SHIPPED, None], ids=["shipped", "trained here"])
def model(request: pytest.FixtureRequest, trained_here: tuple[Path, RiskTexts]) -> BundledRiskModel:
    """Return the shipped bundle, then the one trained here: what holds by construction holds for both.

    Vectors have the features that the bundle uses, in its order: the shipped one can lack the latest features.
    """
    bundle = request.param or trained_here[0]
    used = {feature.name for feature in read_bundle(bundle).manifest.features}
    return read_bundle(bundle, [feature for feature in FEATURES if feature.name in used])
