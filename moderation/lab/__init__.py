"""Builds and evaluates models. The sidecar never imports it at run time."""
