"""Two runs never write into one folder: the second is told before it reads the data."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from moderation.cli import companion, detector
from moderation.directories import worked_in_alone
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
