"""An 8-bit product is the same number on every processor, also where a sum of two terms exceeds 16 bits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, save

from moderation.detector.sessions import cpu_options

_INNER = 64


def _multiply(options: onnxruntime.SessionOptions, folder: Path) -> int:
    """The sum of 64 products of the largest 8-bit activation and the largest 8-bit weight."""
    path = folder / "product.onnx"
    weight = helper.make_tensor("weight", TensorProto.INT8, [_INNER, 16], [127] * _INNER * 16)
    graph = helper.make_graph(
        [helper.make_node("MatMulInteger", ["x", "weight"], ["y"])],
        "product",
        [helper.make_tensor_value_info("x", TensorProto.UINT8, [1, _INNER])],
        [helper.make_tensor_value_info("y", TensorProto.INT32, [1, 16])],
        [weight],
    )
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), str(path))
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"x": np.full((1, _INNER), 255, dtype=np.uint8)})
    return int(found[0, 0])


def test_sums_of_8_bit_products_are_not_cut_off(tmp_path: Path) -> None:
    assert _multiply(cpu_options(threads=1), tmp_path) == _INNER * 255 * 127
