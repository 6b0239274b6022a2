"""Evaluates a detector bundle on labelled texts."""
