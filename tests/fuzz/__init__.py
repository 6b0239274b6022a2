"""Damaged and random records for the decoder and the mapping: `python -m tests.fuzz`."""
