"""Trained models as files, from which `export` makes bundles."""
