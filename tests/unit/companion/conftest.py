"""One checkpoint of each family and its companion, and a joined bundle, made once."""

from __future__ import annotations

from pathlib import Path

import pytest

from export.causal.bundle import CompanionOrder, write_companion
from export.joined import JoinOrder, write_joined
from moderation.detector import shipped_detector
from tests.unit.companion.checkpoints import TEXTS, write_causal
from tests.unit.detector.small_text_data import write_data


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


@pytest.fixture(scope="session")
def order(companion_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> JoinOrder:
    """What it takes to join the shipped detector with a companion: texts that we wrote, and a folder for figures."""
    data = tmp_path_factory.mktemp("data")
    manifest = write_data(data, "forum", humans=1800, machines=1800)
    return JoinOrder(shipped_detector(), companion_dir, data, data / "work", threads=1, data_manifest=manifest)


@pytest.fixture(scope="session")
def joined_dir(order: JoinOrder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A joined bundle; a test that changes one takes a copy."""
    return write_joined(tmp_path_factory.mktemp("joined") / "both", order, lambda _what, _done, _total: None)
