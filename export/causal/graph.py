"""From a causal language model to an ONNX graph that tells, per token, how expected it was."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path
from typing import Any

import onnx
import torch
from torch import Tensor, nn

from export.causal.checkpoint import CausalCheckpoint
from export.graph import OPSET, assert_fused_attention, without_traces
from moderation.detector.companion.session import INPUT, OUTPUTS
from moderation.errors import InputError


class TokenExpectations(nn.Module):
    """Reduces a network's logits to four numbers per token.

    For ``input_ids`` of shape (1, tokens) it gives, each of shape (tokens - 1,) for the tokens after the first:
    log probability, its expectation and variance under the network's own distribution, all in fp32 nats, and the
    number of vocabulary entries more probable (int64). The logits, (tokens, vocabulary), never leave it.
    """

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    def forward(self, input_ids: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        hidden = self.network.base_model(input_ids=input_ids, use_cache=False).last_hidden_state
        logits = self.network.get_output_embeddings()(hidden[0, :-1])
        every = logits.float().log_softmax(dim=-1)
        actual = every.gather(1, input_ids[0, 1:, None])
        probabilities = every.exp()
        expected = (probabilities * every).sum(dim=1)
        # The mean is taken off before squaring: the difference of two large sums would lose digits in fp32.
        variance = (probabilities * (every - expected[:, None]).square()).sum(dim=1)
        rank = (every > actual).float().sum(dim=1).to(torch.int64)
        return actual[:, 0], expected, variance, rank


def write_graph(checkpoint: CausalCheckpoint, path: Path) -> None:
    """Write the fp32 graph of TokenExpectations to *path*.

    Raises InputError when an operator of the checkpoint cannot be exported or attention is not fused.
    """
    ids = torch.full((1, 17), checkpoint.first_id, dtype=torch.int64)
    tokens = torch.export.Dim("tokens", min=2, max=checkpoint.max_tokens + 1)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                TokenExpectations(checkpoint.network),
                (ids,),
                dynamo=True,
                opset_version=OPSET,
                input_names=[INPUT],
                output_names=list(OUTPUTS),
                dynamic_shapes=({1: tokens},),
                verbose=False,
            )
    except Exception as error:  # the exporter's errors share no base class
        raise InputError(f"PyTorch cannot export this checkpoint to ONNX: {str(error).splitlines()[0]}") from error
    if program is None:
        raise InputError("PyTorch returned no ONNX program for this checkpoint; upgrade torch and onnxscript.")
    program.save(str(path), external_data=False)
    model = onnx.load(str(path))
    without_traces(model)
    onnx.save(model, str(path))
    assert_fused_attention(path, checkpoint.layers)
