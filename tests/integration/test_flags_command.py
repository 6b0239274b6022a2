"""`moderation flags` and `moderation db`, as people use them, on both databases."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from connectors.reviewdb.schema import head
from connectors.reviewdb.store import ReviewStore
from moderation.cli import db, flags
from moderation.effects import Effects
from moderation.errors import InputError, SettingsError
from moderation.review.decisions import DecisionRefused, StaleDecision
from moderation.state import Keyring, PlatformState, PostSeen
from moderation.state.identifiers import account_number
from tests.contract.samples import HOSTILE, PLATFORM, WRITTEN, deletion, flag, label, partition

RUNNER = CliRunner()


def run(app: Any, *arguments: str, columns: int = 200) -> Result:
    """Run a command; the database is taken from the variable. A failure is raised as `main` would meet it."""
    result = RUNNER.invoke(app, list(arguments), env={"COLUMNS": str(columns), "TERM": "dumb"})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.fixture
def database(migrated_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[ReviewStore]:
    """Three flags: one plain, one of a deleted post, one whose author wrote all of it to do harm."""
    monkeypatch.setenv("MODERATION_DATABASE_URL", migrated_url)
    store = ReviewStore(migrated_url)
    raised = [
        flag("p1", risk=0.95),
        flag("p2", risk=0.99, account_id="a2", agreeing=("graph", "network")),
        flag(HOSTILE, text=HOSTILE, account_id=HOSTILE, risk=0.91, missing=(HOSTILE,)),
    ]
    effects = Effects(flags=raised, deletions=[deletion("p2", account_id="a2")], labels=[label("e1", None)])
    store.commit(store.claim("main", "one", [partition()]), effects)
    yield store
    store.close()


def listed(*arguments: str) -> list[Any]:
    """Post ids of `flags list --json`."""
    return [found["post_id"] for found in json.loads(run(flags.app, "list", "--json", *arguments).output)]


def decide(number: int, **changes: str) -> Result:
    """Decide about a flag."""
    options = {
        "who": "ana",
        "role": "reviewer",
        "verdict": "confirmed",
        "ground": "the same text from nine accounts",
        "version": "0",
    } | changes
    return run(flags.app, "decide", str(number), *(part for k, v in options.items() for part in (f"--{k}", v)))


@pytest.mark.usefixtures("database")
def test_filters_find_what_they_name() -> None:
    assert listed() == [HOSTILE, "p2", "p1"]
    assert listed("--min-risk", "0.95") == ["p2", "p1"]
    assert listed("--family", "network") == ["p2"]
    assert listed("--family", "account") == []
    assert listed("--account", "a2") == listed("--deleted") == ["p2"]
    assert listed("--not-deleted", "--limit", "1") == [HOSTILE]
    assert listed("--after", "2") == ["p1"]
    assert listed("--post", "p1") == ["p1"]
    assert listed("--since", "2000-01-01") == listed("--status", "open") == [HOSTILE, "p2", "p1"]
    assert listed("--since", "2100-01-01T00:00:00+02:00") == []


@pytest.mark.usefixtures("database")
def test_a_flag_is_shown_with_all_that_led_to_it() -> None:
    page = run(flags.app, "show", "1").output
    for wanted in (
        "p1",
        "risk",
        "0.95",
        "flagged above 0.9",
        "typed 41.5 characters a second",
        "hello",
        "logit +2.50",
        "label on the account: confirmed from moderators",
        "version 0",
        "kept until",
    ):
        assert wanted in page, wanted
    shown = json.loads(run(flags.app, "show", "1", "--json").output)
    assert shown["evidence"]["features"] == [0.1, None, -7.25e-300, 1e300]
    assert shown["summary"]["event_time"] == "2026-11-20T08:30:15.123456+00:00"
    deleted = run(flags.app, "show", "2").output
    assert f"{WRITTEN + timedelta(days=90):%Y-%m-%d %H:%M}" in deleted
    assert "post deleted" in deleted


@pytest.mark.usefixtures("database")
def test_decisions_are_appended_and_superseded() -> None:
    assert decide(1).output == "flag 1: confirmed, version 1\n"
    decide(1, verdict="not_a_violation", version="1", ground="a school class")
    decide(1, who="ida", role="appeals", verdict="uncertain", version="2", ground="cannot tell")
    shown = json.loads(run(flags.app, "show", "1", "--json").output)
    history = [(d["version"], d["who"], d["verdict"], d["supersedes"]) for d in shown["decisions"]]
    first, second, third = (decision["id"] for decision in shown["decisions"])
    assert history == [
        (1, "ana", "confirmed", None),
        (2, "ana", "not_a_violation", first),
        (3, "ida", "uncertain", second),
    ]
    assert third > second > first
    assert (shown["summary"]["status"], shown["summary"]["version"]) == ("uncertain", 3)
    assert listed("--status", "uncertain") == ["p1"]
    assert "a school class" in run(flags.app, "show", "1").output


@pytest.mark.usefixtures("database")
def test_a_stale_version_is_refused_and_nothing_is_written() -> None:
    decide(1)
    with pytest.raises(StaleDecision, match=r"has version 1 now, not 0.*Check") as stale:
        decide(1, who="sam", role="senior", verdict="not_a_violation")
    assert stale.value.exit_code == 8
    with pytest.raises(DecisionRefused):
        decide(1, who="bob", version="1")
    assert len(json.loads(run(flags.app, "show", "1", "--json").output)["decisions"]) == 1


def test_of_two_people_who_decide_at_once_one_is_refused(database: ReviewStore) -> None:
    import threading

    from moderation.review.decisions import ProposedDecision
    from moderation.review.flag_decisions import decide as record

    outcomes: list[str] = []

    def try_to_decide(who: str) -> None:
        try:
            record(database.engine, ProposedDecision(1, who, "senior", "confirmed", "seen", 0))
            outcomes.append("written")
        except StaleDecision:
            outcomes.append("stale")

    people = [threading.Thread(target=try_to_decide, args=(f"person-{number}",), daemon=True) for number in range(6)]
    for person in people:
        person.start()
    for person in people:
        person.join(60)
    assert sorted(outcomes) == ["stale"] * 5 + ["written"]


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize(
    "command",
    [
        ["list"],
        ["show", "3"],
        ["list", "--json"],
        ["show", "3", "--json"],
    ],
)
@pytest.mark.parametrize("columns", [60, 200])
def test_hostile_text_cannot_act_on_the_terminal(command: list[str], columns: int) -> None:
    decide(3, who=HOSTILE, ground=HOSTILE)
    output = run(flags.app, *command, columns=columns).output
    acting = {sign for sign in output if unicodedata.category(sign) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}}
    assert acting <= {"\n"}
    if columns == 200 and command == ["show", "3"]:
        assert "\\u{1b}[31mred" in output
        assert "[bold]markup[/bold]" in output


@pytest.mark.usefixtures("database")
def test_mistakes_get_one_sentence() -> None:
    with pytest.raises(InputError, match="there is no flag 99"):
        run(flags.app, "show", "99")
    with pytest.raises(InputError, match="there is no flag 99"):
        decide(99)
    for arguments in (["--status", "guilty"], ["--since", "yesterday"]):
        with pytest.raises(SettingsError):
            run(flags.app, "list", *arguments)
    with pytest.raises(SettingsError, match="--ground"):
        decide(1, ground=" ")


def test_a_database_without_tables_says_what_to_run(database_url: str) -> None:
    with pytest.raises(SettingsError, match="`moderation db upgrade`"):
        run(flags.app, "list", "--database", database_url)
    with pytest.raises(SettingsError, match="`moderation db upgrade`"):
        run(db.app, "current", "--database", database_url)


def test_the_tables_go_up_and_down(database_url: str) -> None:
    option, latest = ("--database", database_url), head()
    assert run(db.app, "upgrade", "0001", *option).output == "schema empty -> 0001\n"
    assert run(db.app, "upgrade", *option).output == f"schema 0001 -> {latest}\n"
    assert run(db.app, "upgrade", *option).output == f"schema {latest} -> {latest}\n"
    assert run(db.app, "current", *option).output == f"schema {latest}, this version needs {latest}\n"
    assert run(db.app, "downgrade", "base", *option).output == f"schema {latest} -> empty\n"


def test_an_empty_list_says_so(database_url: str) -> None:
    run(db.app, "upgrade", "--database", database_url)
    assert run(flags.app, "list", "--database", database_url).output == "no flags match\n"
    assert run(flags.app, "list", "--json", "--database", database_url).output == "[]\n"


@pytest.mark.parametrize(
    ("app", "command"),
    [
        (flags.app, []),
        (flags.app, ["list"]),
        (flags.app, ["show"]),
        (flags.app, ["decide"]),
        (flags.app, ["erase"]),
        (db.app, []),
    ],
)
def test_help_teaches_with_an_example(app: Any, command: list[str]) -> None:
    name = "flags" if app is flags.app else "db"
    assert " ".join(["moderation", name, *command]) in run(app, *command, "--help").output


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize("columns", [80, 200])
def test_a_list_fits_the_terminal_and_names_the_version_that_a_decision_needs(columns: int) -> None:
    decide(1)
    output = run(flags.app, "list", "--account", "a1", columns=columns).output
    assert max(map(len, output.splitlines())) <= columns
    for wanted in ("p1", "a1", "0.95", "confirmed", "content, typing", "the text reads as machine-written"):
        assert wanted in output, wanted
    if columns == 80:
        assert "flag 1  confirmed  version 1  risk 0.95" in output


def test_the_settings_file_names_the_database_below_the_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    urls = {name: f"sqlite:///{tmp_path / name}.sqlite" for name in ("option", "variable", "file")}
    config = tmp_path / "sidecar.toml"
    config.write_text(f'database_url = "{urls["file"]}"\n')
    options = ("--config", str(config))
    run(db.app, "upgrade", *options)
    assert (tmp_path / "file.sqlite").exists()
    assert run(flags.app, "list", *options).output == "no flags match\n"
    monkeypatch.setenv("MODERATION_DATABASE_URL", urls["variable"])
    with pytest.raises(SettingsError, match=r"variable\.sqlite"):
        run(flags.app, "list", *options)
    with pytest.raises(SettingsError, match=r"option\.sqlite"):
        run(flags.app, "list", "--database", urls["option"], *options)


@pytest.mark.parametrize(("app", "command"), [(flags.app, ["list"]), (flags.app, ["show", "1"]), (db.app, ["current"])])
def test_a_file_that_is_not_there_is_named_and_not_made(app: Any, command: list[str], tmp_path: Path) -> None:
    file = tmp_path / "typo.sqlite"
    with pytest.raises(SettingsError, match=r"no SQLite file .*typo.sqlite.*`moderation db upgrade`"):
        run(app, *command, "--database", f"sqlite:///{file}")
    assert not file.exists()


@pytest.mark.usefixtures("database")
def test_an_account_is_erased_once_somebody_said_yes() -> None:
    erase = ["erase", "--account", "a1", "--platform", PLATFORM]
    asked = RUNNER.invoke(flags.app, erase, input="n\n")
    assert asked.exit_code == 1
    assert json.loads(run(flags.app, "show", "1", "--json").output)["evidence"] is not None
    nothing = run(flags.app, "erase", "--account", "a1", "--yes").output
    assert nothing.startswith("erased the evidence of 0 assessments and 0 dead letters ")
    assert "25 hours" in nothing
    assert RUNNER.invoke(flags.app, erase, input="y\n").exit_code == 0
    assert json.loads(run(flags.app, "show", "1", "--json").output)["evidence"] is None
    assert run(flags.app, *erase, "--yes").output.startswith(
        "erased the evidence of 0 assessments and 0 dead letters of the account a1"
    )
    assert json.loads(run(flags.app, "show", "2", "--json").output)["evidence"] is not None


def test_an_account_is_erased_from_the_saved_state_while_no_sidecar_runs(
    database: ReviewStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory, number = tmp_path / "state", account_number("a1").to_bytes(8, "little")
    state = PlatformState(platform_id=PLATFORM, keyring=Keyring.from_secrets(("k1", b"k" * 32), None))
    state.keep_journal(directory)
    state.apply_post(PostSeen(1_780_000_000_000, account_number("a1"), 5, 7, 2, (9, 0)))
    state.save({})
    assert state.finish_saving()
    monkeypatch.setenv("MODERATION_STATE__DIRECTORY", str(directory))
    monkeypatch.setenv("MODERATION_PLATFORM_ID", PLATFORM)
    erase = ["erase", "--account", "a1", "--yes", "--state"]

    assert database.acquire_lease("moderation", "host-7", 60)
    with pytest.raises(SettingsError, match="host-7 runs the pipeline moderation; stop all its sidecars"):
        run(flags.app, *erase)
    with pytest.raises(SettingsError, match="the saved state is of the platform"):
        run(flags.app, *erase, "--platform", "other")
    assert any(number in path.read_bytes() for path in directory.iterdir())
    assert json.loads(run(flags.app, "show", "1", "--json").output)["evidence"] is not None, "nothing was erased"

    database.release_lease("moderation", "host-7")
    assert "removed 1 rows of the account from the saved state" in run(flags.app, *erase).output
    assert database.acquire_lease("moderation", "host-8", 60), "the lease of the erasure has ended"
    assert not [path for path in directory.iterdir() if number in path.read_bytes()]
    assert json.loads(run(flags.app, "show", "1", "--json").output)["evidence"] is None
