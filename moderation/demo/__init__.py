"""The room where the sidecar is shown at work on a laptop: texts fetched, a platform simulated, everything replayed."""
