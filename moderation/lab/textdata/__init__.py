"""Labelled texts: reading, partition into parts A and B, near-duplicate clusters."""
