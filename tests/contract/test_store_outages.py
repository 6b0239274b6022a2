"""A database that is not there, or goes away, is a ConnectionLost that says so; a wrong one is a user's mistake."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from connectors.reviewdb.engine import at_edge, open_engine, parse_url
from connectors.reviewdb.schema import upgrade
from connectors.reviewdb.store import ReviewStore
from moderation.effects import Effects
from moderation.errors import ConnectionLost, InputError, SettingsError
from tests.contract.samples import everything, partition
from tests.services.postgresql import PostgresServer
from tests.services.process import free_ports


def test_a_server_that_went_away_is_lost_and_found_again(own_postgres_server: PostgresServer) -> None:
    store = ReviewStore(own_postgres_server.create_database())
    upgrade(store.engine)
    claim = store.claim("main", "one", [partition()])
    own_postgres_server.process.kill()
    with pytest.raises(ConnectionLost, match="check the URL and that the server runs"):
        store.commit(claim, everything())
    with pytest.raises(ConnectionLost):
        store.acquire_lease("main", "one", 5)
    assert "does not answer" in store.check()[0]
    own_postgres_server.restart()
    store.commit(claim, everything())
    assert store.flag_counts()["flags"] == 1
    store.close()


def test_a_server_that_dies_within_a_transaction_leaves_nothing(own_postgres_server: PostgresServer) -> None:
    from sqlalchemy import event

    store = ReviewStore(own_postgres_server.create_database())
    upgrade(store.engine)
    claim = store.claim("main", "one", [partition()])

    def die(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if statement.startswith("INSERT INTO outbox"):
            own_postgres_server.process.kill()

    event.listen(store.engine, "before_cursor_execute", die)
    with pytest.raises(ConnectionLost):
        store.commit(claim, everything())
    event.remove(store.engine, "before_cursor_execute", die)
    own_postgres_server.restart()
    assert store.flag_counts()["flags"] == 0
    store.commit(claim, everything())
    assert store.flag_counts()["flags"] == 1
    store.close()


def test_a_sidecar_that_vanishes_within_a_transaction_holds_its_rows_no_longer_than_the_bound(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    patience = {"options": "-c lock_timeout=120s"}
    successor = ReviewStore(parse_url(postgres_url).set(query=patience).render_as_string(hide_password=False))
    upgrade(successor.engine)
    monkeypatch.setattr("connectors.reviewdb.engine.IDLE_IN_TRANSACTION_MS", 2_000)
    vanished = ReviewStore(postgres_url)
    claim = vanished.claim("main", "one", [partition()])
    connection = vanished.engine.connect()
    connection.execute(text("SELECT * FROM ledger FOR UPDATE"))
    # Waits for the lock until the server has ended the session that holds it.
    assert successor.claim("main", "two", [partition()]).epochs[partition()] > claim.epochs[partition()]
    connection.invalidate()
    connection.close()
    vanished.close()
    successor.close()


def test_no_server_at_all_is_lost_without_showing_the_password() -> None:
    (port,) = free_ports(1)
    store = ReviewStore(f"postgresql://ana:secret@127.0.0.1:{port}/reviews")
    with pytest.raises(ConnectionLost) as caught:
        store.flag_counts()
    assert "secret" not in str(caught.value)
    store.close()


def test_a_folder_that_is_not_there_is_lost(tmp_path: Path) -> None:
    store = ReviewStore(f"sqlite:///{tmp_path}/nowhere/reviews.sqlite")
    with pytest.raises(ConnectionLost, match="check that its directory exists"):
        store.flag_counts()
    store.close()


def test_a_locked_file_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.reviewdb.engine.BUSY_TIMEOUT_S", 0.2)
    url = f"sqlite:///{tmp_path}/reviews.sqlite"
    holder, store = ReviewStore(url), ReviewStore(url)
    upgrade(holder.engine)
    claim = store.claim("main", "one", [partition()])
    with holder.engine.begin(), pytest.raises(ConnectionLost, match="locked"):
        store.commit(claim, Effects(positions={partition(): 1}))
    store.commit(claim, Effects(positions={partition(): 1}))
    holder.close()
    store.close()


def test_a_file_that_is_no_database_is_the_users_mistake(tmp_path: Path) -> None:
    wrong = tmp_path / "reviews.sqlite"
    wrong.write_bytes(os.urandom(4096))
    store = ReviewStore(f"sqlite:///{wrong}")
    with pytest.raises(InputError, match="not a database"):
        store.flag_counts()
    store.close()


@pytest.mark.parametrize("url", ["", "reviews.sqlite", "mysql://root@localhost/x", "postgresql://host:port/x"])
def test_a_url_that_cannot_be_used_says_what_to_write(url: str) -> None:
    with pytest.raises(SettingsError, match="sqlite:///"):
        ReviewStore(url)


def test_a_missing_right_is_the_users_mistake_and_a_standby_is_waited_out(postgres_url: str) -> None:
    owner = ReviewStore(postgres_url)
    upgrade(owner.engine)
    role = f"reader_{postgres_url.rpartition('_')[2]}"
    url = parse_url(postgres_url)
    with owner.engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE ROLE {role} LOGIN")
    try:
        reader = ReviewStore(url.set(username=role).render_as_string(hide_password=False))
        with pytest.raises(SettingsError, match="lacks a permission"):
            reader.flag_counts()
        assert "lacks a permission" in reader.check()[0]
        reader.close()
        standby = ReviewStore(
            url.set(query={"options": "-c default_transaction_read_only=on"}).render_as_string(hide_password=False)
        )
        with pytest.raises(ConnectionLost, match="standby"):
            standby.acquire_lease("main", "one", 5)
        standby.close()
    finally:
        with owner.engine.begin() as connection:
            connection.exec_driver_sql(f"DROP ROLE {role}")
        owner.close()


def test_an_error_of_ours_does_not_show_what_people_wrote(database_url: str) -> None:
    engine = open_engine(database_url)
    with pytest.raises(DBAPIError) as caught, at_edge(engine), engine.begin() as connection:
        connection.execute(text("SELECT nothing FROM nowhere WHERE a = :a"), {"a": "what somebody wrote"})
    assert "what somebody wrote" not in str(caught.value)
    engine.dispose()
