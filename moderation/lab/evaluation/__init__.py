"""Evaluates detector and risk bundles on held-out data."""
