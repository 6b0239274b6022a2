"""Fallback to the CPU without output on standard output."""

from __future__ import annotations

import sys
from pathlib import Path

import onnxruntime
import pytest

from moderation.detector import sessions
from moderation.detector.shipped import SHIPPED

MODEL = SHIPPED / "model.int8.onnx"


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine that seems to have a device, with a wheel of onnxruntime that seems to know it."""
    (tmp_path / "driver").touch()
    monkeypatch.setattr(sessions, "_NVIDIA_DRIVER", tmp_path / "driver")
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider"])


def _loads_nothing() -> None:
    sys.stdout.write("Failed to load libcublasLt.so.13\n")


@pytest.mark.usefixtures("driver")
def test_failing_device_falls_back_to_cpu_without_output(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fails(*_arguments: object) -> None:
        raise RuntimeError("CUDA failure 100: no CUDA-capable device is detected")

    monkeypatch.setattr(onnxruntime, "preload_dlls", _loads_nothing)
    monkeypatch.setattr(onnxruntime.InferenceSession, "_create_inference_session", fails)
    assert sessions.cuda_runner(MODEL, 0, 128) is None
    assert capfd.readouterr().out == ""


@pytest.mark.usefixtures("driver")
def test_cuda_libraries_are_loaded_before_the_session(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def session(*_arguments: object, **_options: object) -> None:
        asked.append("session")
        raise RuntimeError("no device")

    monkeypatch.setattr(onnxruntime, "preload_dlls", lambda: asked.append("libraries"))
    monkeypatch.setattr(onnxruntime, "InferenceSession", session)
    assert sessions.cuda_runner(MODEL, 0, 128) is None
    assert asked == ["libraries", "session"]


@pytest.mark.skipif(Path("/dev/nvidiactl").exists(), reason="there is a device")
@pytest.mark.usefixtures("driver")
def test_cuda_wheel_without_device_uses_cpu(capfd: pytest.CaptureFixture[str]) -> None:
    assert sessions.cuda_runner(MODEL, 0, 128) is None
    assert capfd.readouterr().out == ""
