"""Compares detectors by leave-one-source-out and leave-one-generator-out validation."""
