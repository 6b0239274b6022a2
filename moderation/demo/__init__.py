"""Demonstrates the sidecar on one computer: fetches texts, simulates a platform and replays its events."""
