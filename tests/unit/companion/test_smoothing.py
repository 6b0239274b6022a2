"""A companion with one scale for all activations of a product is near enough once outliers are moved."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from transformers import Qwen2Config, Qwen2ForCausalLM

from export.causal.bundle import CompanionOrder, write_companion
from export.causal.checkpoint import CausalCheckpoint, load_causal
from export.causal.graph import write_graph
from export.causal.parity import companion_parity, torch_expectations
from export.causal.shared_table import write_int8_with_one_table
from export.causal.smoothing import smoothed
from export.precision import write_int8
from moderation.detector.companion import load_companion
from moderation.detector.companion.session import ExpectationRunner
from moderation.errors import BundleError, InputError
from tests.unit.companion.checkpoints import TEXTS, WORDS, write_causal
from tests.unit.companion.test_refusals import _with_manifest

_SEQUENCES = [np.random.default_rng(number).integers(0, WORDS, 24) for number in range(12)]


def _checkpoint(llama: Path) -> CausalCheckpoint:
    """A small Llama in which one channel of each norm reaches a hundred times as far as the others."""
    loaded = load_causal(llama, 32)
    network: Any = loaded.network
    with torch.no_grad():
        for layer in network.model.layers:
            attention, mlp = layer.self_attn, layer.mlp
            after_each = {
                layer.input_layernorm: (attention.q_proj, attention.k_proj, attention.v_proj),
                layer.post_attention_layernorm: (mlp.gate_proj, mlp.up_proj),
            }
            for norm, after in after_each.items():
                norm.weight[3] *= 100
                for linear in after:
                    linear.weight[:, 3] /= 100
    return loaded


def _qwen2() -> Any:
    torch.manual_seed(2)
    network: Any = Qwen2ForCausalLM(
        Qwen2Config(
            vocab_size=WORDS, hidden_size=48, intermediate_size=80, num_hidden_layers=2, num_attention_heads=4,
            num_key_value_heads=2, max_position_embeddings=64, initializer_range=0.3, tie_word_embeddings=True,
        )
    ).eval()  # fmt: skip
    with torch.no_grad():
        for layer in network.model.layers:
            layer.self_attn.v_proj.bias.normal_()
    return network


def _logits(network: Any, sequence: NDArray[np.int64]) -> torch.Tensor:
    with torch.inference_mode():
        logits: torch.Tensor = network(input_ids=torch.from_numpy(sequence)[None]).logits
    return logits


@pytest.mark.parametrize("family", ["llama", "qwen2"])
def test_it_computes_the_same_with_evener_activations(family: str, llama: Path) -> None:
    network = _checkpoint(llama).network if family == "llama" else _qwen2()
    before = {name: weights.clone() for name, weights in network.state_dict().items()}
    even = smoothed(network, _SEQUENCES[:4])
    torch.testing.assert_close(_logits(even, _SEQUENCES[8]), _logits(network, _SEQUENCES[8]), rtol=1e-3, atol=1e-3)
    assert not torch.equal(even.model.layers[0].mlp.up_proj.weight, before["model.layers.0.mlp.up_proj.weight"])
    assert torch.equal(even.get_input_embeddings().weight, before["model.embed_tokens.weight"])
    assert all(torch.equal(weights, before[name]) for name, weights in network.state_dict().items())


def test_outliers_cost_less_once_they_are_moved(llama: Path, tmp_path: Path) -> None:
    checkpoint = _checkpoint(llama)
    differences = []
    untouched: Any = load_causal(llama, 32).network
    untied = smoothed(untouched, _SEQUENCES[:1])  # for its shape: the quantiser takes no table that is shared
    untied.load_state_dict(checkpoint.network.state_dict())
    for name, network in (("plain", untied), ("smoothed", smoothed(checkpoint.network, _SEQUENCES[::2]))):
        write_graph(replace(checkpoint, network=network), tmp_path / f"{name}.fp32.onnx")
        write_int8(tmp_path / f"{name}.fp32.onnx", tmp_path / f"{name}.onnx")
        reference = torch_expectations(checkpoint, _SEQUENCES[1::2])
        parity = companion_parity(reference, ExpectationRunner(tmp_path / f"{name}.onnx", 1), _SEQUENCES[1::2])
        differences.append(parity.mean_log_probability_difference)
    assert differences[1] < differences[0] / 2


def test_a_bundle_runs_at_the_fastest_precision_that_it_has(llama: Path, tmp_path: Path) -> None:
    order = CompanionOrder("fast", ("fp32", "int8", "int8-dynamic"), max_tokens=32, texts=TEXTS)
    companion = load_companion(write_companion(llama, tmp_path / "out", order), 1)
    assert "at int8-dynamic" in companion.describe()
    parity = companion.manifest.precisions["int8-dynamic"].parity
    assert parity.curvature_correlation is not None
    assert parity.curvature_correlation > 0.95
    graph = onnx.load(str(tmp_path / "out" / "model.int8-dynamic.onnx")).graph
    operators = Counter(node.op_type for node in graph.node)
    assert operators["MatMulInteger"] + operators["DynamicQuantizeMatMul"] == 2 * 7 + 1
    alone, among = companion.score([TEXTS[3]]), companion.score(TEXTS)
    assert alone[0] == among[3]


@pytest.mark.parametrize("tied", [True, False])
def test_a_table_that_is_first_layer_and_last_is_stored_once(tied: bool, llama: Path, tmp_path: Path) -> None:
    checkpoint = _checkpoint(llama)
    even = smoothed(checkpoint.network, _SEQUENCES[::2])
    if not tied:
        with torch.no_grad():
            even.get_output_embeddings().weight.add_(torch.randn(even.get_output_embeddings().weight.shape))
    write_graph(replace(checkpoint, network=even), tmp_path / "fp32.onnx")
    write_int8(tmp_path / "fp32.onnx", tmp_path / "twice.onnx")
    write_int8_with_one_table(tmp_path / "fp32.onnx", tmp_path / "once.onnx")
    tables = [
        tensor.name
        for tensor in onnx.load(str(tmp_path / "once.onnx")).graph.initializer
        if sorted(tensor.dims) == sorted(even.get_output_embeddings().weight.shape)
    ]
    assert len(tables) == (1 if tied else 2)
    reference = torch_expectations(replace(checkpoint, network=even), _SEQUENCES[1::2])
    twice, once = (
        companion_parity(reference, ExpectationRunner(tmp_path / f"{name}.onnx", 1), _SEQUENCES[1::2])
        for name in ("twice", "once")
    )
    assert once.mean_log_probability_difference < 1.5 * twice.mean_log_probability_difference + 0.01


def test_it_is_refused_in_a_format_that_older_programs_read(llama: Path, tmp_path: Path) -> None:
    out = write_companion(
        llama, tmp_path / "out", CompanionOrder("fast", ("int8-dynamic",), max_tokens=32, texts=TEXTS)
    )
    with pytest.raises(BundleError, match="format version 1 knows neither"):
        load_companion(_with_manifest(out, tmp_path, format_version=1))


def test_another_family_is_told_what_to_take(tmp_path: Path) -> None:
    gpt2 = write_causal(tmp_path / "gpt2", "gpt2")
    with pytest.raises(InputError, match="take --precision int8"):
        write_companion(gpt2, tmp_path / "out", CompanionOrder("fast", ("int8-dynamic",), max_tokens=32, texts=TEXTS))
