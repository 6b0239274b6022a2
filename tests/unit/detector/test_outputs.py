"""Where figures cannot stand, or would overwrite each other, is told before any work."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from moderation.cli import companion, detector
from moderation.detector.companion import shipped_companion
from moderation.errors import InputError

# None of these has data or texts to read, so that a command which looks at them first says another sentence.
_DATA = ["--data", "no data"]
_COMMANDS = {
    "heldout": (detector.app, ["heldout", *_DATA]),
    "compare": (detector.app, ["compare", *_DATA]),
    "evaluate": (detector.app, ["evaluate", *_DATA, "--bundle", "no bundle"]),
    "judge": (companion.app, ["judge", "no texts", "--companion", "none"]),
}


@pytest.fixture(autouse=True)
def _in_an_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(("app", "command"), _COMMANDS.values(), ids=_COMMANDS)
@pytest.mark.parametrize("out", [".", "folder", "nowhere/figures.json"])
def test_an_output_that_cannot_be_written_is_told_first(app: typer.Typer, command: list[str], out: str) -> None:
    Path("folder").mkdir()
    with pytest.raises(InputError, match=f"Cannot write {out} .*: name a file"):
        CliRunner().invoke(app, [*command, "--out", out], catch_exceptions=False)
    assert [path.name for path in Path().iterdir()] == ["folder"]


@pytest.mark.parametrize(
    ("command", "both"),
    [
        (["evaluate", "--out", "report.html"], "The figures and the page would both be report.html"),
        (["evaluate", "--out", "a.json", "--report", "./a.json"], "The figures and the page would both be a.json"),
        (["compare", "--out", "a.work"], "The figures and the folder of finished fits would both be a.work"),
    ],
)
def test_figures_and_what_stands_beside_them_are_not_one(command: list[str], both: str) -> None:
    with pytest.raises(InputError, match=both):
        CliRunner().invoke(detector.app, [*command, *_DATA], catch_exceptions=False)
    assert not list(Path().iterdir())


def test_a_joined_bundle_does_not_replace_the_folder_that_one_works_in() -> None:
    Path("thesis.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match="is no joined bundle; name a new directory"):
        CliRunner().invoke(companion.app, ["join", str(shipped_companion()), ".", *_DATA], catch_exceptions=False)
    assert [path.name for path in Path().iterdir()] == ["thesis.txt"]
