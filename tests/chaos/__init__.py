"""Random faults of processes and servers under load: `python -m tests.chaos`."""
