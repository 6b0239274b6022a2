"""Computes the metadata features of posts, as of their event time."""

from moderation.features.catalogue import FEATURES, FEATURES_VERSION, Feature
from moderation.features.extractor import FeatureExtractor, FeatureVector, Observed, vectors

__all__ = ["FEATURES", "FEATURES_VERSION", "Feature", "FeatureExtractor", "FeatureVector", "Observed", "vectors"]
