"""The schema moves up and down on both databases, keeps what it holds, and is what the models say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, bindparam, event, insert, text

from connectors.reviewdb import rows, schema
from connectors.reviewdb.engine import open_engine
from connectors.reviewdb.models import (
    AssessmentRow,
    Base,
    DeletedPostRow,
    EvidenceRow,
    FlagRow,
    LedgerRow,
    OutboxRecord,
)
from connectors.reviewdb.statements import table_of
from connectors.reviewdb.store import ReviewStore
from moderation.errors import SettingsError
from moderation.review.queries import FlagFilter, list_flags
from tests.contract.samples import HOSTILE, WRITTEN, assessment, deletion, everything, evidence, flag, letter, partition

LATER_COLUMNS = ("status", "version", "refused_at", "refused_reason")
FIRST_TABLES = ("assessments", "evidence", "flags", "deleted_posts", "ledger", "outbox")


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """An empty database."""
    engine = open_engine(database_url)
    yield engine
    engine.dispose()


def contents(engine: Engine) -> dict[str, list[tuple[Any, ...]]]:
    """Rows of the tables of the first revision, without the columns that came later."""
    found: dict[str, list[tuple[Any, ...]]] = {}
    with engine.connect().execution_options(reading=True) as connection:
        for table in FIRST_TABLES:
            result = connection.execute(text(f"SELECT * FROM {table}"))
            names: list[str] = list(result.keys())
            kept = [name for name in names if name not in LATER_COLUMNS]
            found[table] = sorted((tuple(getattr(row, name) for name in kept) for row in result), key=repr)
    return found


def fill_first_revision(engine: Engine) -> None:
    """One row in every table that revision 0001 knows, written without the models' later columns."""
    flags = rows.flag_row(flag(HOSTILE), WRITTEN)
    with engine.begin() as connection:
        connection.execute(insert(AssessmentRow), [rows.assessment_row(assessment(HOSTILE), WRITTEN)])
        connection.execute(insert(EvidenceRow), [rows.evidence_row(assessment(HOSTILE), evidence(HOSTILE), WRITTEN)])
        # Columns that came later are left out; the models' types write the others.
        table = table_of(FlagRow)
        statement = text(f"INSERT INTO flags ({', '.join(flags)}) VALUES ({', '.join(':' + name for name in flags)})")
        typed = statement.bindparams(*(bindparam(name, type_=table.c[name].type) for name in flags))
        connection.execute(typed, flags)
        connection.execute(insert(DeletedPostRow), [rows.deletion_row(deletion(), WRITTEN)])
        connection.execute(insert(OutboxRecord), [rows.outbox_row(letter(), WRITTEN)])
        connection.execute(
            insert(LedgerRow),
            [
                {
                    "key": "k",
                    "pipeline": "main",
                    "cluster_id": "c",
                    "topic": "t",
                    "topic_id": "i",
                    "partition": 0,
                    "position": 2**40,
                    "epoch": 1,
                    "owner": "one",
                    "updated_at": WRITTEN,
                }
            ],
        )


def test_up_down_and_up_again_keeps_what_the_tables_hold(engine: Engine) -> None:
    schema.upgrade(engine, "0001")
    fill_first_revision(engine)
    before = contents(engine)
    assert all(before.values())
    schema.upgrade(engine)
    assert contents(engine) == before
    schema.downgrade(engine, "0001")
    assert contents(engine) == before
    schema.upgrade(engine)
    assert contents(engine) == before
    (found,) = list_flags(engine, FlagFilter())
    assert (found.post_id, found.status, found.version) == (HOSTILE, "open", 0)


def test_flags_raised_before_people_had_tables_are_in_review_afterwards(engine: Engine) -> None:
    schema.upgrade(engine, "0001")
    fill_first_revision(engine)
    schema.upgrade(engine)
    with engine.connect().execution_options(reading=True) as connection:
        assert connection.execute(text("SELECT account_id FROM accounts_in_review")).all() == [("a1",)]


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
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, Base.metadata) == []


def test_an_upgrade_that_fails_midway_leaves_the_revision_before(engine: Engine) -> None:
    schema.upgrade(engine, "0001")
    fill_first_revision(engine)
    before = contents(engine)

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
    assert contents(engine) == before


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
