"""Rewrites attention to three dimensions, so that reshapes and transposes around the operator are removed."""

from __future__ import annotations

from typing import Any

from onnx import helper


def heads_inside_attention(model: Any, heads: int) -> None:
    """Rewrite in place every Attention of *model* whose inputs and output are only reshaped for it.

    The ONNX operator takes queries, keys and values of shape (texts, heads, tokens, size) or of shape (texts,
    tokens, heads × size) with the number of heads beside it (ONNX operators, Attention-23). PyTorch exports the
    first; the second saves eight operators per layer, which matters for short texts.
    """
    graph = model.graph
    for node in [node for node in graph.node if node.op_type == "Attention"]:
        makers = {output: maker for maker in graph.node for output in maker.output}
        whole = [_before(makers, name, ("Transpose", "Reshape")) for name in node.input[:3]]
        after = _after(graph, node.output[0], ("Transpose", "Reshape"))
        if None in whole or after is None:
            continue
        node.input[:3] = whole
        node.output[0] = after[-1].output[0]
        node.attribute.extend(helper.make_attribute(name, heads) for name in ("q_num_heads", "kv_num_heads"))
        for gone in after:
            graph.node.remove(gone)
    _remove_unused(graph)


def _before(makers: dict[str, Any], name: str, operators: tuple[str, ...]) -> str | None:
    """Return the input of the chain *operators* that computes *name*, last operator first; None for another chain."""
    for operator in operators:
        maker = makers.get(name)
        if maker is None or maker.op_type != operator or not _splits_heads(maker):
            return None
        name = maker.input[0]
    return name


def _after(graph: Any, name: str, operators: tuple[str, ...]) -> list[Any] | None:
    """Return the chain of nodes *operators* that are the only readers of *name*; None when there are others."""
    found: list[Any] = []
    for operator in operators:
        readers = [node for node in graph.node if name in node.input]
        if len(readers) != 1 or readers[0].op_type != operator or not _splits_heads(readers[0]):
            return None
        found.append(readers[0])
        name = readers[0].output[0]
    return found


def _splits_heads(node: Any) -> bool:
    """Return whether a transpose only swaps heads and tokens; True for other nodes."""
    if node.op_type != "Transpose":
        return True
    return [list(attribute.ints) for attribute in node.attribute if attribute.name == "perm"] == [[0, 2, 1, 3]]


def _remove_unused(graph: Any) -> None:
    while True:
        read = {name for node in graph.node for name in node.input} | {output.name for output in graph.output}
        unused = [node for node in graph.node if not any(name in read for name in node.output)]
        if not unused:
            return
        for node in unused:
            graph.node.remove(node)
