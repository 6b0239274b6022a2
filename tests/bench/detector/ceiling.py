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
from onnx import TensorProto, helper, numpy_helper

from export.precision import write_int8
from moderation.detector.manifest import Precision

Device = Literal["cpu", "cuda"]
_PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
# The shape of a feed-forward layer of the base size, for as many tokens as keep a processor, or a GPU, busy.
_INNER, _OUTER = 768, 3072
_ROWS = {"cpu": 512, "cuda": 16384}
_REPEATS = 8


def most_operations_per_s(device: Device, precision: Precision, threads: int = 1, rounds: int = 3) -> float:
    """Return floating-point operations a second of one large MatMul; the best of *rounds*.

    On the CPU *threads* single-threaded runs go on at once, as the detector's do. At int8 it is what the exporter makes
    of the MatMul, the quantisation of its input included; its operations are counted as if they were fp32's.
    """
    rows = _ROWS[device]
    with tempfile.TemporaryDirectory() as folder:
        path = _graph(Path(folder), precision)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(str(path), options, providers=[_PROVIDERS[device]])
        kind = np.float16 if precision == "fp16" else np.float32
        values = np.random.default_rng(0).normal(size=(rows, _INNER)).astype(kind)
        given = onnxruntime.OrtValue.ortvalue_from_numpy(values, device, 0)

        def multiply(_number: int) -> None:
            binding = session.io_binding()
            binding.bind_ortvalue_input("x", given)
            binding.bind_output("y", device, 0)
            session.run_with_iobinding(binding)
            binding.synchronize_outputs()

        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(multiply, range(threads)))  # what the first run takes once
            took_s = min(_seconds(lambda: list(pool.map(multiply, range(_REPEATS * threads)))) for _ in range(rounds))
    return 2.0 * rows * _INNER * _OUTER * _REPEATS * threads / took_s


def _graph(folder: Path, precision: Precision) -> Path:
    element = TensorProto.FLOAT16 if precision == "fp16" else TensorProto.FLOAT
    weight = np.random.default_rng(1).normal(size=(_INNER, _OUTER)).astype(helper.tensor_dtype_to_np_dtype(element))
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "weight"], ["y"], name="multiply")],
        "ceiling",
        [helper.make_tensor_value_info("x", element, ["rows", _INNER])],
        [helper.make_tensor_value_info("y", element, ["rows", _OUTER])],
        [numpy_helper.from_array(weight, "weight")],
    )
    path = folder / "matmul.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    if precision != "int8":
        return path
    quantised = folder / "matmul.int8.onnx"
    write_int8(path, quantised)
    return quantised


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
