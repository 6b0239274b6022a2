"""The command exports, scores, and tells of lines that it cannot read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from moderation.cli.companion import app
from moderation.detector.companion import FEATURES, load_companion
from moderation.errors import SettingsError
from tests.unit.companion.checkpoints import TEXTS


def test_figures_of_each_post_are_written_in_order_and_bad_lines_are_told(companion_dir: Path, tmp_path: Path) -> None:
    source, out, bad = tmp_path / "posts.jsonl", tmp_path / "out.jsonl", tmp_path / "bad.jsonl"
    posts = [{"post_id": str(number), "text": text} for number, text in enumerate((*TEXTS * 4, "w270"))]
    lines = [json.dumps(post) for post in posts]
    source.write_text("\n".join([*lines[:3], "{broken", *lines[3:]]) + "\n", encoding="utf-8")
    arguments = ["score", str(source), "-o", str(out), "--rejects", str(bad), "--companion", str(companion_dir)]
    done = CliRunner().invoke(app, [*arguments, "--threads", "1", "--tokens"])
    assert done.exit_code == 7, done.output
    found = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert [line["post_id"] for line in found] == [post["post_id"] for post in posts]
    features = load_companion(companion_dir, 1).score([TEXTS[2]])[0].features
    assert {name: found[2][name] for name in FEATURES} == {name: getattr(features, name) for name in FEATURES}
    assert sum(not token["repeated"] for token in found[2]["tokens"]) == found[2]["n_tokens"]
    assert found[-1]["curvature"] is None
    assert found[-1]["tokens"] == []
    assert [json.loads(line)["line"] for line in bad.read_text(encoding="utf-8").splitlines()] == [4]


def test_an_unknown_precision_is_refused(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["export", str(tmp_path), str(tmp_path / "out"), "--precision", "fp16"])
    assert isinstance(done.exception, SettingsError)
    assert "takes fp32, int8 and int8-dynamic" in str(done.exception)


@pytest.mark.parametrize("precision", ["fp32"])
def test_export_writes_a_companion_with_its_licence_and_notice(llama: Path, tmp_path: Path, precision: str) -> None:
    notice = tmp_path / "NOTICE"
    notice.write_text("Made by us.", encoding="utf-8")
    arguments = ["export", str(llama), str(tmp_path / "out"), "--precision", precision, "--max-tokens", "63"]
    done = CliRunner().invoke(app, [*arguments, "--licence", "MIT", "--notice", str(notice)])
    assert done.exit_code == 0, done.output
    manifest = load_companion(tmp_path / "out", 1).manifest
    assert manifest.licence == "MIT"
    assert manifest.family == "llama"
    assert manifest.vocabulary == 300
    assert manifest.first_token.name == "<|endoftext|>"
    assert set(manifest.files) == {"NOTICE", "model.fp32.onnx", "tokenizer.json"}
    assert len(manifest.probes) == 2
