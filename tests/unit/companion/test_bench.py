"""The companion's bench runs each precision beside PyTorch on the same tokens."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import torch

from tests.bench.companion import drawn, measured
from tests.unit.companion.checkpoints import WORDS


def test_every_precision_is_timed_on_the_same_tokens(llama: Path, tmp_path: Path) -> None:
    threads = torch.get_num_threads()
    try:
        found = measured(llama, tmp_path, texts=5, rounds=1, most=40)
    finally:
        torch.set_num_threads(threads)
    assert found["tokens"] == sum(len(ids) - 1 for ids in drawn(5, WORDS, 40))
    assert set(found["tokens_per_s"]) == {"fp32", "int8", "int8-dynamic", "PyTorch"}
    assert set(found["times_as_fast_as_pytorch"]) == set(found["megabytes"]) == {"fp32", "int8", "int8-dynamic"}
    assert all(rate > 0 for rate in found["tokens_per_s"].values())


def test_a_checkpoint_that_is_none_is_told_in_a_sentence(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.companion", str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "has no config.json" in done.stderr
    assert "Traceback" not in done.stderr
