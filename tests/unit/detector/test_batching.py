"""Batches keep limits of memory and time and the order of texts."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, save

from moderation.detector.batching import BatchRunner, batches_by_length, bound_runs, plain_runs
from moderation.detector.deadline import run_options
from moderation.errors import DetectorOverdue

PAD = 0
SEQUENCES = [np.arange(1, length + 1, dtype=np.int64) for length in (5, 40, 1, 17, 16, 33, 2, 40)]
SUMS = [float(sequence.sum()) for sequence in SEQUENCES]


@pytest.fixture(scope="module")
def adding(tmp_path_factory: pytest.TempPathFactory) -> onnxruntime.InferenceSession:
    """A network whose logit is the sum of the ids that the mask lets through."""
    both = [helper.make_tensor_value_info(n, TensorProto.INT64, ["t", "n"]) for n in ("input_ids", "attention_mask")]
    nodes = [
        helper.make_node("Mul", ["input_ids", "attention_mask"], ["seen"]),
        helper.make_node("Cast", ["seen"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("ReduceSum", ["floats", "axis"], ["logits"], keepdims=0),
    ]
    axis = helper.make_tensor("axis", TensorProto.INT64, [1], [1])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["t"])
    return _session(helper.make_graph(nodes, "adding", both, [logits], [axis]), tmp_path_factory.mktemp("adding"))


def _session(graph: Any, folder: Path) -> onnxruntime.InferenceSession:
    path = folder / "model.onnx"
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), str(path))
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


class Device:
    """Has memory for so many tokens, and notes the shapes that fitted."""

    def __init__(self, tokens: int) -> None:
        self.tokens = tokens
        self.shapes: list[tuple[int, ...]] = []
        self.refused = 0

    def __call__(self, ids: NDArray[np.int64], mask: NDArray[np.int64], _options: Any, /) -> NDArray[np.float32]:
        if ids.size > self.tokens:
            self.refused += 1
            raise RuntimeError("BFCArena::AllocateRawInternal Failed to allocate memory for requested buffer of size 9")
        self.shapes.append(ids.shape)
        return (ids * mask).sum(axis=1).astype(np.float32)


def test_scores_are_in_the_order_of_texts(adding: onnxruntime.InferenceSession) -> None:
    for runs in (plain_runs(adding), bound_runs(adding, "cpu")):
        assert BatchRunner(runs, PAD, 64, "here", "none").logits(SEQUENCES).tolist() == SUMS
        assert BatchRunner(runs, PAD, 64, "here", "none", length_step=16, longest=41).logits(SEQUENCES).tolist() == SUMS


def test_padding_gives_few_lengths_up_to_the_longest() -> None:
    device = Device(1000)
    BatchRunner(device, PAD, 100, "here", "none", length_step=16, longest=41).logits(SEQUENCES)
    assert {tokens for _, tokens in device.shapes} == {16, 41}


def test_out_of_memory_batch_is_halved_and_stays_small() -> None:
    device = Device(100)
    runner = BatchRunner(device, PAD, 1000, "here", "none")
    assert runner.logits(SEQUENCES).tolist() == SUMS
    assert device.refused > 0
    assert runner.tokens_in_a_batch <= 200
    before = device.refused
    for _ in range(5):
        assert runner.logits(SEQUENCES).tolist() == SUMS
    assert device.refused - before <= 1
    assert all(texts * tokens <= 100 for texts, tokens in device.shapes)


def test_out_of_memory_for_one_text_raises() -> None:
    with pytest.raises(RuntimeError, match="allocate"):
        BatchRunner(Device(20), PAD, 1000, "here", "none").logits(SEQUENCES)

    def broken(ids: NDArray[np.int64], mask: NDArray[np.int64], options: Any, /) -> NDArray[np.float32]:
        raise RuntimeError("Non-zero status code returned")

    with pytest.raises(RuntimeError, match="Non-zero"):
        BatchRunner(broken, PAD, 1000, "here", "none").logits(SEQUENCES)


@pytest.mark.parametrize(
    "message",
    [
        "BFCArena::AllocateRawInternal Failed to allocate memory for requested buffer of size 9",
        "CUDA failure 2: out of memory ; GPU=0",
        "CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED ; GPU=0",
    ],
)
def test_every_out_of_memory_message_halves_the_batch(message: str) -> None:
    def full(ids: NDArray[np.int64], mask: NDArray[np.int64], _options: Any, /) -> NDArray[np.float32]:
        if len(ids) > 1:
            raise RuntimeError(message)
        return (ids * mask).sum(axis=1).astype(np.float32)

    assert BatchRunner(full, PAD, 1000, "here", "none").logits(SEQUENCES).tolist() == SUMS


def test_warming_up_runs_a_full_batch_of_every_length() -> None:
    device = Device(1000)
    BatchRunner(device, PAD, 128, "here", "none").warm_up([16, 64])
    assert device.shapes == [(8, 16), (2, 64)]


def test_no_batch_exceeds_its_budget_and_every_text_is_in_one() -> None:
    lengths = [7, 90, 3, 200, 14, 14, 60]
    batches = list(batches_by_length(lengths, 100))
    assert sorted(index for members in batches for index in members) == list(range(len(lengths)))
    assert all(len(members) == 1 or len(members) * max(lengths[i] for i in members) <= 100 for members in batches)


def test_endless_run_is_stopped_at_its_deadline(tmp_path: Path) -> None:
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["going"], ["going_on"]),
            helper.make_node("Add", ["value", "one"], ["more"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("turn", TensorProto.INT64, []),
            helper.make_tensor_value_info("going", TensorProto.BOOL, []),
            helper.make_tensor_value_info("value", TensorProto.FLOAT, []),
        ],
        [
            helper.make_tensor_value_info("going_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("more", TensorProto.FLOAT, []),
        ],
        [helper.make_tensor("one", TensorProto.FLOAT, [], [1.0])],
    )
    loop = helper.make_node("Loop", ["turns", "true", "begin"], ["end"], body=body)
    graph = helper.make_graph(
        [loop],
        "for ever",
        [helper.make_tensor_value_info("begin", TensorProto.FLOAT, [])],
        [helper.make_tensor_value_info("end", TensorProto.FLOAT, [])],
        [
            helper.make_tensor("turns", TensorProto.INT64, [], [10**15]),
            helper.make_tensor("true", TensorProto.BOOL, [], [True]),
        ],
    )
    session = _session(graph, tmp_path)
    began = time.monotonic()
    with pytest.raises(DetectorOverdue, match=r"0\.5 s.*detector_deadline_s"), run_options(0.5) as options:
        session.run(["end"], {"begin": np.zeros((), np.float32)}, options)
    assert time.monotonic() - began >= 0.5


def test_failure_before_deadline_keeps_its_error(adding: onnxruntime.InferenceSession) -> None:
    with pytest.raises(ValueError, match="input_ids"), run_options(60) as options:
        adding.run(["logits"], {}, options)
