"""Any checkpoint of the family becomes a bundle that scores as PyTorch does."""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import Tensor, nn
from transformers import RobertaForSequenceClassification

from export.bundle import BundleOrder, write_bundle
from export.checkpoint import load_checkpoint
from export.graph import assert_fused_attention, write_graph
from export.precision import write_fp16
from moderation.detector import load_detector
from moderation.detector.manifest import read_manifest
from moderation.detector.shipped import SHIPPED
from moderation.errors import InputError
from tests.unit.export.conftest import write_checkpoint

pytestmark = pytest.mark.slow

_TEXTS = tuple(
    " ".join(f"w{4 + (7 * start + step) % 290}" for step in range(length))
    for start, length in enumerate([1, 3, 9, 30, 31, 80, 700])
)


@pytest.fixture(scope="module")
def bundle(roberta: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("bundles") / "both"
    return write_bundle(roberta, out, BundleOrder("both", ("fp32", "int8"), probes=roberta / "probes.json"))


def _only(bundle: Path, precision: str, folder: Path) -> Path:
    """A copy of the bundle that offers one precision."""
    copy = Path(shutil.copytree(bundle, folder / precision))
    manifest = json.loads((copy / "manifest.json").read_text(encoding="utf-8"))
    manifest["precisions"] = {precision: manifest["precisions"][precision]}
    (copy / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return copy


def test_attention_is_one_operator_in_every_layer(bundle: Path) -> None:
    assert_fused_attention(bundle / "model.fp32.onnx", layers=2)
    assert_fused_attention(bundle / "model.int8.onnx", layers=2)
    with pytest.raises(InputError, match="not fused"):
        assert_fused_attention(bundle / "model.fp32.onnx", layers=3)


def test_the_last_layer_is_computed_for_the_first_token_and_heads_are_split_inside_attention(bundle: Path) -> None:
    graph = onnx.load(str(bundle / "model.fp32.onnx")).graph
    shapes = {value.name: value.type.tensor_type.shape.dim for value in graph.value_info}
    attention = [node for node in graph.node if node.op_type == "Attention"]
    assert not any(node.op_type == "Transpose" for node in graph.node)
    tokens = [shapes[node.input[0]][1].dim_value for node in attention]
    assert tokens[-1] == 1
    assert 1 not in tokens[:-1]


def test_fp16_keeps_the_softmax_inside_attention_in_fp32(bundle: Path, tmp_path: Path) -> None:
    write_fp16(bundle / "model.fp32.onnx", tmp_path / "model.fp16.onnx")
    attention = [
        node for node in onnx.load(str(tmp_path / "model.fp16.onnx")).graph.node if node.op_type == "Attention"
    ]
    precisions = [{a.name: a.i for a in node.attribute}["softmax_precision"] for node in attention]
    assert precisions == [onnx.TensorProto.FLOAT] * 2


def test_fp16_computes_normalisation_and_head_in_fp32_and_rounds_nothing_between_them(
    bundle: Path, tmp_path: Path
) -> None:
    write_fp16(bundle / "model.fp32.onnx", tmp_path / "model.fp16.onnx")
    graph = onnx.load(str(tmp_path / "model.fp16.onnx")).graph
    types = {tensor.name: tensor.data_type for tensor in graph.initializer}
    casts = {node.output[0]: node.attribute[0].i for node in graph.node if node.op_type == "Cast"}
    sources = {node.output[0]: node.input[0] for node in graph.node if node.op_type == "Cast"}
    kept = [node for node in graph.node if node.op_type in ("LayerNormalization", "Gemm", "Tanh")]
    assert {node.op_type for node in kept} == {"LayerNormalization", "Gemm", "Tanh"}
    for node in kept:
        for name in node.input:
            assert casts.get(name, onnx.TensorProto.FLOAT) == onnx.TensorProto.FLOAT
            assert casts.get(sources.get(name, "")) != onnx.TensorProto.FLOAT16
    weights = [node.input[1] for node in graph.node if node.op_type == "MatMul"]
    assert {types[name] for name in weights} == {onnx.TensorProto.FLOAT16}


def test_logits_at_fp16_are_not_rounded_to_fp16(bundle: Path, tmp_path: Path) -> None:
    write_fp16(bundle / "model.fp32.onnx", tmp_path / "model.fp16.onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "model.fp16.onnx"), providers=["CPUExecutionProvider"])
    ids = np.arange(5, 45, dtype=np.int64).reshape(8, 5)
    (logits,) = session.run(["logits"], {"input_ids": ids, "attention_mask": np.ones_like(ids)})
    assert logits.dtype == np.float32
    assert (logits != logits.astype(np.float16)).any()


class _Bessel(nn.Module):
    """A layer with an operator that ONNX has not."""

    def forward(self, hidden: Tensor) -> Tensor:
        return torch.special.bessel_j0(hidden)


def test_an_operator_that_onnx_has_not_is_told_in_a_sentence(roberta: Path, tmp_path: Path) -> None:
    checkpoint = load_checkpoint(roberta)
    network: Any = checkpoint.network
    classifier = next(part for part in network.modules() if hasattr(part, "roberta"))
    classifier.roberta.encoder.layer[0].intermediate.intermediate_act_fn = _Bessel()
    with pytest.raises(InputError, match="PyTorch cannot export this checkpoint to ONNX"):
        write_graph(checkpoint, tmp_path / "model.onnx")


def test_a_bundle_carries_no_path_of_the_machine_that_exported_it(bundle: Path) -> None:
    for file in (*bundle.iterdir(), *SHIPPED.iterdir()):
        assert b'.py", line' not in file.read_bytes(), f"a stack trace in {file.name}"


def test_parity_with_pytorch_is_measured_and_recorded(bundle: Path) -> None:
    precisions = read_manifest(bundle)[0].precisions
    assert precisions["fp32"].parity.largest_logit_difference < 1e-4
    assert precisions["fp32"].batch_independent
    assert 0 < precisions["int8"].parity.largest_logit_difference < 1
    assert not precisions["int8"].batch_independent


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_a_score_does_not_depend_on_its_neighbours(bundle: Path, tmp_path: Path, precision: str) -> None:
    detector = load_detector(_only(bundle, precision, tmp_path), threads=2, remembered_texts=0)
    together = [score.logit for score in detector.score(_TEXTS)]
    alone = [detector.score([text])[0].logit for text in _TEXTS]
    assert np.abs(np.subtract(together, alone)).max() <= 1e-4


def test_int8_weights_are_used_where_they_count(bundle: Path) -> None:
    operators = {node.op_type for node in onnx.load(str(bundle / "model.int8.onnx")).graph.node}
    assert "MatMulInteger" in operators


def test_a_long_text_is_read_to_its_end_in_sections_of_at_most_510_tokens(bundle: Path) -> None:
    manifest, _ = read_manifest(bundle)
    assert manifest.max_tokens == 510
    (score,) = load_detector(bundle).score([_TEXTS[-1]])
    assert len(score.sections) == 2
    assert score.sections[0].start == 0
    assert score.sections[-1].end == len(_TEXTS[-1])
    assert score.n_tokens == 700


@pytest.mark.parametrize("kind", ["bert", "xlm-roberta"])
def test_other_encoders_export_by_the_same_code(tmp_path: Path, kind: str) -> None:
    checkpoint = write_checkpoint(tmp_path / kind, kind)
    out = write_bundle(checkpoint, tmp_path / "out", BundleOrder(kind, ("fp32",), probes=checkpoint / "probes.json"))
    manifest, _ = read_manifest(out)
    assert manifest.precisions["fp32"].parity.largest_logit_difference < 1e-4
    assert math.isfinite(load_detector(out).score(["w9 w10"])[0].logit)


def test_a_link_to_a_bundle_leads_to_the_new_one_and_a_file_is_refused(roberta: Path, tmp_path: Path) -> None:
    order = BundleOrder("one", ("fp32",), probes=roberta / "probes.json")
    write_bundle(roberta, tmp_path / "v1", order)
    (tmp_path / "current").symlink_to(tmp_path / "v1")
    write_bundle(roberta, tmp_path / "current", replace(order, name="two"))
    assert (tmp_path / "current").is_symlink()
    assert read_manifest(tmp_path / "v1")[0].name == "two"
    assert {path.name for path in tmp_path.iterdir()} == {"v1", "current"}
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="not a directory"):
        write_bundle(roberta, tmp_path / "file", order)


def test_the_wrong_label_is_refused_by_the_probes(roberta: Path, tmp_path: Path) -> None:
    order = BundleOrder("wrong", ("fp32",), machine_label="human", probes=roberta / "probes.json")
    with pytest.raises(InputError, match="contradict"):
        write_bundle(roberta, tmp_path / "out", order)
    assert not (tmp_path / "out").exists()


def test_a_directory_that_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"config\.json"):
        write_bundle(tmp_path / "none", tmp_path / "out", BundleOrder("none", ("fp32",)))


def test_a_checkpoint_of_the_wrong_kind_is_refused(roberta: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(roberta, tmp_path / "copy"))
    config = json.loads((copy / "config.json").read_text(encoding="utf-8"))
    (copy / "config.json").write_text(json.dumps(config | {"architectures": ["RobertaForMaskedLM"]}), encoding="utf-8")
    with pytest.raises(InputError, match="no sequence classifier"):
        write_bundle(copy, tmp_path / "out", BundleOrder("wrong", ("fp32",)))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"vocab_size": 200}, "vocabulary of 200, but its tokenizer gives ids up to 299"),
        ({"hidden_size": 64}, "cannot load"),
    ],
)
def test_a_checkpoint_whose_parts_do_not_fit_is_refused(
    roberta: Path, tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    copy = Path(shutil.copytree(roberta, tmp_path / "copy"))
    model = RobertaForSequenceClassification.from_pretrained(roberta)
    if "vocab_size" in changes:
        model.resize_token_embeddings(changes["vocab_size"])
        model.save_pretrained(copy)
    else:
        config = json.loads((copy / "config.json").read_text(encoding="utf-8"))
        (copy / "config.json").write_text(json.dumps(config | changes), encoding="utf-8")
    with pytest.raises(InputError, match=said):
        load_checkpoint(copy)


def test_a_place_whose_parent_is_a_file_is_refused(roberta: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        write_bundle(roberta, tmp_path / "file" / "out", BundleOrder("small", ("fp32",)))


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("config.json", b"{", "is no model's configuration"),
        ("config.json", b"[]", "is no model's configuration"),
        ("model.safetensors", b"\xff" * 64, "damaged"),
        ("model.safetensors", b"", "damaged"),
    ],
)
def test_a_damaged_checkpoint_is_told_in_a_sentence(
    roberta: Path, tmp_path: Path, file: str, content: bytes, said: str
) -> None:
    copy = Path(shutil.copytree(roberta, tmp_path / "copy"))
    assert (copy / file).is_file()
    (copy / file).write_bytes(content)
    with pytest.raises(InputError, match=said):
        load_checkpoint(copy)


def test_a_checkpoint_without_a_tokenizer_is_refused(roberta: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(roberta, tmp_path / "copy"))
    (copy / "tokenizer.json").unlink()
    with pytest.raises(InputError, match="tokenizer"):
        write_bundle(copy, tmp_path / "out", BundleOrder("none", ("fp32",)))


def test_a_directory_with_other_things_is_not_overwritten(roberta: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match="not empty"):
        write_bundle(roberta, tmp_path / "out", BundleOrder("none", ("fp32",)))
