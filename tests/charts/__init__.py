"""The Helm chart, rendered by helm: `python -m tests.charts`, which `make charts` runs."""
