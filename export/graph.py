"""Exports a PyTorch network to an ONNX graph with fused attention."""

from __future__ import annotations

import logging
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import onnx
import torch

from export.attention import heads_inside_attention
from export.checkpoint import Checkpoint
from export.first_token import last_layer_for_first_token
from moderation.errors import InputError

# The first opset with the standard Attention operator, which scaled_dot_product_attention becomes.
OPSET = 23
_FUSED = ("Attention", "MultiHeadAttention", "PackedMultiHeadAttention")


def write_graph(checkpoint: Checkpoint, path: Path) -> None:
    """Write the fp32 graph: input_ids and attention_mask of shape (texts, tokens) to logits of shape (texts,).

    Raises InputError when an operator of the checkpoint cannot be exported or attention is not fused.
    """
    ids = torch.full((3, 17), checkpoint.first, dtype=torch.int64)
    ids[1, 9:] = checkpoint.pad
    mask = (torch.arange(17)[None, :] < torch.tensor([[17], [9], [17]])).to(torch.int64)
    texts, tokens = torch.export.Dim("texts", min=1), torch.export.Dim("tokens", min=3, max=checkpoint.max_tokens + 2)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), last_layer_for_first_token(checkpoint.network):
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                checkpoint.network,
                (ids, mask),
                dynamo=True,
                opset_version=OPSET,
                input_names=["input_ids", "attention_mask"],
                output_names=["logits"],
                dynamic_shapes=({0: texts, 1: tokens}, {0: texts, 1: tokens}),
                verbose=False,
            )
    except Exception as error:  # the errors of the exporter share no base class
        raise InputError(f"PyTorch cannot export this checkpoint to ONNX: {str(error).splitlines()[0]}") from error
    if program is None:
        raise InputError("PyTorch returned no ONNX program for this checkpoint; upgrade torch and onnxscript.")
    program.save(str(path), external_data=False)
    model = onnx.load(str(path))
    without_traces(model)
    heads_inside_attention(model, checkpoint.heads)
    onnx.save(model, str(path))
    assert_fused_attention(path, checkpoint.layers)


def without_traces(model: Any) -> None:
    """Remove the metadata of the exporter from *model*: stack traces with local paths."""
    graphs = [model.graph, *model.functions]
    for part in (model.graph, *(node for graph in graphs for node in graph.node), *model.functions):
        del part.metadata_props[:]
        part.doc_string = ""
    for value in (*model.graph.value_info, *model.graph.input, *model.graph.output, *model.graph.initializer):
        del value.metadata_props[:]
        value.doc_string = ""


def assert_fused_attention(path: Path, layers: int) -> None:
    """Raise InputError unless the graph has one fused attention operator for each of *layers* layers."""
    operators = Counter(node.op_type for node in onnx.load(str(path), load_external_data=False).graph.node)
    fused = sum(operators[name] for name in _FUSED)
    if fused != layers:
        raise InputError(
            f"Attention is not fused in {path.name}: {fused} fused operators for {layers} layers. Load the checkpoint "
            "with sdpa attention and a torch whose exporter writes opset 23."
        )
