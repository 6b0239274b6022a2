"""The companion's benches run each precision, and a joined bundle, beside PyTorch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.bench.companion import drawn, measured
from tests.bench.joined import measured as measured_joined
from tests.bench.processor import processor
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


def test_a_joined_bundle_is_timed_beside_its_detector_and_pytorch(joined_dir: Path) -> None:
    found = measured_joined(joined_dir, 4, 1, small=True)
    assert found["detector_alone_times_as_fast_as_both"] > 0
    assert set(found["times_as_fast_as_torch"]) == {"both", "detector alone"}
    assert found["costliest_batch_share_of_deadline_on_one_thread"] > 0
    assert found["processor"] == processor()


@pytest.mark.parametrize(
    ("bench", "code", "said"),
    [("companion", 2, "has no config.json"), ("joined", 3, "No joined bundle at")],
    ids=["companion", "joined"],
)
def test_what_cannot_be_measured_is_told_in_a_sentence(bench: str, code: int, said: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", f"tests.bench.{bench}", str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr
