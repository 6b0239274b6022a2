"""Metadata features: how a post came to be, as of its event time."""

from moderation.features.catalogue import FEATURES, FEATURES_VERSION, Feature
from moderation.features.extractor import FeatureExtractor, FeatureVector

__all__ = ["FEATURES", "FEATURES_VERSION", "Feature", "FeatureExtractor", "FeatureVector"]
