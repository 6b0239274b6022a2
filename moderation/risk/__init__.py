"""Combines all signals about one post: risk, gate and certified threshold."""

from moderation.risk.bundle import load_risk
from moderation.risk.certificate import Certificate
from moderation.risk.judgement import Judgement
from moderation.risk.protocol import RiskModel

__all__ = ["Certificate", "Judgement", "RiskModel", "load_risk"]
