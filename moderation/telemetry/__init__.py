"""Shows what the running sidecar does: logs, metrics, probes and traces."""
