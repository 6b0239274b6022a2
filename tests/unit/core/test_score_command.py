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
from moderation.events import Post
from moderation.stream.audit import AuditSampling
from tests.unit.core.doubles import ContentRisk, WordDetector


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


def test_the_texts_that_the_sidecar_scores_under_the_policy_of_the_settings_are_scored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Risk(ContentRisk):
        policy = "all"

    def load_risk(*_bundle: object, policy: str, detector_hash: str) -> Risk:
        assert detector_hash == WordDetector.manifest_hash
        risk = Risk()
        risk.policy = policy
        return risk

    monkeypatch.setattr(moderation.offline, "load_detector", lambda *_args, **_kwargs: WordDetector())
    monkeypatch.setattr(moderation.offline, "load_risk", load_risk)
    monkeypatch.setenv("MODERATION_ADDRESS_KEY", "k" * 40)
    config, out = tmp_path / "s.toml", tmp_path / "scores.jsonl"
    config.write_text('[scoring]\npolicy = "selective"\n[audit]\nrate = 0.1\n')
    posts = [
        {"post_id": f"p{n}", "text": "A walk.", "account_id": f"a{n}", "created_at": f"2026-01-05T10:{n % 60:02}:00Z"}
        for n in range(60)
    ]
    app = typer.Typer()
    app.command()(score_command)
    lines = "\n".join(map(json.dumps, posts))
    done = CliRunner().invoke(app, ["-", "--config", str(config), "-o", str(out)], input=lines)
    assert done.exit_code == 0, done.output
    sample = AuditSampling(b"k" * 40, 0.1, 0.1)
    drawn = [
        post["post_id"]
        for post in posts
        if sample.draw("platform", Post.model_validate(post), flagged=False) is not None
    ]
    found = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    assert [line["post_id"] for line in found if line["synthetic_logit"] is not None] == drawn
    assert 0 < len(drawn) < len(posts)


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
