"""The precisions that a bundle can carry: fp32, int8 for the CPU, fp16 for CUDA."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

# Smaller tables, such as positions and token types, stay in fp32: quantising them saves little.
_LARGE_TABLE_BYTES = 4_000_000
_KEPT_IN_FP32 = ("LayerNormalization", "Softmax", "SkipLayerNormalization", "CumSum", "Range", "GatherND")


def write_int8(fp32: Path, out: Path) -> None:
    """Write the graph in int8: weights per channel, activations dynamically, large embeddings with a scale per word.

    The activation scale per tensor makes a score depend on its batch, so that this precision runs each text separately.
    """
    model = with_int8_products(fp32, out)
    quantise_embeddings(model)
    onnx.save(model, str(out))


def with_int8_products(fp32: Path, out: Path) -> Any:
    """Return the graph with the weights of products in int8 and embeddings unchanged; *out* is a working file."""
    source = onnx.load(str(fp32))
    # onnxruntime converts Gemm to MatMul with the weight transposed, which contradicts the exported shapes.
    del source.graph.value_info[:]
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            quantize_dynamic(
                source,
                str(out),
                op_types_to_quantize=["MatMul"],
                per_channel=True,
                weight_type=QuantType.QInt8,
                extra_options={"MatMulConstBOnly": True},
            )
    finally:
        root.setLevel(level)
    return onnx.load(str(out))


def write_fp16(fp32: Path, out: Path) -> None:
    """Write the graph in fp16, with LayerNorm, softmax, mask arithmetic and the head in fp32."""
    from onnxruntime.transformers.float16 import convert_float_to_float16

    model = onnx.load(str(fp32))
    head = []
    for node in reversed(model.graph.node):
        if node.op_type == "LayerNormalization":
            break
        head.append(node.name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        half = convert_float_to_float16(
            model,
            keep_io_types=True,
            op_block_list=list(_KEPT_IN_FP32),
            node_block_list=head,
            disable_shape_infer=False,
        )
    _remove_repeated(half)
    _remove_round_trips(half.graph)
    for node in half.graph.node:
        if node.op_type == "Attention":
            # Without it the softmax inside the operator is computed in the precision of its inputs.
            node.attribute.append(helper.make_attribute("softmax_precision", onnx.TensorProto.FLOAT))
    onnx.save(half, str(out))


def _remove_repeated(model: Any) -> None:
    """Remove duplicate nodes, because the converter casts a shared table once for each reader."""
    made: set[str] = set()
    for node in list(model.graph.node):
        if made.issuperset(node.output):
            model.graph.node.remove(node)
        made.update(node.output)


def _remove_round_trips(graph: Any) -> None:
    """Connect adjacent fp32 nodes directly, because the converter rounds to fp16 between any two nodes."""
    casts = {node.output[0]: node for node in graph.node if node.op_type == "Cast"}
    for widened in casts.values():
        rounded = casts.get(widened.input[0])
        if rounded is not None and _to(widened) == onnx.TensorProto.FLOAT and _to(rounded) == onnx.TensorProto.FLOAT16:
            widened.input[0] = rounded.input[0]
    read = {name for node in graph.node for name in node.input}
    for node in casts.values():
        if node.output[0] not in read and node.output[0] not in {output.name for output in graph.output}:
            graph.node.remove(node)


def _to(cast: Any) -> int:
    (kind,) = (attribute.i for attribute in cast.attribute if attribute.name == "to")
    return int(kind)


def quantise_embeddings(model: Any) -> None:
    """Replace each large fp32 table that is only input of Gather by int8 rows and one scale per row."""
    graph = model.graph
    tables = {tensor.name: tensor for tensor in graph.initializer}
    for number, node in enumerate(list(graph.node)):
        table = tables.get(node.input[0]) if node.op_type == "Gather" else None
        if table is None or table.data_type != onnx.TensorProto.FLOAT:
            continue
        weights = numpy_helper.to_array(table)
        users = sum(table.name in other.input for other in graph.node)
        if weights.ndim != 2 or weights.nbytes < _LARGE_TABLE_BYTES or users != 1:
            continue
        scale = np.maximum(np.abs(weights).max(axis=1, keepdims=True), 1e-12).astype(np.float32) / 127
        rows = np.clip(np.rint(weights / scale), -127, 127).astype(np.int8)
        name = table.name
        graph.initializer.remove(table)
        graph.initializer.append(numpy_helper.from_array(rows, f"{name}.int8"))
        graph.initializer.append(numpy_helper.from_array(scale, f"{name}.scale"))
        ids, output = node.input[1], node.output[0]
        replacement = [
            helper.make_node("Gather", [f"{name}.int8", ids], [f"{name}.rows"], name=f"rows_{number}"),
            helper.make_node(
                "Cast", [f"{name}.rows"], [f"{name}.floats"], name=f"floats_{number}", to=onnx.TensorProto.FLOAT
            ),
            helper.make_node("Gather", [f"{name}.scale", ids], [f"{name}.scales"], name=f"scales_{number}"),
            helper.make_node("Mul", [f"{name}.floats", f"{name}.scales"], [output], name=f"embedded_{number}"),
        ]
        place = list(graph.node).index(node)
        graph.node.remove(node)
        for step, part in enumerate(replacement):
            graph.node.insert(place + step, part)
