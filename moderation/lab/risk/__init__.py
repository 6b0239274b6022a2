"""Trains a risk bundle, sets its threshold and certifies its false-positive rate."""
