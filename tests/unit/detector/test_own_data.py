"""Whoever names their own data with its hash trains on it; data that are none of the package's are refused without."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from moderation.cli import companion, detector
from moderation.errors import InputError
from moderation.lab.textdata.rows import permits_weights
from tests.unit.detector.small_encoders import log_of, small_bert
from tests.unit.detector.small_text_data import write_data


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("own"), "forum", humans=600, machines=600, alone=1500)


def _run(manifest: Path, room: str, *words: str) -> None:
    """Run a command with the data and their manifest; whatever it raises is raised."""
    app = {"detector": detector.app, "companion": companion.app}[room]
    given = ["--data", str(manifest.parent), "--data-manifest", str(manifest)]
    done = CliRunner().invoke(app, [*words, *given], catch_exceptions=False)
    assert done.exit_code == 0, done.output


def test_an_encoder_is_trained_and_its_log_names_the_sources_of_the_data(manifest: Path, tmp_path: Path) -> None:
    encoder = small_bert(tmp_path / "encoder")
    _run(manifest, "detector", "train", "--from", str(encoder), "--steps", "2", "--out", str(tmp_path / "run"))
    assert "forum" in log_of(tmp_path / "run")[-1]["validation"]


def test_ngrams_are_fitted(manifest: Path, tmp_path: Path) -> None:
    _run(manifest, "detector", "train", "--kind", "words", "--out", str(tmp_path / "words"))
    assert "forum" in log_of(tmp_path / "words")[-1]["validation"]


def test_an_encoder_is_pretrained(manifest: Path, tmp_path: Path) -> None:
    encoder = small_bert(tmp_path / "encoder")
    _run(manifest, "detector", "pretrain", "--from", str(encoder), "--steps", "2", "--out", str(tmp_path / "run"))
    assert [entry["step"] for entry in log_of(tmp_path / "run")] == [1, 2]


def test_the_slice_that_no_training_sees_is_written(manifest: Path, tmp_path: Path) -> None:
    out = tmp_path / "heldout.jsonl"
    _run(manifest, "detector", "heldout", "--out", str(out))
    rows = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert {row["label"] for row in rows} == {0, 1}
    assert {"forum"} <= {row["source"] for row in rows}


def test_a_language_model_is_trained(manifest: Path, tmp_path: Path) -> None:
    _run(manifest, "companion", "train", "--steps", "1", "--out", str(tmp_path / "run"))
    assert log_of(tmp_path / "run")[-1]["step"] == 1


@pytest.mark.parametrize(("licence", "permitted"), [("cc-by-nc-sa", False), ("CC-BY-NC-4.0", False), ("", True)])
def test_a_licence_that_forbids_commercial_use_is_known_however_it_is_written(licence: str, permitted: bool) -> None:
    assert permits_weights(licence) is permitted


@pytest.mark.parametrize(
    ("room", "words"),
    [
        ("detector", ["train", "--out", "run"]),
        ("detector", ["train", "--kind", "ngrams", "--out", "run"]),
        ("detector", ["pretrain", "--out", "run"]),
        ("detector", ["heldout", "--out", "heldout.jsonl"]),
        ("companion", ["train", "--out", "run"]),
    ],
    ids=["train", "ngrams", "pretrain", "heldout", "companion"],
)
def test_without_the_manifest_the_refusal_names_the_option(
    manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: str, words: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    app = {"detector": detector.app, "companion": companion.app}[room]
    with pytest.raises(InputError, match="name your own with --data-manifest"):
        CliRunner().invoke(app, [*words, "--data", str(manifest.parent)], catch_exceptions=False)
