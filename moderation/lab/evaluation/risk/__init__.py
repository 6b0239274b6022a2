"""Evaluates a risk bundle on simulated platforms."""
