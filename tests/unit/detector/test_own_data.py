"""Whoever names their own data with its hash trains on it; data that are none of the package's are refused without."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from moderation.errors import InputError
from moderation.lab.commands import detector
from moderation.lab.textdata.manifest import DataManifest
from tests.unit.detector.small_encoders import log_of, small_bert
from tests.unit.detector.small_text_data import write_data

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("own"), "forum", humans=600, machines=600, alone=1500)


def _run(manifest: Path, *words: str) -> None:
    """Run a command with the data and their manifest; whatever it raises is raised."""
    given = ["--data", str(manifest.parent), "--data-manifest", str(manifest)]
    done = CliRunner().invoke(detector.app, [*words, *given], catch_exceptions=False)
    assert done.exit_code == 0, done.output


def test_an_encoder_is_trained_and_its_log_names_the_sources_of_the_data(manifest: Path, tmp_path: Path) -> None:
    encoder = small_bert(tmp_path / "encoder")
    _run(manifest, "train", "--from", str(encoder), "--steps", "2", "--out", str(tmp_path / "run"))
    assert "forum" in log_of(tmp_path / "run")[-1]["validation"]


def test_ngrams_are_fitted(manifest: Path, tmp_path: Path) -> None:
    _run(manifest, "train", "--kind", "words", "--out", str(tmp_path / "words"))
    assert "forum" in log_of(tmp_path / "words")[-1]["validation"]


def test_the_slice_that_no_training_sees_is_written(manifest: Path, tmp_path: Path) -> None:
    out = tmp_path / "heldout.jsonl"
    _run(manifest, "heldout", "--out", str(out))
    rows = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert {row["label"] for row in rows} == {0, 1}
    assert {"forum"} <= {row["source"] for row in rows}


@pytest.mark.parametrize(("licence", "permitted"), [("cc-by-nc-sa", False), ("CC-BY-NC-4.0", False), ("", True)])
def test_a_licence_that_forbids_commercial_use_is_known_however_it_is_written(licence: str, permitted: bool) -> None:
    assert DataManifest(files={}).permits_weights("forum", licence) is permitted


@pytest.mark.parametrize(
    "words",
    [
        ["train", "--out", "run"],
        ["train", "--kind", "ngrams", "--out", "run"],
        ["heldout", "--out", "heldout.jsonl"],
    ],
    ids=["train", "ngrams", "heldout"],
)
def test_without_the_manifest_the_refusal_names_the_option(
    manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="name your own with --data-manifest"):
        CliRunner().invoke(detector.app, [*words, "--data", str(manifest.parent)], catch_exceptions=False)
