"""The room where a text becomes a content score: bundle, sections and the ONNX session that runs it."""

from moderation.detector.loading import load_detector
from moderation.detector.scores import ContentScore, Detector, SectionScore

__all__ = ["ContentScore", "Detector", "SectionScore", "load_detector"]
