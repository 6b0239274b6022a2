"""Invalid bundles are refused with an error message."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from moderation.checksum import sha256_of
from moderation.detector import load_detector
from moderation.detector.shipped import SHIPPED
from moderation.errors import BundleError


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SHIPPED, tmp_path / "bundle"))


def _change(bundle: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = bundle / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    change(manifest)
    path.write_text(json.dumps(manifest), encoding="utf-8")


def test_a_missing_bundle_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="does not exist"):
        load_detector(tmp_path / "nowhere")


def test_a_missing_file_is_refused(bundle: Path) -> None:
    (bundle / "tokenizer.json").unlink()
    with pytest.raises(BundleError, match=r"lacks tokenizer\.json"):
        load_detector(bundle)


def test_a_wrong_hash_is_refused(bundle: Path) -> None:
    with (bundle / "model.int8.onnx").open("ab") as file:
        file.write(b"\0")
    with pytest.raises(BundleError, match="is not the file of the manifest"):
        load_detector(bundle)


def test_a_file_without_a_hash_is_refused(bundle: Path) -> None:
    _change(bundle, lambda manifest: manifest["files"].pop("model.int8.onnx"))
    with pytest.raises(BundleError, match="has no hash of"):
        load_detector(bundle)


def test_a_file_outside_the_bundle_is_refused(bundle: Path) -> None:
    _change(bundle, lambda manifest: manifest["files"].update({"../other": "0" * 64}))
    with pytest.raises(BundleError, match="not a plain file name"):
        load_detector(bundle)


def test_another_format_version_is_refused(bundle: Path) -> None:
    _change(bundle, lambda manifest: manifest.update(format_version=99))
    with pytest.raises(BundleError, match="this version reads"):
        load_detector(bundle)


@pytest.mark.parametrize(
    "content",
    ["", "[]", "not JSON", '{"format_version": 1}', "[" * 200_000],
    ids=["empty", "a list", "no JSON", "a version alone", "nested"],
)
def test_a_damaged_manifest_is_refused(bundle: Path, content: str) -> None:
    (bundle / "manifest.json").write_text(content, encoding="utf-8")
    with pytest.raises(BundleError, match=r"manifest\.json"):
        load_detector(bundle)


def test_wrong_polarity_is_refused(bundle: Path) -> None:
    def swap(manifest: dict[str, Any]) -> None:
        for probe in manifest["probes"]:
            probe["label"] = 1 - probe["label"]

    _change(bundle, swap)
    with pytest.raises(BundleError, match="contradict the polarity"):
        load_detector(bundle)


def test_bundle_without_probes_of_a_label_is_refused(bundle: Path) -> None:
    _change(bundle, lambda manifest: manifest.update(probes=[]))
    with pytest.raises(BundleError, match="lacks probe texts of a label"):
        load_detector(bundle)


def test_another_tokenizer_is_refused(bundle: Path) -> None:
    path = bundle / "tokenizer.json"
    tokenizer = json.loads(path.read_text(encoding="utf-8"))
    vocabulary = tokenizer["model"]["vocab"]
    vocabulary["the"], vocabulary["a"] = vocabulary["a"], vocabulary["the"]
    path.write_text(json.dumps(tokenizer), encoding="utf-8")
    _change(bundle, lambda manifest: manifest["files"].update({"tokenizer.json": sha256_of(path)}))
    with pytest.raises(BundleError, match="tokenizer"):
        load_detector(bundle)


def test_a_bundle_for_another_device_is_refused(bundle: Path) -> None:
    def only_fp16(manifest: dict[str, Any]) -> None:
        manifest["precisions"] = {"fp16": manifest["precisions"]["int8"]}

    _change(bundle, only_fp16)
    if not Path("/dev/nvidiactl").exists():
        with pytest.raises(BundleError, match="no precision that runs here"):
            load_detector(bundle)


def test_a_graph_that_onnxruntime_cannot_run_is_refused(bundle: Path) -> None:
    path = bundle / "model.int8.onnx"
    path.write_bytes(b"no graph")
    _change(bundle, lambda manifest: manifest["files"].update({"model.int8.onnx": sha256_of(path)}))
    with pytest.raises(BundleError, match="cannot run"):
        load_detector(bundle)
