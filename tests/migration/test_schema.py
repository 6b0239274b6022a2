"""The schema moves up and down on both databases, keeps what it holds, and is what the models say."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, Engine, bindparam, event, inspect, text
from sqlalchemy.orm import DeclarativeBase

from connectors.reviewdb import rows, schema
from connectors.reviewdb.engine import open_engine
from connectors.reviewdb.identity import account_key, digest, stored_number
from connectors.reviewdb.models import (
    AssessmentRow,
    Base,
    DeletedPostRow,
    ErasedAccountRow,
    EvidenceRow,
    FlagRow,
    LedgerRow,
    OutboxRecord,
)
from connectors.reviewdb.statements import table_of
from connectors.reviewdb.store import ReviewStore
from moderation.effects import Assessment, AuditSample, Effects
from moderation.errors import SettingsError
from moderation.review.queries import FlagFilter, list_flags
from moderation.state.identifiers import account_number
from tests.contract.samples import HOSTILE, PLATFORM, WRITTEN, deletion, everything, flag, label, letter, partition

LATER_COLUMNS = (
    "status",
    "version",
    "refused_at",
    "refused_reason",
    "post_id_key",
    "erased_at",
    "scored_by",
    "content_abstained",
    *("band_0", "band_1", "band_2", "band_3"),
)
LATER_IN = {"outbox": ("account_key",), "flags": ("risk", "event_time")}
"""Columns that came later in one table, while others had one of this name from the beginning."""
FIRST_TABLES = ("assessments", "evidence", "flags", "deleted_posts", "ledger", "outbox")
DIGESTS = ("key", "flag_key", "post_key", "assessment_key")
"""Columns whose digests revision 0004 computes with the account."""


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """An empty database."""
    engine = open_engine(database_url)
    yield engine
    engine.dispose()


def contents(engine: Engine, *, without: Collection[str] = ()) -> dict[str, list[tuple[Any, ...]]]:
    """Rows of the tables of the first revision, without the columns that came later."""
    found: dict[str, list[tuple[Any, ...]]] = {}
    with engine.connect().execution_options(reading=True) as connection:
        for table in FIRST_TABLES:
            result = connection.execute(text(f"SELECT * FROM {table}"))
            names: list[str] = list(result.keys())
            later = {*LATER_COLUMNS, *without, *LATER_IN.get(table, ())}
            kept = [name for name in names if name not in later]
            found[table] = sorted((tuple(getattr(row, name) for name in kept) for row in result), key=repr)
    return found


def digests_without_account(found: Assessment) -> dict[str, str]:
    """The digests of an assessment before revision 0004."""
    versions = (found.features_version, found.detector_version, found.risk_version)
    ids = (found.platform_id, found.post_id)
    assessment_key = digest("assessment", *ids, found.content_hash, *versions)
    flag_key = digest("flag", *ids, found.content_hash)
    return {"assessment_key": assessment_key, "flag_key": flag_key, "post_key": digest("post", *ids)}


def insert_row(connection: Connection, model: type[DeclarativeBase], row: dict[str, Any], **changes: Any) -> None:
    """Insert a row as revision 0001 knew it: without the columns that came later, with *changes*."""
    table = table_of(model)
    later = {*LATER_COLUMNS, *LATER_IN.get(table.name, ())}
    values = {name: value for name, value in (row | changes).items() if name not in later}
    columns = ", ".join(f'"{name}"' for name in values)
    statement = text(f"INSERT INTO {table.name} ({columns}) VALUES ({', '.join(':' + name for name in values)})")
    connection.execute(statement.bindparams(*(bindparam(name, type_=table.c[name].type) for name in values)), values)


def fill_first_revision(engine: Engine, *accounts: str) -> None:
    """One row in every table that revision 0001 knows, and a flag for each of *accounts*, with its own post."""
    with engine.begin() as connection:
        for number, account_id in enumerate(accounts or ("a1",)):
            raised = flag(HOSTILE + str(number or ""), account_id=account_id)
            old = digests_without_account(raised.assessment)
            keys, post_key = {"assessment_key": old["assessment_key"]}, {"post_key": old["post_key"]}
            row = rows.assessment_row(raised.assessment, WRITTEN)
            insert_row(connection, AssessmentRow, row, key=old["assessment_key"], flag_key=old["flag_key"])
            row = rows.evidence_row(raised.assessment, raised.evidence, WRITTEN)
            insert_row(connection, EvidenceRow, row, **keys, **post_key)
            insert_row(connection, FlagRow, rows.flag_row(raised, WRITTEN), key=old["flag_key"], **keys, **post_key)
        gone = deletion()
        row = rows.deletion_row(gone, WRITTEN)
        insert_row(connection, DeletedPostRow, row, post_key=digest("post", gone.platform_id, gone.post_id))
        insert_row(connection, OutboxRecord, rows.outbox_row(letter(), WRITTEN))
        ledger = {"key": "k", "pipeline": "main", "cluster_id": "c", "topic": "t", "topic_id": "i", "partition": 0}
        ledger |= {"position": 2**40, "epoch": 1, "owner": "one", "updated_at": WRITTEN}
        insert_row(connection, LedgerRow, ledger)


def test_up_down_and_up_again_keeps_what_the_tables_hold(engine: Engine) -> None:
    schema.upgrade(engine, "0001")
    fill_first_revision(engine)
    before, plain = contents(engine), contents(engine, without=DIGESTS)
    assert all(before.values())
    schema.upgrade(engine)
    after = contents(engine)
    assert contents(engine, without=DIGESTS) == plain
    schema.downgrade(engine, "0001")
    assert contents(engine) == before
    schema.upgrade(engine)
    assert contents(engine) == after
    (found,) = list_flags(engine, FlagFilter())
    assert (found.post_id, found.status, found.version) == (HOSTILE, "open", 0)


def test_upgrade_computes_the_digests_that_new_rows_get(database_url: str, engine: Engine) -> None:
    schema.upgrade(engine, "0001")
    fill_first_revision(engine, "a1", "a2")
    schema.upgrade(engine)
    before = contents(engine)
    store = ReviewStore(database_url)
    flags = [flag(HOSTILE, account_id="a1"), flag(HOSTILE + "1", account_id="a2")]
    store.commit(store.claim("main", "one", [partition()]), Effects(flags=flags, deletions=[deletion()]))
    store.close()
    after = contents(engine)
    assert after["flags"] == before["flags"]
    assert after["assessments"] == before["assessments"]
    assert after["evidence"] == before["evidence"]
    assert after["deleted_posts"] == before["deleted_posts"]


def test_downgrade_with_one_post_id_of_two_accounts_loses_no_flag(database_url: str, engine: Engine) -> None:
    schema.upgrade(engine)
    store = ReviewStore(database_url)
    flags = [flag("same", account_id=account) for account in ("a1", "a2")]
    samples = [AuditSample(item.assessment, item.evidence, 0.1, "s") for item in flags]
    unowned = dataclasses.replace(deletion("gone"), account_id=None)
    deletions = [deletion("same"), dataclasses.replace(deletion("same"), account_id="a2"), unowned]
    effects = Effects(flags=flags, audit_samples=samples, deletions=deletions, labels=[label(post_id="same")])
    store.commit(store.claim("main", "one", [partition()]), effects)
    store.close()
    before = contents(engine)
    schema.downgrade(engine, "0003")
    assert {table: len(found) for table, found in contents(engine).items()} == {
        table: len(found) - (table == "deleted_posts") for table, found in before.items()
    }
    old = digests_without_account(flags[0].assessment)
    with engine.connect().execution_options(reading=True) as connection:
        keys = connection.execute(text("SELECT key FROM flags ORDER BY id")).scalars().all()
        assert keys[0] == old["flag_key"]
        assert keys[1] not in old.values()
    schema.upgrade(engine)
    after = contents(engine)
    assert [row for row in before["deleted_posts"] if "gone" not in row] == after.pop("deleted_posts")
    assert after == {table: found for table, found in before.items() if table != "deleted_posts"}


def test_flags_raised_before_people_had_tables_are_in_review_afterwards(engine: Engine) -> None:
    schema.upgrade(engine, "0001")
    fill_first_revision(engine)
    schema.upgrade(engine)
    with engine.connect().execution_options(reading=True) as connection:
        columns = "account_id, open_flags, risk, families, top_assessment, number"
        found = connection.execute(text(f"SELECT {columns} FROM accounts_in_review")).one()
        assessment = connection.scalar(text("SELECT assessment_key FROM flags"))
        number = stored_number(account_number("a1"))
        assert tuple(found) == ("a1", 1, 0.97, '["content","typing"]', assessment, number)


def test_an_account_erased_before_it_had_a_number_gets_that_of_its_account_in_review(engine: Engine) -> None:
    schema.upgrade(engine, "0001")
    fill_first_revision(engine, "a1", "a2")
    schema.upgrade(engine, "0008")
    statement = text("INSERT INTO erased_accounts (key, erased_at) VALUES (:key, :at)")
    statement = statement.bindparams(bindparam("at", type_=table_of(ErasedAccountRow).c.erased_at.type))
    known, unknown = account_key(PLATFORM, "a1"), account_key(PLATFORM, "never flagged")
    with engine.begin() as connection:
        connection.execute(statement, [{"key": key, "at": WRITTEN} for key in (known, unknown)])
    schema.upgrade(engine)
    with engine.connect().execution_options(reading=True) as connection:
        found = {row.key: row.number for row in connection.execute(text("SELECT key, number FROM erased_accounts"))}
    assert found == {known: stored_number(account_number("a1")), unknown: None}


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_accounts_are_numbered_without_a_lock_that_keeps_others_from_them(engine: Engine) -> None:
    schema.upgrade(engine, "0001")
    fill_first_revision(engine, "a1", "a2")
    query = (
        "SELECT mode FROM pg_locks WHERE relation IN ('accounts_in_review'::regclass, 'erased_accounts'::regclass) "
        "AND granted AND mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')"
    )
    seen: list[list[str]] = []

    def look(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if statement.startswith("UPDATE") and "SET number" in statement:
            with engine.connect() as other:
                seen.append(list(other.scalars(text(query))))

    event.listen(engine, "after_cursor_execute", look)
    schema.upgrade(engine)
    event.remove(engine, "after_cursor_execute", look)
    assert seen
    assert not any(seen)


def test_flags_raised_before_they_had_a_risk_get_that_of_their_assessment(engine: Engine) -> None:
    schema.upgrade(engine, "0001")
    fill_first_revision(engine, "a1", "a2")
    schema.upgrade(engine)
    with engine.connect().execution_options(reading=True) as connection:
        columns = "flags.risk, flags.event_time, assessments.risk, assessments.event_time"
        joined = f"SELECT {columns} FROM flags JOIN assessments ON assessments.key = flags.assessment_key"
        found = connection.execute(text(joined)).all()
    assert len(found) == 2
    for risk, event_time, assessed, written in found:
        assert (risk, event_time) == (assessed, written)
        assert risk == 0.97


def test_the_index_of_the_queue_begins_with_the_highest_risk(engine: Engine) -> None:
    schema.upgrade(engine)
    on_sqlite = engine.dialect.name == "sqlite"
    query = (
        "SELECT sql FROM sqlite_master WHERE name" if on_sqlite else "SELECT indexdef FROM pg_indexes WHERE indexname"
    )
    with engine.connect().execution_options(reading=True) as connection:
        assert "(risk DESC, waiting_since, " in connection.scalar(text(f"{query} = 'ix_accounts_in_review_queue'"))


def test_indexes_of_large_tables_are_complete_after_an_upgrade_that_was_interrupted(engine: Engine) -> None:
    schema.upgrade(engine, "0009")

    class Injected(Exception):
        pass

    def fail(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if statement.startswith("CREATE INDEX") and "ix_evidence_band_2" in statement:
            raise Injected

    event.listen(engine, "before_cursor_execute", fail)
    with pytest.raises(Injected):
        schema.upgrade(engine)
    event.remove(engine, "before_cursor_execute", fail)
    assert schema.current(engine) == "0009"
    schema.upgrade(engine)
    with engine.connect().execution_options(reading=True) as connection:
        if engine.dialect.name == "postgresql":
            assert connection.scalar(text("SELECT count(*) FROM pg_index WHERE NOT indisvalid")) == 0
        names = {index["name"] for index in inspect(connection).get_indexes("evidence")}
    assert {f"ix_evidence_band_{band}" for band in range(4)} <= names


def test_all_the_way_down_leaves_nothing_and_up_works_again(database_url: str, engine: Engine) -> None:
    schema.upgrade(engine)
    store = ReviewStore(database_url)
    store.commit(store.claim("main", "one", [partition()]), everything())
    schema.downgrade(engine, "base")
    assert schema.current(engine) is None
    schema.upgrade(engine)
    assert set(store.flag_counts().values()) == {0}
    store.close()


def test_the_models_are_what_the_migrations_make(engine: Engine) -> None:
    schema.upgrade(engine)
    with engine.connect().execution_options(reading=True) as connection:
        # The index of full-text search is on PostgreSQL only, which the models, the same for both, cannot state.
        options: dict[str, Any] = {"compare_type": True, "compare_server_default": True}
        options["include_name"] = lambda name, kind, _parents: (kind, name) != ("index", "ix_evidence_texts")
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, Base.metadata) == []


def test_an_upgrade_that_fails_midway_leaves_the_revision_before(engine: Engine) -> None:
    schema.upgrade(engine, "0001")
    fill_first_revision(engine)
    before, plain = contents(engine), contents(engine, without=DIGESTS)

    class Injected(Exception):
        pass

    def fail(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if "CREATE TABLE labels" in statement:
            raise Injected

    event.listen(engine, "before_cursor_execute", fail)
    with pytest.raises(Injected):
        schema.upgrade(engine)
    event.remove(engine, "before_cursor_execute", fail)
    assert schema.current(engine) == "0001"
    assert contents(engine) == before
    schema.upgrade(engine)
    assert contents(engine, without=DIGESTS) == plain


def test_refused_letters_wait_again_after_a_downgrade(database_url: str, engine: Engine) -> None:
    schema.upgrade(engine)
    store = ReviewStore(database_url)
    store.commit(store.claim("main", "one", [partition()]), everything())
    (row,) = store.outbox(10)
    store.refuse([row.id], "too large")
    assert store.outbox(10) == []
    schema.downgrade(engine, "0002")
    schema.upgrade(engine)
    assert store.outbox(10) == [row]
    store.close()


def test_an_unknown_revision_is_named(engine: Engine) -> None:
    with pytest.raises(SettingsError, match="nonsense"):
        schema.upgrade(engine, "nonsense")


def test_a_newer_schema_is_refused_with_a_sentence(engine: Engine) -> None:
    schema.upgrade(engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(schema.SchemaOutdated, match="newer version has upgraded it"):
        schema.require_head(engine)
