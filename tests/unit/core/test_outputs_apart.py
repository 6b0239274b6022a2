"""No command writes over what it reads, or one output over the other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from moderation.app import _connectors
from moderation.errors import InputError
from moderation.lab.commands.simulate import simulate_command
from moderation.settings import load_settings


@pytest.mark.parametrize("options", [["--texts", "texts.jsonl", "-o", "texts.jsonl"], ["-o", "out", "--labels", "out"]])
def test_a_simulation_keeps_its_texts_and_both_its_outputs(
    options: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("texts.jsonl").write_text("mine", encoding="utf-8")
    app = typer.Typer()
    app.command()(simulate_command)
    done = CliRunner().invoke(app, options)
    assert isinstance(done.exception, InputError)
    assert "given twice" in str(done.exception)
    assert Path("texts.jsonl").read_text(encoding="utf-8") == "mine"


def test_a_replay_does_not_feed_on_its_own_rejects(tmp_path: Path) -> None:
    events = tmp_path / "events.jsonl"
    events.write_text("{broken\n", encoding="utf-8")
    never_asked: Any = None
    with pytest.raises(InputError, match="given twice"):
        _connectors(load_settings(None), never_asked, events, events)
