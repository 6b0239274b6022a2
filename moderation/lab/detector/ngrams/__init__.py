"""Fits the detectors of character and word n-grams and saves them to a file."""
