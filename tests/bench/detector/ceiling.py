"""What the machine multiplies at best: one matrix, through the same runtime at the same precision, in the same run."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from export.precision import write_int8
from moderation.detector.manifest import Precision
from moderation.detector.sessions import cpu_options
from moderation.errors import SettingsError

Device = Literal["cpu", "cuda"]
_PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
# Rows, what is summed over, columns. On the CPU a feed-forward layer of the base size; on a GPU so large that the start
# of a run, some ten microseconds, is nothing beside it.
_SHAPE = {"cpu": (512, 768, 3072), "cuda": (16384, 4096, 4096)}
_REPEATS = {"cpu": 8, "cuda": 64}
# For the report: at int8 the operator that multiplies is not the only one that runs.
TAKEN_AS_CEILING: dict[Precision, str] = {
    "fp32": "one fp32 MatMul in onnxruntime",
    "fp16": "one fp16 MatMul in onnxruntime",
    "int8": "one MatMul in onnxruntime as the exporter quantises it, the quantisation of its input included",
}


def most_operations_per_s(device: Device, precision: Precision, threads: int = 1, rounds: int = 3) -> float:
    """Return floating-point operations a second of one large MatMul; the best of *rounds*.

    On the CPU *threads* single-threaded runs go on at once, as the detector's do. At int8 it is what the exporter makes
    of the MatMul, the quantisation of its input included; its operations are counted as if they were fp32's.
    Raises SettingsError where onnxruntime cannot use *device*.
    """
    rows, inner, outer = _SHAPE[device]
    repeats = _REPEATS[device] * threads
    with tempfile.TemporaryDirectory() as folder:
        path = _graph(Path(folder), precision, inner, outer)
        session = onnxruntime.InferenceSession(str(path), cpu_options(threads=1), providers=[_PROVIDERS[device]])
        if _PROVIDERS[device] not in session.get_providers():
            raise SettingsError(f"onnxruntime cannot use the device {device}, so its ceiling cannot be measured.")
        values = _values(0, (rows, inner)).astype(np.float16 if precision == "fp16" else np.float32)
        given = onnxruntime.OrtValue.ortvalue_from_numpy(values, device, 0)

        def multiply(_number: int) -> None:
            binding = session.io_binding()
            binding.bind_ortvalue_input("x", given)
            binding.bind_output("y", device, 0)
            session.run_with_iobinding(binding)
            binding.synchronize_outputs()

        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(multiply, range(threads)))  # what the first run takes once
            took_s = min(_seconds(lambda: list(pool.map(multiply, range(repeats)))) for _ in range(rounds))
    return 2.0 * rows * inner * outer * repeats / took_s


def _graph(folder: Path, precision: Precision, inner: int, outer: int) -> Path:
    element = TensorProto.FLOAT16 if precision == "fp16" else TensorProto.FLOAT
    weight = _values(1, (inner, outer)).astype(helper.tensor_dtype_to_np_dtype(element))
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "weight"], ["y"], name="multiply")],
        "ceiling",
        [helper.make_tensor_value_info("x", element, ["rows", inner])],
        [helper.make_tensor_value_info("y", element, ["rows", outer])],
        [numpy_helper.from_array(weight, "weight")],
    )
    path = folder / "matmul.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    if precision != "int8":
        return path
    quantised = folder / "matmul.int8.onnx"
    write_int8(path, quantised)
    return quantised


def _values(seed: int, shape: tuple[int, int]) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
