"""Reads single values and decides which are plausible: times, durations, ids and addresses."""
