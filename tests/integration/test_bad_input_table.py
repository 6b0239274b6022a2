"""The table of bad input: each ends with one line on standard error and the right exit code, never a traceback."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from connectors.reviewdb.engine import open_engine
from connectors.reviewdb.schema import upgrade
from moderation.cli import main

KEY = "k" * 40
POST = {"post_id": "p1", "text": "We walked home.", "account_id": "a1", "created_at": "2026-01-05T10:00:00Z"}
TEXTS = [
    {"id": str(n), "label": n % 2, "source": "s", "group": f"g{n // 2}", "text": f"We walked home, number {n}."}
    for n in range(40)
]
SECRET = "HUNTER2"


@dataclass(frozen=True)
class Bad:
    """One row: a command line, its environment and files, and what must come of it."""

    name: str
    command: str
    says: str
    exit_code: int = 2
    env: dict[str, str] = field(default_factory=dict)
    toml: str | bytes = ""
    shell: bool = False
    """Run by a shell, for redirections; otherwise within this process, which is faster."""

    def __str__(self) -> str:
        return self.name


def setting(name: str, value: str, says: str, command: str = "score day.jsonl") -> Bad:
    """A value of a variable that is refused."""
    return Bad(f"{name}={value[:24]}", command, says, env={f"MODERATION_{name}": value})


def toml(name: str, content: str | bytes, says: str) -> Bad:
    """A settings file that is refused."""
    return Bad(name, "score day.jsonl --config bad.toml", says, toml=content)


def database(name: str, url: str, says: str, exit_code: int = 2) -> Bad:
    """A database URL that is refused, or that no server answers."""
    return Bad(name, f"flags list --database {url}", says, exit_code)


FINITE, HUGE = "Input should be a finite number", "9" * 26
DECIDE = "flags decide --version 0 --who a --role reviewer --verdict confirmed --ground g"
NO_SERVER = "postgresql://u@127.0.0.1:1/db"
FULL = "the output cannot be written: No space left on device"

ROWS = [
    # flags
    Bad(
        "flag number below all numbers", "flags show -- -99999999999999999999", "there is no flag -99999999999999999999"
    ),
    Bad("flag number beyond all numbers", f"flags show {HUGE}", f"there is no flag {HUGE}"),
    Bad("decision on such a number", f"{DECIDE} -- -99999999999999999999", "there is no flag -99999999999999999999"),
    Bad("min-risk nan", "flags list --min-risk nan", "--min-risk must be a number from 0 to 1, got nan"),
    Bad("min-risk inf", "flags list --min-risk inf", "--min-risk must be a number from 0 to 1, got inf"),
    Bad("min-risk in percent", "flags list --min-risk 95", "--min-risk must be a number from 0 to 1, got 95.0"),
    Bad("family misspelt", "flags list --family typng", "--family must be one of content, typing, network, graph"),
    Bad("status unknown", "flags list --status closed", "--status must be one of open, confirmed"),
    Bad("since is no time", "flags list --since yesterday", "--since 'yesterday' is not a time"),
    Bad("since before year 1", "flags list --since 0001-01-01T00:00:00+14:00", "is outside the years 1 to 9999"),
    Bad("who is empty", f"{DECIDE} 1 --who ' '", "a decision needs the name of the person"),
    # database URLs, none of whose secrets is printed
    database("password in the query", f"'{NO_SERVER}?password={SECRET}'", "db?password=*** does not answer", 4),
    database(
        "sslpassword", f"'{NO_SERVER}?sslpassword={SECRET}&sslmode=disable'", "sslmode=disable&sslpassword=***", 4
    ),
    database("password", f"postgresql://u:{SECRET}@127.0.0.1:1/db", "u:***@127.0.0.1:1/db does not answer", 4),
    database("@ in a password", f"postgresql://u:SE@{SECRET}@127.0.0.1:1/db", "has more than one '@'"),
    database("@ and / in a password", f"postgresql://u:SE@CR/{SECRET}@127.0.0.1:1/db", "has more than one '@'"),
    database(
        "/ in a password", f"postgresql://u:SE/{SECRET}@127.0.0.1:1/db", "u:***@127.0.0.1:1/db does not answer", 4
    ),
    database(": and # in a password", f"'postgresql://u:SE:#{SECRET}@127.0.0.1:1/db'", "u:***@127.0.0.1:1/db", 4),
    database("token as an unknown option", f"'{NO_SERVER}?token={SECRET}'", 'invalid connection option "token"'),
    database("port is no number", f"postgresql://u:{SECRET}@127.0.0.1:notaport/db", "the database URL cannot be read"),
    database("another database", f"mysql://u:{SECRET}@h/db", "the database mysql is not supported"),
    database("not a URL", SECRET, "the database URL cannot be read"),
    database(
        "option of a SQLite URL", "'sqlite:///reviews.sqlite?mode=ro'", "has the options mode, which have no effect"
    ),
    database("another file", "sqlite:///day.jsonl", "cannot be used (file is not a database)"),
    database("no file", "sqlite:///none.sqlite", "there is no SQLite file none.sqlite"),
    # input and output of score
    Bad("no such input", "score none.jsonl", "none.jsonl cannot be read: No such file or directory"),
    Bad("directory as input", "score .", ". cannot be read: Is a directory"),
    Bad("directory as output", "score day.jsonl -o .", ". cannot be written: Is a directory"),
    Bad("kind unknown", "score day.jsonl --kind pots", "--kind must be one of"),
    Bad("full disk, content only", "score day.jsonl --content-only -o /dev/full", FULL, shell=True),
    Bad("full disk, risk", "score day.jsonl -o /dev/full", FULL, shell=True),
    Bad("full disk, rejects", "score bad.jsonl --rejects /dev/full", FULL, shell=True),
    Bad("full disk as standard output", "score day.jsonl --content-only > /dev/full", FULL, shell=True),
    Bad("full disk, settings", "settings --markdown > /dev/full", FULL, shell=True),
    Bad("standard input closed", "score - <&-", "standard input is closed; name a file instead of -", shell=True),
    Bad("no one to ask", "flags erase --account a <&-", "standard input is closed; confirm with --yes", shell=True),
    Bad("standard output closed", "score day.jsonl >&-", "standard output is closed; name a file", shell=True),
    Bad("directory as input of run", "run --input .", ". is not a file", shell=True),
    Bad("train into a directory of other files", "train --texts day.jsonl --small --out .", "so it is not replaced"),
    Bad("certify into such a directory", "certify --events day.jsonl --out .", "so it is not replaced"),
    Bad("full disk, simulation", "simulate --texts texts.jsonl --accounts 20 -o /dev/full", FULL),
    # settings files
    Bad("directory as settings", "score day.jsonl --config .", "the settings file . cannot be read: Is a directory"),
    Bad("no settings file", "run --config none.toml", "the settings file none.toml cannot be read"),
    toml("binary settings", b"\x7fELF\x00\xff\xfe", "is not valid TOML"),
    toml("number without end in settings", f"evidence_days = {'9' * 5000}", "is not valid TOML"),
    toml("nested settings", f"mapping = {'[' * 5000}", "is not valid TOML"),
    toml("unknown setting", "[kafka]\ntopik = 'x'", "kafka.topik is no setting"),
    toml("empty topic", '[kafka]\nposts = ""', "kafka.posts: must be the name of a Kafka topic"),
    toml("empty group", '[kafka]\ngroup_id = " "', "kafka.group_id: must not be empty"),
    toml("empty platform", 'platform_id = ""', "platform_id: must not be empty"),
    toml("blank platform", 'platform_id = "\\t"', "platform_id: must not be empty"),
    toml("empty pipeline", 'pipeline = ""', "pipeline: must not be empty"),
    toml("infinite rate", "[audit]\nrate = inf", "audit.rate"),
    # variables
    setting("KAFKA", '{"sasl_password": 5', "MODERATION_KAFKA stands for a whole section"),
    setting("KAFKA", f'{{"sasl_passwrd": "{SECRET}"}}', "kafka.sasl_passwrd is no setting"),
    setting("KAFAK__POSTS", "x", "the variable MODERATION_KAFAK__POSTS is no setting"),
    setting("STATE__LATENESS_S", "nan", f"state.lateness_s: {FINITE}"),
    setting("STATE__LATENESS_S", "inf", f"state.lateness_s: {FINITE}"),
    setting("LEASE_TTL_S", "inf", f"lease_ttl_s: {FINITE}"),
    setting("LEASE_TTL_S", "1e300", "lease_ttl_s: Input should be less than or equal to"),
    setting("WATCHDOG_S", "inf", f"watchdog_s: {FINITE}"),
    setting("DETECTOR_DEADLINE_S", "-inf", "detector_deadline_s"),
    setting("STATE__GRAPH_EPOCH_S", HUGE, "state.graph_epoch_s: Input should be less than or equal to"),
    setting("STATE__GRAPH_EPOCH_S", "9" * 5000, "state.graph_epoch_s"),
    setting("MAX_TEXT_BYTES", HUGE, "max_text_bytes: Input should be less than or equal to"),
    setting("BATCH__MAX_RECORDS", HUGE, "batch.max_records: Input should be less than or equal to"),
    setting("DETECTOR_THREADS", HUGE, "detector_threads: Input should be less than or equal to"),
    setting("EVIDENCE_DAYS", HUGE, "evidence_days: Input should be less than or equal to"),
    setting("KAFKA__SESSION_TIMEOUT_MS", "99999999", "kafka.session_timeout_ms: Input should be less than or equal to"),
    setting("KAFKA__POSTS", "bad topic!", "kafka.posts: must be the name of a Kafka topic", "run"),
    setting("KAFKA__BOOTSTRAP_SERVERS", "nohost", "must be host:port of each broker", "check"),
    setting("KAFKA__BOOTSTRAP_SERVERS", "127.0.0.1:99999", "got '127.0.0.1:99999'", "run"),
    setting("KAFKA__BOOTSTRAP_SERVERS", "http://127.0.0.1:9092", "got 'http://127.0.0.1:9092'", "run"),
    setting("KAFKA__BOOTSTRAP_SERVERS", "127.0.0.1:1,", "must be host:port of each broker", "run"),
    setting("KAFKA__BOOTSTRAP_SERVERS", f"u:{SECRET}@broker:9092", "got an entry with '@'", "run"),
    Bad(
        "username and password missing",
        "run",
        "kafka.security_protocol SASL_SSL needs kafka.sasl_mechanism and kafka.sasl_username and kafka.sasl_password",
        env={"MODERATION_KAFKA__SECURITY_PROTOCOL": "SASL_SSL", "MODERATION_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1"},
        shell=True,
    ),
    Bad("short address key", "run", "address_key is 5 bytes", env={"MODERATION_ADDRESS_KEY": "short"}, shell=True),
    Bad(
        "certificates missing",
        "run",
        "kafka.ssl_cafile /none is not a file",
        env={
            "MODERATION_KAFKA__SSL_CAFILE": "/none",
            "MODERATION_KAFKA__SECURITY_PROTOCOL": "SSL",
            "MODERATION_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1",
        },
        shell=True,
    ),
    Bad(
        "certificates without TLS",
        "run",
        "kafka.security_protocol PLAINTEXT does not use kafka.ssl_cafile; set it to SSL",
        env={"MODERATION_KAFKA__SSL_CAFILE": "/none", "MODERATION_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1"},
        shell=True,
    ),
    Bad("no address key", "run", "secrets.token_hex", env={"MODERATION_ADDRESS_KEY": ""}, shell=True),
    Bad(
        "no tables",
        "run --input day.jsonl",
        "moderation db upgrade",
        env={"MODERATION_DATABASE_URL": "sqlite:///n"},
        shell=True,
    ),
    Bad("unknown revision", "db upgrade nonsense", "the schema cannot be moved to 'nonsense'"),
]


@pytest.fixture(scope="module")
def reviews(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of an empty database with this version's tables."""
    url = f"sqlite:///{tmp_path_factory.mktemp('reviews') / 'reviews.sqlite'}"
    engine = open_engine(url)
    upgrade(engine)
    engine.dispose()
    return url


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_bad_input_ends_with_one_line_and_the_exit_code(
    row: Bad, reviews: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "day.jsonl").write_text(json.dumps(POST) + "\n")
    (tmp_path / "bad.jsonl").write_text("no JSON\n" * 3)
    (tmp_path / "texts.jsonl").write_text("".join(json.dumps(text) + "\n" for text in TEXTS))
    (tmp_path / "bad.toml").write_bytes(row.toml if isinstance(row.toml, bytes) else row.toml.encode())
    monkeypatch.chdir(tmp_path)
    for name, value in {"ADDRESS_KEY": KEY, "DATABASE_URL": reviews}.items():
        monkeypatch.setenv(f"MODERATION_{name}", value)
    for name, value in row.env.items():
        monkeypatch.setenv(name, value)
    exit_code, stderr = _in_a_shell(row) if row.shell else _in_process(row, monkeypatch, capfd)
    assert "Traceback" not in stderr
    lines = [line for line in stderr.splitlines() if line.startswith("moderation: ")]
    assert len(lines) == 1, stderr
    assert row.says in lines[0]
    assert SECRET not in stderr
    assert exit_code == row.exit_code


def _in_a_shell(row: Bad) -> tuple[int, str]:
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = f"{sys.executable} -m moderation {row.command}"
    done = subprocess.run(["bash", "-c", command], env=env, capture_output=True, text=True, timeout=600)
    return done.returncode, done.stderr


def _in_process(row: Bad, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> tuple[int, str]:
    monkeypatch.setattr(sys, "argv", ["moderation", *shlex.split(row.command)])
    capfd.readouterr()
    with pytest.raises(SystemExit) as ended:
        main()
    stderr = capfd.readouterr().err
    assert stderr.count("\n") == 1, stderr
    assert isinstance(ended.value.code, int)
    return ended.value.code, stderr


def test_output_into_a_pipe_whose_reader_ends_leaves_no_traceback(tmp_path: Path) -> None:
    posts = [json.dumps({"post_id": str(number), "text": "Does anybody know?"}) for number in range(3000)]
    (tmp_path / "many.jsonl").write_text("\n".join(posts))
    command = f"{sys.executable} -m moderation score many.jsonl --content-only | head -n 1"
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=600)
    assert json.loads(done.stdout)["post_id"] == "0"
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
