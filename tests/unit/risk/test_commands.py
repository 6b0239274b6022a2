"""Unusable output paths are refused before the work begins."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from moderation.errors import InputError
from moderation.lab.commands.certify import certify_command
from moderation.lab.commands.evaluate import evaluate_command
from moderation.lab.commands.train import train_command


@pytest.mark.parametrize(
    ("command", "options", "message"),
    [
        (train_command, ["--data", "none", "--out", "file"], "not a directory"),
        (evaluate_command, ["--data", "none", "--out", "nowhere/figures.json"], "does not exist"),
        (certify_command, ["--events", "none", "--out", "file"], "not a directory"),
    ],
)
def test_unusable_output_is_refused_first(
    command: Callable[..., None], options: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    app = typer.Typer()
    app.command()(command)
    done = CliRunner().invoke(app, options)
    assert isinstance(done.exception, InputError)
    assert message in str(done.exception)
