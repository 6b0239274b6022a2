"""AUROC, thresholds and shares, each with its interval."""
