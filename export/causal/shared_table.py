"""8 bits for a companion, with the table of words that is first layer and last stored once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from export.precision import quantise_embeddings, with_int8_products

_FIRST, _LAST = "network.model.embed_tokens.weight", "network.lm_head.weight"
_QUANTISED, _SCALES = f"{_LAST}_quantized", f"{_LAST}_scale"
_ROWS, _INVERSE, _END = f"{_LAST}.rows", f"{_LAST}.inverse_factors", f"{_LAST}.end"
_CLOSE = 1e-4


def write_int8_with_one_table(fp32: Path, out: Path) -> None:
    """Write the graph as `write_int8` does; where both tables of *fp32* are one, the first layer reads the last's rows.

    They are one where each channel of the last is that of the first times a factor, as `smoothed` makes them. The last
    layer needs the table turned: onnxruntime does that when it loads the graph.
    """
    weights = {tensor.name: tensor for tensor in onnx.load(str(fp32)).graph.initializer}
    factors = _factors(numpy_helper.to_array(weights[_FIRST]), numpy_helper.to_array(weights[_LAST]))
    model = with_int8_products(fp32, out)
    if factors is None:
        quantise_embeddings(model)
    else:
        _share(model.graph, factors)
    onnx.save(model, str(out))


def _factors(first: NDArray[np.float32], last: NDArray[np.float32]) -> NDArray[np.float64] | None:
    """What each channel of *first*, (entries, channels), is multiplied by in *last*; None where no factor does it."""
    theirs, ours = first.astype(np.float64), last.astype(np.float64)
    factors: NDArray[np.float64] = (theirs * ours).sum(axis=0) / np.maximum(np.square(theirs).sum(axis=0), 1e-30)
    close = np.abs(theirs * factors - ours).max() <= _CLOSE * np.abs(ours).max()
    return factors if close and np.all(factors > 0) else None


def _share(graph: Any, factors: NDArray[np.float64]) -> None:
    constants = {tensor.name: tensor for tensor in graph.initializer}
    (first,) = (node for node in graph.node if node.op_type == "Gather" and node.input[0] == _FIRST)
    rows = np.ascontiguousarray(numpy_helper.to_array(constants[_QUANTISED]).T)
    for name in (_FIRST, _QUANTISED):
        graph.initializer.remove(constants[name])
    added = {_ROWS: rows, _INVERSE: (1 / factors).astype(np.float32), _END: np.array([-1], dtype=np.int64)}
    graph.initializer.extend(numpy_helper.from_array(values, name) for name, values in added.items())
    graph.node.remove(first)
    for place, node in enumerate(_reading(first.input[1], first.output[0])):
        graph.node.insert(place, node)


def _reading(ids: str, embedded: str) -> list[Any]:
    """The node that turns the table, and those that look rows up: (1, tokens) to (1, tokens, channels) in fp32."""
    steps: list[tuple[str, list[str], str, dict[str, Any]]] = [
        ("Transpose", [_ROWS], _QUANTISED, {"perm": [1, 0]}),
        ("Gather", [_ROWS, ids], f"{embedded}.rows", {}),
        ("Cast", [f"{embedded}.rows"], f"{embedded}.floats", {"to": TensorProto.FLOAT}),
        ("Gather", [_SCALES, ids], f"{embedded}.scales", {}),
        ("Unsqueeze", [f"{embedded}.scales", _END], f"{embedded}.tall", {}),
        ("Mul", [f"{embedded}.floats", f"{embedded}.tall"], f"{embedded}.scaled", {}),
        ("Mul", [f"{embedded}.scaled", _INVERSE], embedded, {}),
    ]
    return [helper.make_node(kind, inputs, [made], name=f"{made}.step", **given) for kind, inputs, made, given in steps]
