"""Logs of the running sidecar."""
