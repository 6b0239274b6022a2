"""Tests of single values: times, ids and addresses."""
