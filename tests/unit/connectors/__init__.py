"""Tests of connectors that need no server."""
