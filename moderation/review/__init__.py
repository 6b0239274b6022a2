"""Review of flags: list them, show their reasons, record decisions."""
