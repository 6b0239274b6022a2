"""The exported graph tells of each token what PyTorch tells, and stores its table of words once."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from transformers import AutoModelForCausalLM

from moderation.detector.companion import load_companion
from moderation.detector.companion.manifest import read_companion_manifest
from moderation.detector.companion.session import INPUT, OUTPUTS, ExpectationRunner
from moderation.detector.companion.statistics import features_of
from tests.unit.companion.checkpoints import WORDS

_RNG = np.random.default_rng(11)
_SEQUENCES = [np.concatenate([[0], _RNG.integers(3, WORDS, length)]) for length in (1, 4, 17, 32)]


def _log_probabilities(checkpoint: Path, sequence: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
    """(tokens, vocabulary) by the whole logits, in double precision."""
    model = AutoModelForCausalLM.from_pretrained(str(checkpoint))
    with torch.inference_mode():
        logits = model(input_ids=torch.from_numpy(sequence)[None]).logits[0, :-1].double()
    return np.asarray(logits.log_softmax(dim=-1).numpy())


@pytest.mark.parametrize("sequence", _SEQUENCES, ids=len)
def test_every_token_has_pytorchs_numbers_in_fp32(checkpoint: Path, bundle: Path, sequence: np.ndarray) -> None:  # type: ignore[type-arg]
    (found,) = ExpectationRunner(bundle / "model.fp32.onnx", 1).expectations([sequence])
    every = _log_probabilities(checkpoint, sequence)
    actual = every[np.arange(len(every)), sequence[1:]]
    expected = (np.exp(every) * every).sum(axis=1)
    variance = (np.exp(every) * every**2).sum(axis=1) - expected**2
    assert np.abs(found.log_probability - actual).max() < 1e-4
    assert np.abs(found.expected - expected).max() < 1e-4
    assert np.abs(found.variance - variance).max() < 1e-4
    assert (found.rank == (every > actual[:, None]).sum(axis=1)).all()


def test_curvature_is_what_the_whole_logits_give(checkpoint: Path, bundle: Path) -> None:
    sequence = _SEQUENCES[-1]
    (found,) = ExpectationRunner(bundle / "model.fp32.onnx", 1).expectations([sequence])
    every = _log_probabilities(checkpoint, sequence)
    probabilities = np.exp(every)
    mean = (probabilities * every).sum(axis=1)
    spread = (probabilities * every**2).sum(axis=1) - mean**2
    direct = (every[np.arange(len(every)), sequence[1:]].sum() - mean.sum()) / np.sqrt(spread.sum())
    assert features_of(found).curvature == pytest.approx(direct, abs=1e-4)


def test_int8_is_near_fp32_and_both_are_recorded(bundle: Path) -> None:
    precisions = read_companion_manifest(bundle)[0].precisions
    assert precisions["fp32"].parity.largest_log_probability_difference < 1e-4
    assert 0 < precisions["int8"].parity.largest_log_probability_difference < 1
    correlation = precisions["int8"].parity.curvature_correlation
    assert correlation is not None
    assert correlation > 0.95
    assert precisions["int8"].parity.texts == 12


def test_int8_multiplies_in_blocks_and_keeps_no_large_matrix_in_fp32(bundle: Path) -> None:
    graph = onnx.load(str(bundle / "model.int8.onnx")).graph
    operators = Counter(node.op_type for node in graph.node)
    assert operators["MatMulNBits"] >= 2 * 4 + 1
    assert not operators["Gemm"]
    large = [tensor for tensor in graph.initializer if np.prod(tensor.dims) > WORDS * 16]
    assert {tensor.data_type for tensor in large} == {onnx.TensorProto.UINT8}


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_the_table_of_words_is_stored_once(bundle: Path, precision: str) -> None:
    graph = onnx.load(str(bundle / f"model.{precision}.onnx")).graph
    tables = [tensor.name for tensor in graph.initializer if WORDS in tensor.dims and np.prod(tensor.dims) > WORDS * 16]
    assert len(tables) == 1


def test_logits_never_leave_the_graph(bundle: Path) -> None:
    graph = onnx.load(str(bundle / "model.int8.onnx")).graph
    assert [value.name for value in graph.input] == [INPUT]
    assert [value.name for value in graph.output] == list(OUTPUTS)
    assert all(len(value.type.tensor_type.shape.dim) == 1 for value in graph.output)


def test_no_file_carries_a_path_of_the_machine_that_exported_it(bundle: Path) -> None:
    for file in bundle.iterdir():
        assert b'.py", line' not in file.read_bytes(), file.name


def test_a_bundle_of_both_precisions_runs_at_int8(bundle: Path) -> None:
    assert "at int8" in load_companion(bundle, 1).describe()
