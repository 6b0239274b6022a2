"""The benchmark runs the code paths of the detector; without a GPU, the GPU path runs on the CPU."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from moderation.errors import SettingsError
from tests.bench.detector import turns
from tests.bench.detector.ceiling import most_operations_per_s
from tests.bench.detector.network import multiplications, network_of, texts, tokens_of, write_checkpoint
from tests.bench.detector.on_cpu import measured_on_cpu
from tests.bench.detector.on_gpu import gpu_missing, measured_at_fp16

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("bench") / "checkpoint"
    write_checkpoint(directory, small=True)
    return directory


def test_fp16_paths_give_the_same_logits(checkpoint: Path, tmp_path: Path) -> None:
    found = measured_at_fp16(checkpoint, tmp_path, texts(6), 1, "cpu")
    assert found["tokens"] == sum(map(tokens_of, texts(6)))
    assert found["largest_logit_difference_from_torch"] < 0.01
    assert "fp16" in found["detector"]
    assert set(found["tokens_per_s"]) == set(found["share_of_matmul_ceiling"]) == {"ours", "torch"}


def test_cpu_path_scores_as_pytorch(checkpoint: Path, tmp_path: Path) -> None:
    found = measured_on_cpu(checkpoint, tmp_path, texts(17), 1)
    assert found["largest_difference_alone_or_among_others"] == 0.0
    assert found["largest_logit_difference_from_torch"] < 0.1
    assert found["ours_tokens_per_s"] > found["ours_posts_per_s"]
    assert 0 < found["ours_share_of_matmul_ceiling"] < 1


def test_a_token_is_counted_as_the_tokenizer_counts_it(checkpoint: Path) -> None:
    _, tokenizer = network_of(checkpoint)
    assert [tokens_of(text) for text in texts(20)] == [len(ids) for ids in tokenizer(texts(20))["input_ids"]]


def test_operations_are_counted_from_layer_matrices(checkpoint: Path) -> None:
    model, _ = network_of(checkpoint)
    width, inner, layers = 64, 128, 2
    of_a_layer = 4 * width * width + 2 * width * inner
    assert multiplications(model, 3) == 3 * 2 * layers * of_a_layer
    of_the_last = 3 * 2 * width * width + 1 * (of_a_layer - 2 * width * width)
    assert multiplications(model, 3, read_by_head=1) == 2 * (3 * of_a_layer + of_the_last)


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_the_ceiling_is_measured_at_each_precision_of_the_cpu(precision: str) -> None:
    assert most_operations_per_s("cpu", precision, rounds=1) > 1e6  # type: ignore[arg-type]


def test_best_round_of_each_path_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    waits = iter([0.2, 0.5, 0.125, 0.7])
    clock = [0.0]

    def work() -> list[float]:
        clock[0] += (wait := next(waits))
        return [wait]

    monkeypatch.setattr(turns, "time", SimpleNamespace(perf_counter=lambda: clock[0]))
    seconds, answers = turns.best_of_turns({"one": work, "other": work}, 2)
    assert seconds == pytest.approx({"one": 0.125, "other": 0.5})
    assert answers == {"one": [0.125], "other": [0.7]}


@pytest.mark.skipif(gpu_missing() is None, reason="there is a GPU")
def test_missing_gpu_is_reported() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "tests.bench.detector", "--device", "cuda"], capture_output=True, text=True, check=False
    )
    assert ran.returncode == SettingsError.exit_code
    assert ran.stderr.strip() == gpu_missing()
    assert ran.stdout == ""


@pytest.mark.skipif(gpu_missing() is None, reason="there is a GPU")
def test_ceiling_on_another_device_is_refused() -> None:
    with pytest.raises(SettingsError, match="cannot use the device cuda"):
        most_operations_per_s("cuda", "fp16", rounds=1)


@pytest.mark.skipif(gpu_missing() is None, reason="there is a GPU")
def test_cpu_fallback_is_not_reported_as_gpu(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"on the CPU.*--device cpu"):
        measured_at_fp16(checkpoint, tmp_path, texts(6), 1, "cuda")


def test_output_has_speeds_shares_and_ceiling(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.bench.detector", "--device", "cpu", "--small", "--posts", "17"]
    out = tmp_path / "figures.json"
    ran = subprocess.run([*command, "--rounds", "1", "--out", str(out)], capture_output=True, text=True, check=True)
    assert "speed is measured, not scores" in ran.stdout
    assert "of the matmul ceiling" in ran.stdout
    found = json.loads(out.read_text(encoding="utf-8"))
    assert "gpu" not in found
    assert found["matmul_ceiling_teraflops"] > 0
    assert "quantisation" in found["matmul_ceiling"]
    assert found["torch_tokens_per_s"].keys() == found["torch_posts_per_s"].keys()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--rounds", "0"], "must be 1 or more"),
        (["--out", "{}/nowhere/figures.json"], "name a file in an existing directory"),
    ],
)
def test_invalid_benchmark_is_refused_before_measuring(options: list[str], message: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.bench.detector", "--device", "cpu", "--small"]
    given = [option.format(tmp_path) for option in options]
    ran = subprocess.run([*command, *given], capture_output=True, text=True, check=False)
    assert ran.returncode == 2
    assert message in ran.stderr
    assert "Traceback" not in ran.stderr
