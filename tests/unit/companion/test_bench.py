"""The companion's benches run each precision, and a joined bundle, beside PyTorch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from rich.progress import Progress

from export.labelled_texts import LabelledText
from moderation.errors import SettingsError
from tests.bench.companion import drawn, measured
from tests.bench.companion_precision import measured as precision_measured
from tests.bench.joined import measured as measured_joined
from tests.bench.processor import processor
from tests.unit.companion.checkpoints import TEXTS, WORDS


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


def test_what_a_companions_precision_moves_is_told_beside_fp32(joined_dir: Path, bundle: Path) -> None:
    texts = [LabelledText(text, number % 2, source="ours") for number, text in enumerate(TEXTS)]
    with Progress(disable=True) as progress:
        found = precision_measured(joined_dir, bundle, texts, progress)
    moved = found["moved"]["int8"]
    assert found["moved"].keys() == {"int8"}
    assert 0 < moved["mean_logit_difference"] <= moved["largest_logit_difference"] < 3
    assert 0 < moved["texts"] <= len(texts)


def test_a_companion_of_one_precision_has_nothing_to_be_compared_with(joined_dir: Path, companion_dir: Path) -> None:
    with Progress(disable=True) as progress, pytest.raises(SettingsError, match="--precision fp32,int8-dynamic"):
        precision_measured(joined_dir, companion_dir, [], progress)


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
