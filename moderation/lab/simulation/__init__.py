"""Simulates the event stream of a platform; the truth about its accounts is kept separately."""

from moderation.lab.simulation.config import SimulationConfig
from moderation.lab.simulation.platform import Platform, build_platform, simulate
from moderation.lab.simulation.truth import Truth
from moderation.lab.simulation.writers import WriterPool, Writing, Written

__all__ = [
    "Platform",
    "SimulationConfig",
    "Truth",
    "WriterPool",
    "Writing",
    "Written",
    "build_platform",
    "simulate",
]
