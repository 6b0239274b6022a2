"""`moderation reviewers` and `moderation audit`, as an administrator uses them, on both databases."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from connectors.reviewdb.engine import open_engine
from moderation.cli import audit, reviewers
from moderation.errors import InputError, SettingsError
from moderation.review.people import verified_person

RUNNER = CliRunner()
PASSWORD = "a long password for tests"


@pytest.fixture(autouse=True)
def database(migrated_url: str, quick_hashes: None, monkeypatch: pytest.MonkeyPatch) -> str:
    """A database of this version."""
    monkeypatch.setenv("MODERATION_DATABASE_URL", migrated_url)
    return migrated_url


def run(app: Any, *arguments: str, stdin: str | None = None) -> Result:
    """Run a command; an error is raised as `main` meets it."""
    result: Any = RUNNER.invoke(app, list(arguments), input=stdin, env={"COLUMNS": "200"})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    found: Result = result
    return found


def add(name: str = "ana", role: str = "reviewer", password: str = PASSWORD) -> Result:
    """Add a person, with the password on standard input."""
    return run(reviewers.app, "add", name, "--role", role, stdin=f"{password}\n")


def known(database: str, name: str, password: str) -> bool:
    """Whether a person can sign in."""
    engine = open_engine(database)
    try:
        return verified_person(engine, name, password) is not None
    finally:
        engine.dispose()


def test_a_person_is_added_listed_given_a_role_and_disabled(database: str) -> None:
    assert run(reviewers.app, "list").output.startswith("no people yet")
    assert add().output == "added ana as reviewer\n"
    assert known(database, "ana", PASSWORD)
    assert run(reviewers.app, "role", "Ana", "senior").output == "ana is senior\n"
    assert re.fullmatch(r"ana  senior  added 20\d\d-\d\d-\d\d  active\n", run(reviewers.app, "list").output)
    run(reviewers.app, "password", "ana", stdin="another long password\n")
    assert known(database, "ana", "another long password")
    assert not known(database, "ana", PASSWORD)
    assert run(reviewers.app, "disable", "ana").output == "disabled ana\n"
    assert not known(database, "ana", "another long password")
    assert "disabled" in run(reviewers.app, "list").output


def test_a_password_is_read_from_a_file(database: str, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(f"{PASSWORD}\nsecond line\n")
    run(reviewers.app, "add", "ana", "--role", "admin", "--password-file", str(file))
    assert known(database, "ana", PASSWORD)
    with pytest.raises(InputError, match="cannot be read"):
        run(reviewers.app, "add", "bob", "--role", "admin", "--password-file", str(tmp_path / "missing"))


def test_mistakes_get_one_line() -> None:
    add()
    with pytest.raises(SettingsError, match="12 to 256 characters, got 5"):
        add("bob", password="short")
    with pytest.raises(SettingsError, match="role must be one of viewer"):
        add("bob", role="boss")
    for name in ("ana", "ＡＮＡ", "a\u200bna"):
        with pytest.raises(SettingsError, match=r"looks the same|visible characters"):
            add(name)
    with pytest.raises(SettingsError, match="visible characters"):
        add(" ")
    for command in (["disable", "bob"], ["role", "bob", "senior"], ["token", "bob", "--name", "x", "--scope", "read"]):
        with pytest.raises(InputError, match="no person named 'bob'"):
            run(reviewers.app, *command)
    with pytest.raises(SettingsError, match="scopes must be of"):
        run(reviewers.app, "token", "ana", "--name", "x", "--scope", "everything")
    with pytest.raises(SettingsError, match="1 to 366 days, got 999"):
        run(reviewers.app, "token", "ana", "--name", "x", "--scope", "read", "--days", "999")
    with pytest.raises(InputError, match="no live token 1"):
        run(reviewers.app, "revoke", "1")


def test_a_token_is_printed_once_listed_without_its_secret_and_revoked() -> None:
    add()
    made = ("token", "ana", "--name", "export", "--scope", "read", "--scope", "audit")
    token = run(reviewers.app, *made).output.strip()
    assert token.startswith("mod_")
    listed = run(reviewers.app, "tokens").output
    assert "1  ana  export  audit, read  until" in listed
    assert token not in listed
    assert run(reviewers.app, "revoke", "1").output == "revoked the token 1\n"
    assert "revoked" in run(reviewers.app, "tokens").output
    run(reviewers.app, "disable", "ana")
    with pytest.raises(InputError, match="is disabled"):
        run(reviewers.app, *made)


def test_audit_verify_prints_the_digest_and_fails_when_an_entry_is_gone(database: str) -> None:
    assert run(audit.app, "verify").output == f"0 entries, 0 with erased details, last digest {'0' * 64}\n"
    add()
    printed = run(audit.app, "verify").output
    digest = printed.split()[-1]
    assert printed.startswith("1 entries, 0 with erased details")
    assert run(audit.app, "verify", "--digest", digest).exit_code == 0
    failed = run(audit.app, "verify", "--digest", "f" * 64)
    assert failed.exit_code == 1
    assert "problem: no entry has the digest" in failed.output
