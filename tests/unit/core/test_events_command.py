"""`moderation events` shows what is read from records and proposes a mapping for them."""

from __future__ import annotations

import io
import json
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from moderation.cli import main
from moderation.cli.events import app
from moderation.errors import SettingsError
from moderation.mapping.guess import as_toml, guess_fields, guess_kinds, records_of
from moderation.settings import Settings

ROOM = Path(__file__).parents[3] / "docs" / "events"
POST = {
    "post_id": "1",
    "text": "A long walk by the river " * 9,
    "account_id": "a",
    "created_at": "2026-03-01T08:00:00Z",
    "client": {"ip": "9.8.7.6", "device_id": "phone-1"},
    "typing": {"duration_ms": 9000, "keystrokes": 60},
}


def check(tmp_path: Path, records: list[Any], *options: str) -> tuple[int, str]:
    file = tmp_path / "records.jsonl"
    file.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    done = CliRunner().invoke(app, ["check", str(file), *options], env={"COLUMNS": "200"})
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.output


def line(output: str, name: str) -> list[str]:
    (row,) = [row for row in output.splitlines() if row.startswith(f"│ {name} ")]
    return [cell.strip() for cell in row.strip("│").split("│")]


def test_events_check_shows_share_and_example_of_each_field(tmp_path: Path) -> None:
    config = tmp_path / "s.toml"
    config.write_text(
        '[mapping]\nignore = ["like"]\n'
        '[mapping.post]\npost_id = "id"\ntext = "body"\ncreated_at = "when"\nlang = "lnag"\n'
    )
    records = [{"id": 1, "body": "x" * 99, "when": "soon"}, {"id": 2, "when": 1_772_445_600}, {"like": True}]
    code, output = check(tmp_path, records, "--config", str(config))
    assert code == 0
    assert "3 records: 1 ignored, 1 refused" in output
    assert "1 refused: text: nothing found at 'body'" in output
    assert line(output, "post_id") == ["post_id", "id", "100%", "0", "1"]
    assert line(output, "text")[2:] == ["50%", "0", "x" * 47 + "…"]
    assert line(output, "created_at")[1:4] == ["when", "50%", "1"]
    assert line(output, "lang")[1:] == ["lnag", "0%", "0", ""]


def test_events_check_masks_addresses_and_shortens_texts(tmp_path: Path) -> None:
    _, output = check(tmp_path, [POST])
    assert line(output, "client.ip")[-1] == "9.…"
    assert line(output, "client.device_id")[-1] == "(7 characters)"
    assert "9.8.7.6" not in output
    assert "phone-1" not in output


def test_events_check_shows_what_posts_would_be_judged_on(tmp_path: Path) -> None:
    follow = {"type": "follow", "account_id": "a", "target_account_id": "b", "at": "2026-03-01T07:00:00Z"}
    _, output = check(tmp_path, [POST, {"post_id": "2", "text": "Nothing else is known."}])
    assert [line(output, name)[1] for name in ("content", "typing", "network", "graph", "account")] == [
        "100%",
        "50%",
        "50%",
        "0%",
        "50%",
    ]
    assert "follow events" in line(output, "graph")[2]
    _, output = check(tmp_path, [follow, POST])
    assert line(output, "graph")[1:] == ["100%", ""]


def test_events_check_warns_when_most_posts_share_an_address(tmp_path: Path) -> None:
    posts = [{**POST, "post_id": str(n), "account_id": f"a{n}"} for n in range(5)]
    assert "have the same one" in check(tmp_path, posts)[1]
    spread = [{**post, "client": {"ip": f"9.8.7.{n}"}} for n, post in enumerate(posts)]
    assert "have the same one" not in check(tmp_path, spread)[1]


def test_events_check_without_any_event_exits_with_1(tmp_path: Path) -> None:
    code, output = check(tmp_path, [{"id": 1}])
    assert code == 1
    assert "1 refused: post_id: Field required" in output


def test_events_check_takes_either_a_file_or_a_topic(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["check"])
    assert isinstance(done.exception, SettingsError)
    with pytest.raises(SettingsError, match="--kind must be one of"):
        check(tmp_path, [POST], "--kind", "pots")


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        (
            "mastodon-api",
            {"post_id": "id", "text": "content", "account_id": "account.id", "created_at": "created_at",
             "lang": "language", "account.followers": "account.followers_count"},
        ),
        ("mastodon-streaming", {"text": "parse_json(payload).content", "account_id": "parse_json(payload).account.id"}),
        ("bluesky-jetstream", {"text": "commit.record.text", "account_id": "did", "created_at": "time_us"}),
        ("reddit", {"post_id": "id", "text": "body", "account_id": "author", "created_at": "created_utc"}),
        ("discord", {"post_id": "d.id", "text": "d.content", "account_id": "d.author.id", "created_at": "d.timestamp"}),
        ("debezium", {"post_id": "after.id", "text": "after.body", "account_id": "after.user_id"}),
        ("twitter-v1", {"post_id": "id_str", "created_at": "created_at", "account.created_at": "user.created_at"}),
    ],
)  # fmt: skip
def test_events_guess_finds_the_fields_of_known_shapes(shape: str, expected: dict[str, str]) -> None:
    records = records_of((ROOM / f"{shape}.jsonl").read_bytes().splitlines(), 100)
    guesses = guess_fields(records)
    found = {guess.name: guess.expression for guess in guesses}
    assert {name: found.get(name) for name in expected} == expected
    settings = Settings(**tomllib.loads(as_toml(guesses, guess_kinds(records))))
    assert settings.mapping.post["text"].path == found["text"]


def test_events_guess_names_the_kinds_of_records(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["guess", str(ROOM / "debezium.jsonl")])
    assert done.exit_code == 0
    assert "# op is one of: c, u, r, d" in done.output


def test_events_guess_quotes_keys_that_are_no_identifiers() -> None:
    records = [{"post.id": n, "full text": f"A walk in the park, number {n}"} for n in range(3)]
    found = {guess.name: guess.expression for guess in guess_fields(records)}
    assert found == {"post_id": '"post.id"', "text": '"full text"'}


def test_events_guess_of_html_texts_proposes_their_format() -> None:
    records = [{"id": n, "content": f"<p>A walk in the park, number {n}</p>"} for n in range(3)]
    mapping = tomllib.loads(as_toml(guess_fields(records), {}))
    assert mapping["mapping"]["post"]["text"] == {"path": "content", "text_format": "html"}


def test_events_guess_of_times_without_an_offset_proposes_a_zone_so_that_they_are_read(tmp_path: Path) -> None:
    records = [
        {"id": n, "kind": "ab"[n % 2], "text": f"A walk, number {n}", "user_id": "a", "created": "2026-03-01 08:00:00"}
        for n in range(4)
    ]
    config = tmp_path / "s.toml"
    for kinds in ({}, guess_kinds(records)):
        proposal = as_toml(guess_fields(records), kinds)
        assert tomllib.loads(proposal)["mapping"]["time_zone"] == "UTC"
        config.write_text(proposal)
        assert line(check(tmp_path, records, "--config", str(config))[1], "created_at")[2:4] == ["100%", "0"]
    config.write_text(proposal.replace("time_zone", "# time_zone"))
    _, output = check(tmp_path, records, "--config", str(config))
    assert "4 without a valid created_at: '2026-03-01 08:00:00' has no offset from UTC; set mapping.time_zone" in output


def test_events_check_of_our_own_shape_explains_invalid_times(tmp_path: Path) -> None:
    _, output = check(tmp_path, [{**POST, "created_at": 1_772_445_600}])
    assert "1 without a valid created_at: not an RFC 3339 time with an offset" in output


def test_characters_that_the_encoding_of_the_output_lacks_are_escaped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "records.jsonl").write_text(
        json.dumps({**POST, "text": "A walk, \u6f22\u5b57, in caf\u00e9s."}), "utf-8"
    )
    output = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(output, "latin-1"))
    for command in ("check", "guess"):
        monkeypatch.setattr(sys, "argv", ["moderation", "events", command, str(tmp_path / "records.jsonl")])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 0
    assert output.getvalue().decode("latin-1").count("A walk, \\u6f22") == 2


def test_events_guess_without_records_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "empty.csv").write_text("post_id,text\n1,hello\n")
    done = CliRunner().invoke(app, ["guess", str(tmp_path / "empty.csv")])
    assert isinstance(done.exception, SettingsError)
