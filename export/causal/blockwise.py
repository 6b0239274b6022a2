"""Weights in blocks of 8 bits: each block of a row has its own scale, and the shared table of words is kept once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

BLOCK = 32
_ZERO = 128
# Activations are quantised block by block too: five times as fast as fp32 activations (decision 0603).
_INT8_ACTIVATIONS = 4
_CONTRIB_DOMAIN = "com.microsoft"
# Smaller matrices are kept in fp32: nothing is gained there.
_LEAST_WEIGHTS = 256


@dataclass(frozen=True)
class _Blocks:
    """Names of a matrix's blocks in the graph: uint8 (rows, blocks, BLOCK) and fp32 scales (rows, blocks)."""

    values: str
    scales: str
    rows: int
    columns: int


def write_blockwise_int8(fp32: Path, out: Path) -> None:
    """Write the graph of *fp32* with constant matrices, and tables that are gathered from, in blocks of 8 bits.

    A table that is both the first layer and, transposed, the last one is stored once.
    """
    model = onnx.load(str(fp32))
    # The exporter's notes on shapes name values that this replaces.
    del model.graph.value_info[:]
    _Quantiser(model.graph).run()
    model.opset_import.append(helper.make_opsetid(_CONTRIB_DOMAIN, 1))
    onnx.save(model, str(out))


class _Quantiser:
    """Rewrites one graph in place."""

    def __init__(self, graph: Any) -> None:
        self._graph = graph
        self._constants = {tensor.name: tensor for tensor in graph.initializer}
        self._makers = {output: node for node in graph.node for output in node.output}
        self._blocks: dict[tuple[str, bool], _Blocks] = {}

    def run(self) -> None:
        nodes: list[Any] = []
        for node in self._graph.node:
            nodes += self._replacement(node) or [node]
        del self._graph.node[:]
        self._graph.node.extend(nodes)
        self._remove_unused()

    def _replacement(self, node: Any) -> list[Any] | None:
        """The nodes that stand for *node*; None where it stays."""
        if node.op_type == "Gather" and node.input[0] in self._constants:
            blocks = self._blocks_of(node.input[0], transposed=False)
            return None if blocks is None else self._gather(node, blocks)
        if node.op_type == "MatMul":
            blocks = self._right_hand(node.input[1], flipped=False)
            return None if blocks is None else [self._product(node, blocks, node.output[0])]
        if node.op_type == "Gemm":
            values = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
            plain = values.get("alpha", 1.0) == 1.0 and values.get("beta", 1.0) == 1.0 and not values.get("transA", 0)
            blocks = self._right_hand(node.input[1], flipped=bool(values.get("transB", 0))) if plain else None
            if blocks is None:
                return None
            if len(node.input) < 3:
                return [self._product(node, blocks, node.output[0])]
            product = f"{node.output[0]}.product"
            total = helper.make_node("Add", [product, node.input[2]], [node.output[0]], name=f"{product}.bias")
            return [self._product(node, blocks, product), total]
        return None

    def _right_hand(self, name: str, *, flipped: bool) -> _Blocks | None:
        """Blocks of a matrix that is multiplied from the right, through a Transpose of a constant if there is one."""
        if name in self._constants:
            return self._blocks_of(name, transposed=not flipped)
        maker = self._makers.get(name)
        if maker is not None and maker.op_type == "Transpose" and maker.input[0] in self._constants:
            return self._blocks_of(maker.input[0], transposed=flipped)
        return None

    def _blocks_of(self, name: str, *, transposed: bool) -> _Blocks | None:
        """Blocks of a constant matrix, or of its transpose, along the rows; None for what stays in fp32."""
        tensor = self._constants[name]
        if tensor.data_type != TensorProto.FLOAT or len(tensor.dims) != 2 or np.prod(tensor.dims) < _LEAST_WEIGHTS:
            return None
        if (name, transposed) not in self._blocks:
            weights = numpy_helper.to_array(tensor)
            values, scales = _in_blocks(weights.T if transposed else weights)
            stem = f"{name}.{'columns' if transposed else 'rows'}"
            rows, columns = weights.T.shape if transposed else weights.shape
            self._graph.initializer.append(numpy_helper.from_array(values, f"{stem}.int8"))
            self._graph.initializer.append(numpy_helper.from_array(scales, f"{stem}.scales"))
            self._blocks[name, transposed] = _Blocks(f"{stem}.int8", f"{stem}.scales", rows, columns)
        return self._blocks[name, transposed]

    def _product(self, node: Any, blocks: _Blocks, output: str) -> Any:
        return helper.make_node(
            "MatMulNBits",
            [node.input[0], blocks.values, blocks.scales],
            [output],
            name=f"{output}.int8",
            domain=_CONTRIB_DOMAIN,
            K=blocks.columns,
            N=blocks.rows,
            bits=8,
            block_size=BLOCK,
            accuracy_level=_INT8_ACTIVATIONS,
        )

    def _gather(self, node: Any, blocks: _Blocks) -> list[Any]:
        """Rows of a table by their ids: (1, tokens) to (1, tokens, columns) in fp32."""
        ids, output = node.input[1], node.output[0]
        names = {part: f"{output}.{part}" for part in ("rows", "floats", "centred", "scales", "tall", "scaled", "flat")}
        constants = {
            "zero": np.array(_ZERO, dtype=np.float32),
            "last": np.array([-1], dtype=np.int64),
            "flat": np.array([0, 0, -1], dtype=np.int64),
            "begin": np.array([0], dtype=np.int64),
            "end": np.array([blocks.columns], dtype=np.int64),
        }
        stored = {part: f"{output}.{part}.constant" for part in constants}
        for part, value in constants.items():
            self._graph.initializer.append(numpy_helper.from_array(value, stored[part]))
        steps = [
            ("Gather", [blocks.values, ids], names["rows"], {}),
            ("Cast", [names["rows"]], names["floats"], {"to": TensorProto.FLOAT}),
            ("Sub", [names["floats"], stored["zero"]], names["centred"], {}),
            ("Gather", [blocks.scales, ids], names["scales"], {}),
            ("Unsqueeze", [names["scales"], stored["last"]], names["tall"], {}),
            ("Mul", [names["centred"], names["tall"]], names["scaled"], {}),
            ("Reshape", [names["scaled"], stored["flat"]], names["flat"], {}),
            ("Slice", [names["flat"], stored["begin"], stored["end"], stored["last"]], output, {}),
        ]
        return [
            helper.make_node(kind, inputs, [made], name=f"{made}.step", **attributes)
            for kind, inputs, made, attributes in steps
        ]

    def _remove_unused(self) -> None:
        while True:
            read = {name for node in self._graph.node for name in node.input}
            read |= {output.name for output in self._graph.output}
            unused = [node for node in self._graph.node if not any(name in read for name in node.output)]
            if not unused:
                break
            for node in unused:
                self._graph.node.remove(node)
        kept = [tensor for tensor in self._graph.initializer if tensor.name in read]
        del self._graph.initializer[:]
        self._graph.initializer.extend(kept)


def _in_blocks(weights: NDArray[np.float32]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Return (rows, blocks, BLOCK) of 8 bits around 128 and (rows, blocks) scales for weights (rows, columns)."""
    rows, columns = weights.shape
    blocks = -(-columns // BLOCK)
    padded = np.zeros((rows, blocks * BLOCK), dtype=np.float32)
    padded[:, :columns] = weights
    cut = padded.reshape(rows, blocks, BLOCK)
    scales = (np.maximum(np.abs(cut).max(axis=2), 1e-12) / 127).astype(np.float32)
    values = np.clip(np.rint(cut / scales[:, :, None]) + _ZERO, 1, 255).astype(np.uint8)
    return values, scales
