"""`moderation score --content-only` says of each text what the detector says, and why it says nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

import moderation.detector
import moderation.offline  # so that it holds on to the real load_detector
from moderation.cli.score import score_command
from moderation.errors import InputError
from tests.unit.core.doubles import WordDetector


def test_it_says_why_a_text_has_no_score_and_passes_declared_languages_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    detector = WordDetector()
    monkeypatch.setattr(moderation.detector, "load_detector", lambda *_args, **_kwargs: detector)
    app = typer.Typer()
    app.command()(score_command)
    posts = [
        {"post_id": "1", "text": "I am a robot.", "lang": "de-AT"},
        {"post_id": "2", "text": " "},
        {"post_id": "3", "text": "k", "lang": "en"},
    ]
    out = tmp_path / "scores.jsonl"
    done = CliRunner().invoke(app, ["-", "--content-only", "-o", str(out)], input="\n".join(map(json.dumps, posts)))
    assert done.exit_code == 0
    lines = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert [(line["post_id"], line["content_abstained"]) for line in lines] == [
        ("1", None),
        ("2", "empty"),
        ("3", "short"),
    ]
    assert [line["synthetic_logit"] for line in lines] == [4.0, None, None]
    assert detector.languages == ["de-AT", None, "en"]
    assert done.stderr == "3 posts read, 1 scored, 0 records ignored, 0 rejected\n"


def test_a_mapping_that_ignores_every_record_is_visible_in_the_summary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moderation.detector, "load_detector", lambda *_args, **_kwargs: WordDetector())
    app = typer.Typer()
    app.command()(score_command)
    config = tmp_path / "s.toml"
    config.write_text("[mapping]\nignore = [\"kind == 'psot'\", \"kind != 'psot'\"]\n")
    posts = '{"post_id": "1", "text": "hello"}\n' * 2 + "[]\n"
    done = CliRunner().invoke(app, ["-", "--content-only", "--config", str(config)], input=posts)
    assert (done.exit_code, done.stdout) == (7, "")
    assert done.stderr.splitlines()[-1] == "0 posts read, 0 scored, 2 records ignored, 1 rejected"


@pytest.mark.parametrize("options", [["-o", "posts.jsonl"], ["--rejects", "link.jsonl"], ["-o", "a", "--rejects", "a"]])
def test_a_file_that_is_to_be_read_is_not_emptied(
    options: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("posts.jsonl").write_text('{"post_id": "1", "text": "hello"}\n', encoding="utf-8")
    Path("link.jsonl").symlink_to("posts.jsonl")
    app = typer.Typer()
    app.command()(score_command)
    done = CliRunner().invoke(app, ["posts.jsonl", "--content-only", *options])
    assert isinstance(done.exception, InputError)
    assert "given twice" in str(done.exception)
    assert "hello" in Path("posts.jsonl").read_text(encoding="utf-8")
