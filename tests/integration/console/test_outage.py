"""The database goes away in the middle of a decision: a clear answer, nothing half done, nothing lost."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import text

from connectors.reviewdb.audit_log import verify
from connectors.reviewdb.schema import upgrade
from connectors.reviewdb.store import ReviewStore
from moderation.review.people import NewPerson, add_person
from moderation.review.serving.console import Console
from moderation.review.tokens import NewToken, make_token
from moderation.settings.sections import ConsoleSettings
from tests.contract.samples import PLATFORM, flag
from tests.integration.console.conftest import PASSWORD, Clock, Desk
from tests.services.postgresql import PostgresServer


@pytest.fixture
def outage_desk(own_postgres_server: PostgresServer, quick_hashes: None) -> Iterator[Desk]:
    """A console on a server of its own."""
    store = ReviewStore(own_postgres_server.create_database())
    upgrade(store.engine)
    clock = Clock()
    desk = Desk(Console(store.engine, ConsoleSettings(), PLATFORM, None, lambda: clock.now), store, clock)
    add_person(store.engine, NewPerson("ana", "reviewer", PASSWORD), by="tests", now=clock.now)
    yield desk
    for client in desk.clients:
        client.close()
    store.close()


def test_a_decision_during_an_outage_is_sent_again_and_recorded_once(
    outage_desk: Desk, own_postgres_server: PostgresServer, caplog: pytest.LogCaptureFixture
) -> None:
    desk, engine = outage_desk, outage_desk.console.engine
    desk.flag(flag("p1"), flag("p2"))
    token = make_token(engine, NewToken("ana", "test", ["review"], 1), by="tests", now=desk.clock.now)
    ana, path = desk.client("ana"), f"/accounts/{desk.key('a1')}"
    sent = {"state": "2.0", "verdict": "confirmed", "ground": "my long words", "request_id": "r1", "then": "stay"}

    own_postgres_server.process.kill()
    page = ana.post(f"{path}/decide", data=sent)
    assert (page.status_code, page.headers["retry-after"]) == (503, "5")
    assert "my long words" in page.text
    assert 'name="request_id" value="r1"' in page.text
    assert "does not answer" in page.text
    assert str(engine.url.database) not in page.text
    assert [record.message for record in caplog.records if record.levelname == "WARNING"] == ["database_unavailable"]
    headers = {"authorization": f"Bearer {token}"}
    body = {"state": "2.0", "verdict": "confirmed", "ground": "x"}
    problem = ana.post(f"/api/v1{path}/decisions", json=body, headers=headers)
    assert (problem.status_code, problem.headers["content-type"]) == (503, "application/problem+json")
    assert ana.get("/healthz").status_code == 503

    own_postgres_server.restart()
    assert ana.get("/healthz").status_code == 200
    with engine.connect().execution_options(reading=True) as connection:
        assert connection.scalar(text("SELECT count(*) FROM decisions")) == 0
    assert ana.post(f"{path}/decide", data=sent).status_code == 303
    assert ana.post(f"{path}/decide", data=sent).status_code == 303
    with engine.connect().execution_options(reading=True) as connection:
        assert connection.scalar(text("SELECT count(*) FROM decisions")) == 2
    assert verify(engine).problems == ()


def test_the_connection_breaks_between_two_statements_of_a_decision_and_nothing_is_written(
    outage_desk: Desk, own_postgres_server: PostgresServer
) -> None:
    from sqlalchemy import event

    desk, engine = outage_desk, outage_desk.console.engine
    desk.flag(flag("p1"), flag("p2"))
    ana, path = desk.client("ana"), f"/accounts/{desk.key('a1')}"

    def kill(_connection: object, _cursor: object, executed: str, *_rest: object) -> None:
        if executed.startswith("UPDATE flags"):
            own_postgres_server.process.kill()

    event.listen(engine, "before_cursor_execute", kill)
    page = ana.post(f"{path}/decide", data={"state": "2.0", "verdict": "confirmed", "ground": "my words"})
    event.remove(engine, "before_cursor_execute", kill)
    assert page.status_code == 503
    own_postgres_server.restart()
    with engine.connect().execution_options(reading=True) as connection:
        assert connection.execute(text("SELECT DISTINCT status, version FROM flags")).all() == [("open", 0)]
        assert connection.scalar(text("SELECT count(*) FROM decisions")) == 0
    assert verify(engine).problems == ()
