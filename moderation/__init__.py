"""The domain of the sidecar: what a post says joined with how it came to be."""
