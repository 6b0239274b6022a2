"""A backup of the review database, restored as docs/guides/operating.md says: nothing is lost or doubled."""

from __future__ import annotations

import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.engine import make_url

from connectors.reviewdb.models import AccountInReviewRow, Base
from connectors.reviewdb.review_models import FollowedRow, ThresholdRaiseRow
from connectors.reviewdb.schema import upgrade
from connectors.reviewdb.store import ReviewStore
from moderation.mapping import FieldMapping
from moderation.stream.assembly import Builders, Callbacks, Connectors, Decoder
from moderation.stream.sidecar import Sidecar
from tests.contract.samples import PLATFORM
from tests.services.postgresql import PostgresServer, programs
from tests.unit.core.doubles import MemoryLog, MemoryRelay, MemorySource, new_pipeline, new_state
from tests.unit.core.test_sidecar import EXPECTED, LANES, loop_config, records

pytestmark = pytest.mark.slow
RISK, RAISED = "of the risk bundle", 0.95


def pg(program: str, url: str, *arguments: str) -> None:
    """Run a program of PostgreSQL's client."""
    where = make_url(url)
    command = [str(programs() / program), "-h", str(where.host), "-p", str(where.port), "-U", str(where.username)]
    subprocess.run([*command, "-d", str(where.database), *arguments], check=True, timeout=120)


def run(log: MemoryLog, url: str, directory: Path) -> tuple[str, ...]:
    """Run a sidecar to the end of the log; return what it says is missing."""
    store = ReviewStore(url)
    sidecar = Sidecar(
        loop_config(state_directory=directory, on_lost_records="skip"),
        Connectors(MemorySource(log), store, MemoryRelay(store)),  # type: ignore[arg-type]
        Decoder({"posts": "post"}, FieldMapping({})),
        Builders(new_pipeline, new_state),
        Callbacks(),
    )
    sidecar.run()
    store.close()
    return sidecar.degraded


def found(url: str, statement: str) -> list[object]:
    """First column of each row."""
    store = ReviewStore(url)
    with store.engine.connect() as connection:
        rows = [row[0] for row in connection.execute(text(statement))]
    store.close()
    return rows


def thresholds(url: str) -> dict[tuple[str, str], float]:
    """The raised thresholds that a sidecar applies."""
    store = ReviewStore(url)
    raised = store.raised_thresholds(PLATFORM)
    store.close()
    return raised


def write_of_the_console(url: str) -> None:
    """Write a raised threshold, and whom an account in review follows."""
    now = datetime(2026, 1, 2, tzinfo=UTC)
    bundle = {"platform_id": PLATFORM, "risk_version": RISK, "policy": "all"}
    raised = {**bundle, "before": 0.9, "threshold": RAISED, "wrong": 9, "judged": 12, "raised_at": now}
    follows = {"number": 7, "mutual": True, "flagged_before": False, "expires_at": datetime(2999, 1, 1, tzinfo=UTC)}
    store = ReviewStore(url)
    with store.engine.begin() as connection:
        connection.execute(insert(ThresholdRaiseRow), [raised])
        key = connection.scalars(select(AccountInReviewRow.key)).first()
        connection.execute(insert(FollowedRow), [{"account_key": key, **follows}])
    store.close()


def content(url: str) -> dict[str, list[str]]:
    """All rows of each table."""
    store = ReviewStore(url)
    with store.engine.connect() as connection:
        rows = {
            name: sorted(map(str, connection.execute(text(f"SELECT * FROM {name}")))) for name in Base.metadata.tables
        }
    store.close()
    return rows


def test_a_restored_backup_loses_and_doubles_nothing_with_any_state_directory(
    postgres_server: PostgresServer, postgres_url: str, tmp_path: Path
) -> None:
    log, live, dump = records(60), tmp_path / "live", tmp_path / "reviews.dump"
    complete = log.records
    log.records = {lane: lines[:15] for lane, lines in complete.items()}
    store = ReviewStore(postgres_url)
    upgrade(store.engine)
    store.close()
    run(log, postgres_url, live)
    shutil.copytree(live, tmp_path / "older")
    write_of_the_console(postgres_url)
    dumped = content(postgres_url)
    assert all(dumped[name] for name in ("flags", "evidence", "outbox", "ledger", "followed", "threshold_raises"))
    pg("pg_dump", postgres_url, "--format=custom", f"--file={dump}")
    log.records = complete
    run(log, postgres_url, live)
    assert len(found(postgres_url, "SELECT post_id FROM flags")) == len(EXPECTED)

    log.first = dict.fromkeys(LANES, 5)  # the log no longer reaches back to its beginning
    for name, missing in (("older", False), ("live", True), ("empty", True)):
        restored = postgres_server.create_database()
        pg("pg_restore", restored, "--no-owner", str(dump))
        assert content(restored) == dumped, name
        degraded = run(log, restored, tmp_path / name)
        assert thresholds(restored) == {(RISK, "all"): RAISED}, name
        assert sorted(map(str, found(restored, "SELECT post_id FROM flags"))) == sorted(EXPECTED), name
        assert found(restored, "SELECT count(*) FROM outbox") == [6]
        assert found(restored, "SELECT sum(position) FROM ledger") == [60]
        assert bool(degraded) is missing, f"a state that is ahead of the database, or none, is rebuilt: {name}"
        lacking = found(restored, "SELECT degraded FROM assessments WHERE flagged ORDER BY event_time DESC LIMIT 1")
        assert ("windows_24h" in str(lacking)) is missing, name
        postgres_server.drop_database(restored)
