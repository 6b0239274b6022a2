"""Writes the graph that tests whether fast 8-bit products are exact: ``python -m export.largest_product``."""

from __future__ import annotations

from onnx import TensorProto, helper

from moderation.detector.exact_products import INNER, LARGEST_PRODUCT, LARGEST_WEIGHT

_COLUMNS = 16


def largest_product() -> bytes:
    """Return the graph: rows of unsigned 8-bit numbers times 16 columns of the largest signed ones."""
    weights = helper.make_tensor("w", TensorProto.INT8, [INNER, _COLUMNS], [LARGEST_WEIGHT] * INNER * _COLUMNS)
    graph = helper.make_graph(
        [helper.make_node("MatMulInteger", ["x", "w"], ["y"])],
        "largest_product",
        [helper.make_tensor_value_info("x", TensorProto.UINT8, ["rows", INNER])],
        [helper.make_tensor_value_info("y", TensorProto.INT32, ["rows", _COLUMNS])],
        [weights],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    return bytes(model.SerializeToString())


if __name__ == "__main__":
    LARGEST_PRODUCT.write_bytes(largest_product())
