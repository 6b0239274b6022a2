"""What is no companion, or no longer the one that was exported, is refused in a sentence."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import BertConfig, BertForMaskedLM, LlamaForSequenceClassification

from export.causal import gguf_file
from export.causal.bundle import CompanionOrder, write_companion
from moderation.detector import shipped_detector
from moderation.detector.companion import load_companion
from moderation.errors import BundleError, InputError, SettingsError
from tests.unit.companion.checkpoints import TEXTS

_ORDER = CompanionOrder("none", ("fp32",), max_tokens=32, texts=TEXTS)


def _with_manifest(bundle: Path, folder: Path, **changes: Any) -> Path:
    copy = Path(shutil.copytree(bundle, folder / "copy"))
    manifest = json.loads((copy / "manifest.json").read_text(encoding="utf-8"))
    (copy / "manifest.json").write_text(json.dumps(manifest | changes), encoding="utf-8")
    return copy


def test_a_precision_that_is_not_there_is_refused(companion_dir: Path) -> None:
    with pytest.raises(BundleError, match="has no fp32, only int8"):
        load_companion(companion_dir, precision="fp32")


def test_a_checkpoint_of_another_kind_is_refused(tmp_path: Path) -> None:
    size = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
    BertForMaskedLM(BertConfig(vocab_size=20, **size)).save_pretrained(tmp_path / "bert")
    with pytest.raises(InputError, match=r"kind 'bert'.*gpt2, llama"):
        write_companion(tmp_path / "bert", tmp_path / "out", _ORDER)
    assert not (tmp_path / "out").exists()


def test_a_classifier_of_a_known_family_is_refused(llama: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    LlamaForSequenceClassification.from_pretrained(str(llama)).save_pretrained(tmp_path / "classifier")
    with pytest.raises(InputError, match="predicts no next token"):
        write_companion(tmp_path / "classifier", tmp_path / "out", _ORDER)


def test_a_directory_without_a_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no config\.json"):
        write_companion(tmp_path / "none", tmp_path / "out", _ORDER)


def test_a_checkpoint_without_a_tokenizer_is_refused(llama: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(llama, tmp_path / "copy"))
    (copy / "tokenizer.json").unlink()
    with pytest.raises(InputError, match=r"no tokenizer\.json"):
        write_companion(copy, tmp_path / "out", _ORDER)


def test_a_window_longer_than_the_model_reads_is_refused(llama: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="from 4 to 63"):
        write_companion(llama, tmp_path / "out", CompanionOrder("long", ("fp32",), max_tokens=64, texts=TEXTS))


def test_a_gguf_file_that_is_none_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "weights.gguf"
    file.write_bytes(b"PK\x03\x04 something else")
    with pytest.raises(InputError, match="no GGUF file"):
        write_companion(file, tmp_path / "out", _ORDER)
    with pytest.raises(InputError, match="cannot be read"):
        write_companion(tmp_path / "missing.gguf", tmp_path / "out", _ORDER)


def test_a_damaged_gguf_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "weights.gguf"
    file.write_bytes(b"GGUF\x03\x00\x00\x00")
    with pytest.raises(InputError, match="damaged"):
        write_companion(file, tmp_path / "out", _ORDER)


def test_without_the_package_that_reads_it_a_gguf_file_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "weights.gguf"
    file.write_bytes(b"GGUF\x03\x00\x00\x00")
    monkeypatch.setattr(gguf_file, "_NEEDED", ("no_such_package_here",))
    with pytest.raises(SettingsError, match="no_such_package_here"):
        write_companion(file, tmp_path / "out", _ORDER)


def test_a_directory_with_other_things_is_not_overwritten(llama: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match="not empty"):
        write_companion(llama, tmp_path / "out", _ORDER)


def test_a_newer_manifest_is_refused(companion_dir: Path, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"format version 3.*upgrade"):
        load_companion(_with_manifest(companion_dir, tmp_path, format_version=3))


def test_fewer_windows_in_a_format_that_older_programs_read_are_refused(companion_dir: Path, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="format version 1 knows neither"):
        load_companion(_with_manifest(companion_dir, tmp_path, most_windows=2))


def test_a_changed_file_is_refused(companion_dir: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(companion_dir, tmp_path / "copy"))
    with (copy / "tokenizer.json").open("a", encoding="utf-8") as file:
        file.write(" ")
    with pytest.raises(BundleError, match="not the file that the manifest names"):
        load_companion(copy)


def test_a_missing_file_is_refused(companion_dir: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(companion_dir, tmp_path / "copy"))
    (copy / "model.int8.onnx").unlink()
    with pytest.raises(BundleError, match=r"lacks model\.int8\.onnx"):
        load_companion(copy)


def test_another_tokenizer_is_refused(companion_dir: Path, tmp_path: Path) -> None:
    probes = [{"text": TEXTS[0], "token_ids": [5, 6, 7, 8]}]
    with pytest.raises(BundleError, match="other tokens"):
        load_companion(_with_manifest(companion_dir, tmp_path, probes=probes))


def test_a_runtime_that_computes_otherwise_is_refused(companion_dir: Path, tmp_path: Path) -> None:
    manifest = json.loads((companion_dir / "manifest.json").read_text(encoding="utf-8"))
    manifest["precisions"]["int8"]["probe_log_probabilities"][1] += 0.2
    with pytest.raises(BundleError, match="another probability"):
        load_companion(_with_manifest(companion_dir, tmp_path, precisions=manifest["precisions"]))


def test_a_detector_is_no_companion_and_an_empty_folder_is_none(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="no companion"):
        load_companion(shipped_detector())
    with pytest.raises(BundleError, match="No companion at"):
        load_companion(tmp_path)
