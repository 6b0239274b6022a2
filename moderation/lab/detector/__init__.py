"""Trains and compares text detectors."""
