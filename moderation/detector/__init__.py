"""Scores texts: detector bundles, sections and ONNX sessions."""

from moderation.detector.loading import load_detector
from moderation.detector.scores import ContentScore, Detector, SectionScore

__all__ = ["ContentScore", "Detector", "SectionScore", "load_detector"]
