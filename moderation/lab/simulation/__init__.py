"""Simulates the event stream of a platform; the truth about its accounts is kept separately."""

from moderation.lab.simulation.config import SimulationConfig
from moderation.lab.simulation.platform import Platform, build_platform, simulate
from moderation.lab.simulation.texts import TextPool, TextSupplier
from moderation.lab.simulation.truth import Truth

__all__ = ["Platform", "SimulationConfig", "TextPool", "TextSupplier", "Truth", "build_platform", "simulate"]
