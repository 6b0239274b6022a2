"""The room where models are trained: run by people who build bundles, never by the sidecar."""
