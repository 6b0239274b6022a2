"""Two runs never write into one folder, or one file: the second is told before it reads the data."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from moderation.cli import companion, detector
from moderation.directories import worked_in_alone, written_alone
from moderation.errors import InputError


@pytest.mark.parametrize(
    ("app", "arguments"),
    [
        (companion.app, ["train"]),
        (companion.app, ["distil", "CHECKPOINT"]),
        (detector.app, ["train"]),
        (detector.app, ["train", "--kind", "ngrams"]),
        (detector.app, ["pretrain"]),
    ],
    ids=["companion train", "companion distil", "detector train", "n-grams", "detector pretrain"],
)
def test_a_second_run_in_a_folder_is_refused(
    app: typer.Typer, arguments: list[str], tmp_path: Path, llama: Path
) -> None:
    out = tmp_path / "run"
    given = [str(llama) if each == "CHECKPOINT" else each for each in arguments]
    with worked_in_alone(out):
        done = CliRunner().invoke(app, [*given, "--data", str(tmp_path), "--out", str(out)])
        assert isinstance(done.exception, InputError)
        assert "Another run is at work" in str(done.exception)
        assert [path.name for path in out.iterdir()] == [".lock"]


def _refused(app: typer.Typer, arguments: list[str], data: Path) -> None:
    done = CliRunner().invoke(app, [*arguments, "--data", str(data)])
    assert isinstance(done.exception, InputError)
    assert "Another run is at work" in str(done.exception)


@pytest.mark.parametrize("named", [True, False], ids=["--work", "beside --out"])
def test_a_second_comparison_on_the_same_fits_is_refused(named: bool, tmp_path: Path) -> None:
    kept = tmp_path / ("fits" if named else "figures.work")
    arguments = ["compare", "--out", str(tmp_path / "figures.json"), *(["--work", str(kept)] if named else [])]
    with worked_in_alone(kept):
        _refused(detector.app, arguments, tmp_path)
        assert [path.name for path in kept.iterdir()] == [".lock"]


def test_a_second_run_that_generates_into_a_file_is_refused_and_one_into_another_file_is_not(
    llama: Path, tmp_path: Path
) -> None:
    one, other = tmp_path / "one.jsonl", tmp_path / "other.jsonl"
    with written_alone(one):
        _refused(companion.app, ["generate", str(llama), "--out", str(one)], tmp_path)
        done = CliRunner().invoke(
            companion.app, ["generate", str(llama), "--out", str(other), "--data", str(tmp_path), "--threads", "1"]
        )
        assert "Cannot read" in str(done.exception), "it came as far as the data"
    assert not list(tmp_path.iterdir())
