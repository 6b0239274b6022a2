"""Unusable output paths are refused before any work."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from moderation.errors import InputError
from moderation.lab.commands import detector

# No data exist here, so that a command that reads them first raises another error.
_DATA = ["--data", "no data"]
_COMMANDS = {
    "heldout": (detector.app, ["heldout", *_DATA]),
    "compare": (detector.app, ["compare", *_DATA]),
    "evaluate": (detector.app, ["evaluate", *_DATA, "--bundle", "no bundle"]),
}


@pytest.fixture(autouse=True)
def _in_an_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(("app", "command"), _COMMANDS.values(), ids=_COMMANDS)
@pytest.mark.parametrize("out", [".", "folder", "nowhere/figures.json"])
def test_unwritable_output_is_refused_first(app: typer.Typer, command: list[str], out: str) -> None:
    Path("folder").mkdir()
    with pytest.raises(InputError, match=f"Cannot write {out} .*; name a file"):
        CliRunner().invoke(app, [*command, "--out", out], catch_exceptions=False)
    assert [path.name for path in Path().iterdir()] == ["folder"]


@pytest.mark.parametrize(
    ("command", "both"),
    [
        (["evaluate", "--out", "report.html"], "report.html is given twice"),
        (["evaluate", "--out", "a.json", "--report", "./a.json"], "a.json is given twice"),
        (["compare", "--out", "a.work"], "a.work is given twice"),
    ],
)
def test_outputs_with_the_same_path_are_refused(command: list[str], both: str) -> None:
    with pytest.raises(InputError, match=both):
        CliRunner().invoke(detector.app, [*command, *_DATA], catch_exceptions=False)
    assert not list(Path().iterdir())
