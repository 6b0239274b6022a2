"""The room where a causal language model becomes a companion bundle: how expected each token of a text was."""
