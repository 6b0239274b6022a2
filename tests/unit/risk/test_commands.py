"""Unusable output paths are refused before the work begins."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from moderation.errors import InputError
from moderation.lab.commands.evaluate import evaluate_command
from moderation.lab.commands.train import train_command


@pytest.mark.parametrize(
    ("command", "out", "message"),
    [(train_command, "file", "not a directory"), (evaluate_command, "nowhere/figures.json", "does not exist")],
)
def test_unusable_output_is_refused_first(command: Callable[..., None], out: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    app = typer.Typer()
    app.command()(command)
    done = CliRunner().invoke(app, ["--data", str(tmp_path / "none"), "--out", str(tmp_path / out)])
    assert isinstance(done.exception, InputError)
    assert message in str(done.exception)
