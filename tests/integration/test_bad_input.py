"""Every mistake a user can make ends in one sentence and the right exit code, and nothing else is lost."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from moderation.detector.shipped import SHIPPED

KEY = {"MODERATION_ADDRESS_KEY": "k" * 64}
POST = {"post_id": "p1", "text": "We walked home.", "account_id": "a1", "created_at": "2026-01-05T10:00:00Z"}


def moderation(*arguments: object, cwd: Path, stdin: bytes = b"", **env: str) -> subprocess.CompletedProcess[bytes]:
    """Run the command in a folder of its own."""
    command = [sys.executable, "-m", "moderation", *map(str, arguments)]
    root = str(Path(__file__).parents[2])
    return subprocess.run(
        command, cwd=cwd, input=stdin, env={**os.environ, "PYTHONPATH": root, **env}, capture_output=True, timeout=120
    )


def sentence(done: subprocess.CompletedProcess[bytes], exit_code: int) -> str:
    """The one sentence on standard error, after checking that it is the only thing there."""
    said = done.stderr.decode()
    assert done.returncode == exit_code, said
    assert "Traceback" not in said
    lines = [line for line in said.splitlines() if line.startswith("moderation: ")]
    assert len(lines) == 1, said
    return lines[0]


@pytest.fixture
def free_port() -> Iterator[int]:
    """A port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        yield probe.getsockname()[1]


def test_no_database_is_a_connection_lost(tmp_path: Path, free_port: int) -> None:
    (tmp_path / "in.jsonl").write_text(json.dumps(POST) + "\n")
    url = f"postgresql://nobody@127.0.0.1:{free_port}/none"
    sentence(moderation("run", "--input", "in.jsonl", cwd=tmp_path, MODERATION_DATABASE_URL=url, **KEY), 4)


def test_no_broker_is_a_connection_lost(tmp_path: Path, free_port: int) -> None:
    upgraded = moderation("db", "upgrade", "--database", "sqlite:///m.sqlite", cwd=tmp_path)
    assert upgraded.returncode == 0, upgraded.stderr
    env = {"MODERATION_DATABASE_URL": "sqlite:///m.sqlite"}
    done = moderation("run", cwd=tmp_path, MODERATION_KAFKA__BOOTSTRAP_SERVERS=f"127.0.0.1:{free_port}", **env, **KEY)
    assert "no Kafka broker answers" in sentence(done, 4)


def test_a_missing_bundle_and_a_changed_one_are_refused(tmp_path: Path) -> None:
    (tmp_path / "missing.toml").write_text("detector = 'nowhere'\n")
    assert "nowhere" in sentence(moderation("score", "-", "--config", "missing.toml", cwd=tmp_path), 3)
    changed = shutil.copytree(SHIPPED, tmp_path / "changed")
    tokenizer = changed / "tokenizer.json"
    tokenizer.write_bytes(tokenizer.read_bytes() + b" ")
    (tmp_path / "changed.toml").write_text("detector = 'changed'\n")
    assert "tokenizer.json" in sentence(moderation("score", "-", "--config", "changed.toml", cwd=tmp_path), 3)


def test_an_empty_stream_is_no_error(tmp_path: Path) -> None:
    done = moderation("score", "-", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, b"")


def test_bad_lines_are_rejected_by_number_and_the_rest_is_scored(tmp_path: Path) -> None:
    good = {**POST, "client": {"ip": "no address"}, "typing": {"duration_ms": -5}}
    lines = [
        json.dumps(good).replace("-5", "NaN").encode(),
        b"\xff\xfe",
        json.dumps({**POST, "post_id": "old", "created_at": "1970-01-01T00:00:00Z"}).encode(),
        json.dumps({**POST, "post_id": "far", "created_at": "2100-01-01T00:00:00Z"}).encode(),
        json.dumps({**POST, "post_id": "big", "text": "so long " * 131_072}).encode(),
        json.dumps({"post_id": "bare", "text": "Nothing else is known."}).encode(),
        json.dumps({**POST, "post_id": "back", "created_at": "2026-01-05T09:00:00Z"}).encode(),
    ]
    done = moderation("score", "-", "--rejects", "bad.jsonl", cwd=tmp_path, stdin=b"\n".join(lines))
    assert done.returncode == 7, done.stderr
    scored = {line["post_id"]: line for line in map(json.loads, done.stdout.splitlines())}
    assert list(scored) == ["p1", "big", "bare"]
    assert set(scored["p1"]["missing"]) == {"client.ip", "typing.duration_ms"}
    assert scored["big"]["truncated"]
    assert scored["bare"]["risk"] is None
    rejected = [json.loads(line) for line in (tmp_path / "bad.jsonl").read_text().splitlines()]
    assert [line["line"] for line in rejected] == [2, 3, 4, 7]
    assert "sort" in rejected[-1]["reason"]


def test_nothing_that_a_line_says_acts_on_the_terminal(tmp_path: Path) -> None:
    acting = "\x9b31m\u202e\x7f"
    lines = [{**POST, "post_id": acting}, {"type": acting, "post_id": "p", "text": "x"}]
    raw = "\n".join(json.dumps(line, ensure_ascii=False) for line in lines).encode()
    done = moderation("score", "-", cwd=tmp_path, stdin=raw)
    assert done.returncode == 7, done.stderr
    assert json.loads(done.stdout)["post_id"] == acting
    assert (done.stdout + done.stderr).decode().replace("\n", "").isascii()
    assert not set(acting) - set("31m") & set((done.stdout + done.stderr).decode())


def test_a_platforms_own_type_is_read_with_a_kind(tmp_path: Path) -> None:
    line = json.dumps({**POST, "type": "message.created"}).encode()
    assert moderation("score", "-", cwd=tmp_path, stdin=line).returncode == 7
    done = moderation("score", "-", "--kind", "post", cwd=tmp_path, stdin=line)
    assert json.loads(done.stdout)["post_id"] == "p1"
    assert "--kind must be one of" in sentence(moderation("score", "-", "--kind", "pots", cwd=tmp_path), 2)


MAPPING = '[mapping.post]\npost_id = "id"\ntext = "body"\naccount_id = "by"\n'


def test_score_text_epoch_in_a_mapping_is_judged(tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text(f'{MAPPING}created_at = "created_utc"\n')
    line = json.dumps({"id": "c1", "body": "We walked home.", "by": "u", "created_utc": "1714557601"}).encode()
    done = moderation("score", "-", "--config", "s.toml", cwd=tmp_path, stdin=line)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["risk"] is not None
    assert b"1 posts read, 1 judged" in done.stderr


def test_score_without_a_usable_time_in_any_post_exits_with_8_and_the_reason(tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text(f'{MAPPING}created_at = "time"\n')
    line = json.dumps({"id": "c1", "body": "We walked home.", "by": "u", "created_utc": 1714557601}).encode()
    done = moderation("score", "-", "--config", "s.toml", cwd=tmp_path, stdin=b"\n".join([line] * 3))
    assert done.returncode == 8, done.stderr
    said = done.stderr.decode()
    assert "mapping.post.created_at resolved in none of the first 3 records: nothing found at 'time'" in said
    assert "3 of 3 posts had no usable time (created_at): nothing was judged" in said


def test_run_rewritten_file_is_refused_and_a_grown_one_is_read_on(tmp_path: Path) -> None:
    env = {"MODERATION_DATABASE_URL": "sqlite:///m.sqlite", **KEY}
    assert moderation("db", "upgrade", cwd=tmp_path, **env).returncode == 0
    day = tmp_path / "day.jsonl"

    def write(*ids: str) -> None:
        day.write_text("".join(json.dumps({**POST, "post_id": i, "account_id": i}) + "\n" for i in ids))

    def posts(done: subprocess.CompletedProcess[bytes]) -> int:
        assert done.returncode == 0, done.stderr
        return int(json.loads(done.stderr.splitlines()[-1]).get("posts", 0))

    write("mon1", "mon2")
    assert posts(moderation("run", "--input", "day.jsonl", cwd=tmp_path, **env)) == 2
    write("mon1", "mon2", "mon3")
    assert posts(moderation("run", "--input", "day.jsonl", cwd=tmp_path, **env)) == 1
    write("tue1", "tue2", "tue3", "tue4")
    refused = moderation("run", "--input", "day.jsonl", cwd=tmp_path, **env)
    assert "is not the file that was read before" in sentence(refused, 6)
    restart = {**env, "MODERATION_KAFKA__ON_RECREATED_TOPIC": "restart"}
    assert posts(moderation("run", "--input", "day.jsonl", cwd=tmp_path, **restart)) == 4


def test_sorting_first_takes_lines_in_any_order_and_answers_in_the_order_of_the_input(tmp_path: Path) -> None:
    ids = ["c", "a", "b"]
    lines = [{**POST, "post_id": i, "created_at": f"2026-01-05T{10 + ord(i) - 97}:00:00Z"} for i in ids]
    done = moderation("score", "-", "--sort", cwd=tmp_path, stdin="\n".join(map(json.dumps, lines)).encode())
    assert done.returncode == 0, done.stderr
    assert [json.loads(line)["post_id"] for line in done.stdout.splitlines()] == ids


def test_check_says_in_words_what_is_wrong(tmp_path: Path, free_port: int) -> None:
    done = moderation(
        "check", cwd=tmp_path, MODERATION_KAFKA__BOOTSTRAP_SERVERS=f"127.0.0.1:{free_port}", COLUMNS="200"
    )
    said = done.stdout.decode()
    assert done.returncode == 1
    assert "Traceback" not in said + done.stderr.decode()
    assert "no address key is set" in said
    assert "moderation db upgrade" in said
    assert "no Kafka broker answers" in said


def test_check_names_a_redis_server_that_does_not_answer(tmp_path: Path, free_port: int) -> None:
    state = {"MODERATION_STATE__BACKEND": "redis", "MODERATION_STATE__REDIS_URL": f"redis://:x@127.0.0.1:{free_port}/0"}
    done = moderation(
        "check", cwd=tmp_path, MODERATION_KAFKA__BOOTSTRAP_SERVERS=f"127.0.0.1:{free_port}", COLUMNS="250", **state
    )
    assert done.returncode == 1
    assert f"the Redis server at 127.0.0.1:{free_port} does not answer" in done.stdout.decode()
    assert "Traceback" not in done.stdout.decode() + done.stderr.decode()
