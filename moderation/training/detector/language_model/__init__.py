"""The room where a small causal language model is trained from nothing, for a companion that knows no tested text."""
