"""Writes n-grams as an ONNX graph of standard operators, from code points or words to a logit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from moderation.lab.checkpoints.ngrams import NgramModel

# Supported by every permitted onnxruntime; the graph needs no newer operator.
_OPSET = 17
_IR_VERSION = 8
_ELEMENTS = {"characters": TensorProto.INT64, "words": TensorProto.STRING}


def write_ngram_graph(model: NgramModel, path: Path) -> None:
    """Write the graph: ``characters``, int64 code points of shape (1, characters), to ``logits`` of shape (1,).

    The graph of word n-grams has the input ``words`` instead, strings of shape (1, words). TfIdfVectorizer counts (ONNX
    operators, TfIdfVectorizer-9); only the n-grams that occur are weighted, which is twice as fast as arithmetic on the
    complete vocabulary. A text without any gets the bias.
    """
    lengths, longest = model.lengths(), model.ngrams.shape[1]
    if (np.diff(lengths) < 0).any():
        raise ValueError("the n-grams must be sorted by their length")
    pool = [unit for ngram, length in zip(model.ngrams.tolist(), lengths, strict=True) for unit in ngram[:length]]
    count = helper.make_node(
        "TfIdfVectorizer",
        [model.unit],
        ["counts"],
        mode="TF",
        min_gram_length=int(lengths.min()),
        max_gram_length=longest,
        max_skip_count=0,
        **{"pool_strings" if model.unit == "words" else "pool_int64s": pool},
        # Start of the n-grams of each size in the pool.
        ngram_counts=[int(lengths[lengths < size].sum()) for size in range(1, longest + 1)],
        ngram_indexes=list(range(len(lengths))),
    )
    steps = [
        ("Reshape", ["counts", "flat"], "all"),
        ("NonZero", ["all"], "found_2d"),
        ("Reshape", ["found_2d", "flat"], "found"),
        ("Gather", ["all", "found"], "times"),
        ("Log", ["times"], "log_times"),
        ("Add", ["log_times", "one"], "tf"),
        ("Gather", ["idf", "found"], "idf_found"),
        ("Mul", ["tf", "idf_found"], "features"),
        ("Mul", ["features", "features"], "squares"),
        ("ReduceSum", ["squares"], "square_norm"),
        ("Sqrt", ["square_norm"], "norm"),
        ("Max", ["norm", "least"], "divisor"),
        ("Gather", ["weights", "found"], "weights_found"),
        ("Mul", ["features", "weights_found"], "products"),
        ("ReduceSum", ["products"], "dot"),
        ("Div", ["dot", "divisor"], "scaled"),
        ("Add", ["scaled", "bias"], "sum"),
        ("Reshape", ["sum", "flat"], "logits"),
    ]
    scalars = {"keepdims": 0}
    nodes = [helper.make_node(kind, ins, [out], **(scalars if kind == "ReduceSum" else {})) for kind, ins, out in steps]
    graph = helper.make_graph(
        [count, *nodes],
        f"{model.unit.removesuffix('s')}_ngrams",
        [helper.make_tensor_value_info(model.unit, _ELEMENTS[model.unit], [1, model.unit])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1])],
        [
            _constant("flat", np.array([-1], dtype=np.int64)),
            _constant("one", np.array(1, dtype=np.float32)),
            _constant("least", np.array(1e-12, dtype=np.float32)),
            _constant("idf", model.idf),
            _constant("weights", model.weights),
            _constant("bias", np.array(model.bias, dtype=np.float32)),
        ],
    )
    whole = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION)
    onnx.checker.check_model(whole)
    onnx.save(whole, str(path))


def _constant(name: str, value: NDArray[Any]) -> Any:
    return numpy_helper.from_array(np.asarray(value), name)
