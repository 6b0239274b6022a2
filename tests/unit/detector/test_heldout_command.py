"""The held-out slice has the fields that the export uses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from moderation.errors import InputError
from moderation.lab.commands.detector import app
from moderation.lab.textdata import partition, slices
from moderation.lab.textdata.rows import TextRow

_ROWS = [
    TextRow("1", "letters", 0, "letters/g1", "a note", "", "permissive", language="de"),
    TextRow("2", "letters", 1, "letters/g2", "another note", "gpt", "permissive"),
    TextRow("3", "letters", 1, "letters/g3", "seen in training", "gpt", "permissive"),
]


def test_held_out_text_has_source_group_and_language(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partition, "load_partition", lambda _data, _part, _manifest: _ROWS)
    monkeypatch.setattr(slices, "in_validation", lambda row: row.group != "letters/g3")
    out = tmp_path / "heldout.jsonl"
    done = CliRunner().invoke(app, ["heldout", "--data", str(tmp_path), "--out", str(out)])
    assert done.exit_code == 0
    assert [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()] == [
        {"text": "a note", "label": 0, "source": "letters", "group": "letters/g1", "lang": "de"},
        {"text": "another note", "label": 1, "source": "letters", "group": "letters/g2"},
    ]


def test_missing_output_directory_is_refused_first(tmp_path: Path) -> None:
    done = CliRunner().invoke(
        app, ["heldout", "--data", str(tmp_path / "no data"), "--out", str(tmp_path / "nowhere" / "heldout.jsonl")]
    )
    assert isinstance(done.exception, InputError)
    assert "Cannot write" in str(done.exception)


def test_interrupted_run_leaves_no_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_arguments: object) -> Iterator[TextRow]:
        yield _ROWS[0]
        raise KeyboardInterrupt

    monkeypatch.setattr(partition, "load_partition", lambda _data, _part, _manifest: _ROWS)
    monkeypatch.setattr(slices, "sample_per_stratum", interrupted)
    out = tmp_path / "heldout.jsonl"
    out.write_text("before", encoding="utf-8")
    CliRunner().invoke(app, ["heldout", "--data", str(tmp_path), "--out", str(out)])
    assert out.read_text(encoding="utf-8") == "before"
