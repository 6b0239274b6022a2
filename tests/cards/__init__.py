"""Writes the tables of the model cards from the committed figures: `python -m tests.cards`, or `make cards`."""
