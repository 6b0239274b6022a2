"""The room where a platform's event stream is made up, with the truth kept apart from it."""

from moderation.lab.simulation.config import SimulationConfig
from moderation.lab.simulation.platform import Platform, build_platform, simulate
from moderation.lab.simulation.texts import TextPool, TextSupplier
from moderation.lab.simulation.truth import Truth

__all__ = ["Platform", "SimulationConfig", "TextPool", "TextSupplier", "Truth", "build_platform", "simulate"]
