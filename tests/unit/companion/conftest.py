"""One checkpoint of each family and its companion, made once."""

from __future__ import annotations

from pathlib import Path

import pytest

from export.causal.bundle import CompanionOrder, write_companion
from tests.unit.companion.checkpoints import TEXTS, write_causal


@pytest.fixture(scope="session", params=["gpt2", "llama"])
def checkpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_causal(tmp_path_factory.mktemp("causal") / str(request.param), str(request.param))


@pytest.fixture(scope="session")
def bundle(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both precisions."""
    out = tmp_path_factory.mktemp("companions") / checkpoint.name
    return write_companion(checkpoint, out, CompanionOrder("small", ("fp32", "int8"), max_tokens=32, texts=TEXTS))


@pytest.fixture(scope="session")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_causal(tmp_path_factory.mktemp("causal") / "one", "llama")


@pytest.fixture(scope="session")
def companion_dir(llama: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A companion of one precision."""
    out = tmp_path_factory.mktemp("companions") / "one"
    return write_companion(llama, out, CompanionOrder("one", ("int8",), max_tokens=32, texts=TEXTS))
