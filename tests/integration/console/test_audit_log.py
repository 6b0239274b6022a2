"""The audit log: written with what it records, detects changes, and stays valid after an erasure."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from connectors.reviewdb.audit_log import Entry, append, read_entries, verify
from connectors.reviewdb.retention import erase_account
from moderation.review.account_decisions import AccountDecision, account_state, decide_account
from moderation.review.claims import Hold, hold, locked_account, skip
from moderation.review.permissions import Actor
from tests.contract.samples import PLATFORM, flag
from tests.integration.console.conftest import PEOPLE, Desk

ANA = Actor(2, "ana", "reviewer")


def decide(desk: Desk, account_id: str = "a1") -> None:
    """A decision with words that identify a person."""
    key = desk.key(account_id)
    with desk.console.engine.connect().execution_options(reading=True) as connection:
        state = account_state(connection, key)
    decide_account(
        desk.console.engine, ANA, AccountDecision(key, state, "confirmed", "Anna K. wrote it"), desk.clock.now
    )


@pytest.fixture
def decided(desk: Desk) -> Desk:
    """A console with one decision."""
    desk.flag(flag("p1"))
    decide(desk)
    return desk


def test_postgresql_refuses_to_truncate_the_log(decided: Desk) -> None:
    if decided.console.engine.dialect.name == "postgresql":
        with pytest.raises(DBAPIError, match="append-only"):
            execute(decided, "TRUNCATE audit_log")
    assert verify(decided.console.engine).entries == len(PEOPLE) + 1


def execute(desk: Desk, statement: str, **values: Any) -> None:
    """Change the database behind the back of the console."""
    with desk.console.engine.begin() as connection:
        connection.execute(text(statement), values)


def without_triggers(desk: Desk) -> None:
    """What a person with all rights on the database can do first."""
    if desk.console.engine.dialect.name == "sqlite":
        execute(desk, "DROP TRIGGER audit_log_keeps_rows")
        execute(desk, "DROP TRIGGER audit_log_keeps_values")
    else:
        execute(desk, "ALTER TABLE audit_log DISABLE TRIGGER USER")


def test_entries_name_who_did_what_and_the_chain_is_valid(decided: Desk) -> None:
    newest, *others = read_entries(decided.console.engine, limit=100)
    assert (newest["actor"], newest["action"], newest["account_key"]) == ("ana", "decided", decided.key("a1"))
    assert newest["details"] == {"flags": [1], "verdict": "confirmed", "ground": "Anna K. wrote it"}
    assert [entry["action"] for entry in others] == ["person_added"] * len(PEOPLE)
    found = verify(decided.console.engine)
    assert (found.entries, found.emptied, found.problems) == (len(PEOPLE) + 1, 0, ())
    assert found.last_digest == newest["digest"]


def test_an_erasure_empties_the_details_and_the_chain_stays_valid(decided: Desk) -> None:
    engine, key, now = decided.console.engine, decided.key("a1"), decided.clock.now
    decided.flag(flag("p2"))
    skip(engine, ANA, key, "Anna K. is my neighbour", now)
    hold(engine, ANA, key, Hold(1, "ask Anna K."), now)
    before = verify(engine).last_digest
    erase_account(decided.console.engine, PLATFORM, "a1")
    newest = read_entries(decided.console.engine, limit=1)[0]
    assert (newest["details"], newest["salt"]) == (None, None)
    found = verify(decided.console.engine, before)
    assert (found.emptied, found.problems, found.last_digest) == (3, (), before)
    with engine.connect().execution_options(reading=True) as connection:
        for table in ("audit_log", "skips", "accounts_in_review"):
            assert "Anna K." not in str(connection.execute(text(f"SELECT * FROM {table}")).all())


def test_an_erasure_reaches_words_of_a_reviewer_that_are_not_committed_yet(decided: Desk) -> None:
    engine, key = decided.console.engine, decided.key("a1")
    other = threading.Thread(target=erase_account, args=(engine, PLATFORM, "a1"))
    with engine.begin() as connection:
        locked_account(connection, key)
        other.start()
        other.join(0.5)  # the erasure waits for this transaction
        append(connection, Entry(decided.clock.now, "ana", "held", key, {"reason": "ask Anna K."}))
    other.join(60)
    newest = read_entries(engine, limit=1)[0]
    assert (newest["action"], newest["details"]) == ("held", None)
    assert verify(engine).problems == ()


@pytest.mark.parametrize(
    "statement",
    ["DELETE FROM audit_log WHERE id = 1", "UPDATE audit_log SET actor = 'bob'", "UPDATE audit_log SET details = '{}'"],
)
def test_the_database_refuses_to_change_entries(decided: Desk, statement: str) -> None:
    with pytest.raises(DBAPIError, match="append-only"):
        execute(decided, statement)
    assert verify(decided.console.engine).problems == ()


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("UPDATE audit_log SET actor = 'bob' WHERE id = 7", "entry 7 does not have the digest"),
        ("UPDATE audit_log SET details = '{}' WHERE id = 7", "the details of entry 7 were changed"),
        ("UPDATE audit_log SET details = '{}', salt = NULL WHERE id = 7", "the details of entry 7 were changed"),
        ("UPDATE audit_log SET details = NULL WHERE id = 7", "the details of entry 7 were changed"),
        ("UPDATE audit_log SET details = NULL, salt = NULL WHERE id = 7", "the details of entry 7 were emptied"),
        ("UPDATE audit_log SET details = NULL, salt = NULL WHERE id = 1", "the details of entry 1 were emptied"),
        ("UPDATE audit_log SET digest = details_digest WHERE id = 3", "entry 3 does not have the digest"),
        ("DELETE FROM audit_log WHERE id = 2", "entry 2 is missing"),
        ("DELETE FROM audit_log WHERE id = 7", "audit_head names another end"),
        ("DELETE FROM audit_log", "audit_head names another end"),
        ("DELETE FROM audit_head", "audit_head names another end"),
    ],
)
def test_a_change_with_all_rights_is_found(decided: Desk, statement: str, problem: str) -> None:
    without_triggers(decided)
    execute(decided, statement)
    assert any(problem in found for found in verify(decided.console.engine).problems)


def test_removing_the_end_with_the_head_is_found_by_a_digest_kept_elsewhere(decided: Desk) -> None:
    kept = verify(decided.console.engine).last_digest
    without_triggers(decided)
    execute(decided, "DELETE FROM audit_log WHERE id = 7")
    execute(decided, "UPDATE audit_head SET last_id = 6, digest = (SELECT digest FROM audit_log WHERE id = 6)")
    assert verify(decided.console.engine).problems == ()
    assert any("no entry has the digest" in found for found in verify(decided.console.engine, kept).problems)


def test_a_decision_whose_entry_cannot_be_written_is_not_recorded(desk: Desk) -> None:
    from sqlalchemy import event

    desk.flag(flag("p1"))

    class Injected(Exception):
        pass

    def fail(_connection: Any, _cursor: Any, executed: str, *_rest: Any) -> None:
        if executed.startswith("INSERT INTO audit_log"):
            raise Injected

    event.listen(desk.console.engine, "before_cursor_execute", fail)
    with pytest.raises(Injected):
        decide(desk)
    event.remove(desk.console.engine, "before_cursor_execute", fail)
    with desk.console.engine.connect().execution_options(reading=True) as connection:
        found = connection.execute(text("SELECT status, version FROM flags")).one()
        assert tuple(found) == ("open", 0)
        assert connection.scalar(text("SELECT count(*) FROM decisions")) == 0
        assert connection.scalar(text("SELECT open_flags FROM accounts_in_review")) == 1
