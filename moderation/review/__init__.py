"""What people do with flags: find them, see why they were raised, decide."""
