"""Where downloads are kept between runs: `.cache/` in the repository, or the folder TEST_SERVICES_CACHE names."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """The folder, made if it is not there."""
    named = os.environ.get("TEST_SERVICES_CACHE")
    folder = Path(named) if named else Path(__file__).resolve().parents[2] / ".cache"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
