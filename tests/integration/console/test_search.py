"""Full-text search: words of kept texts, ids first, hostile words, and nothing after an erasure."""

from __future__ import annotations

import pytest

from connectors.reviewdb.retention import erase_account
from tests.browser.cast import LONG_TEXT
from tests.contract.samples import HOSTILE, PLATFORM, flag, sample
from tests.integration.console.conftest import Desk


@pytest.fixture(autouse=True)
def flags(desk: Desk) -> None:
    """Four accounts with texts, one of them very long, and a post of the audit sample without a flag."""
    from moderation.effects import Effects
    from tests.contract.samples import partition

    desk.flag(
        flag("p1", account_id="a1", text="The delivery service arrived early and the box was fine.", risk=0.95),
        flag("p2", account_id="a2", text="A delivery of fresh bread, <b>and</b> the service of a bakery.", risk=0.99),
        flag("p3", account_id="delivery", text="Nothing to see here.", risk=0.91),
        flag("p4", account_id="a4", text=LONG_TEXT),
        flag("p5", account_id=None, text="Delivery without an account; good service."),
    )
    desk.store.commit(desk.store.claim("main", "one", [partition()]), Effects(audit_samples=[sample()]))


def found(desk: Desk, words: str) -> list[str | None]:
    """The ids of the accounts that are found."""
    answer = desk.client("ana").get("/api/v1/search", params={"words": words})
    assert answer.status_code == 200, answer.text
    return [one["account_id"] for one in answer.json()]


def test_all_words_are_needed_and_the_account_with_this_id_is_first(desk: Desk) -> None:
    assert found(desk, "delivery service") == ["a2", None, "a1"]
    assert found(desk, "delivery bread") == ["a2"]
    assert found(desk, "delivery") == ["delivery", "a2", None, "a1"]
    assert found(desk, "work") == ["a4"]
    assert found(desk, "sampled") == ["a1"]


@pytest.mark.parametrize("words", [HOSTILE, "%", "_", "'", '"', "\x00", "a & | ! : * (", "\ud800", "-"])
def test_any_words_are_words(desk: Desk, words: str) -> None:
    answer = desk.client("ana").get("/find", params={"account": words.encode("utf-8", "replace").decode()})
    assert answer.status_code in (200, 404, 422), answer.text


def test_the_search_page_shows_texts_as_text_and_an_id_leads_to_the_account(desk: Desk) -> None:
    ana = desk.client("ana")
    page = ana.get("/find?account=fresh+bread")
    assert page.status_code == 200
    assert "&lt;b&gt;and&lt;/b&gt;" in page.text
    assert 'class="text blurred"' in page.text
    assert ana.get("/find?account=a1").headers["location"] == f"/accounts/{desk.key('a1')}"
    missing = ana.get("/find?account=nowhere")
    assert missing.status_code == 404
    assert "No kept text contains these words." in missing.text


def test_an_erased_text_is_not_found(desk: Desk) -> None:
    erase_account(desk.console.engine, PLATFORM, "a2")
    assert found(desk, "bread") == []


def test_postgresql_reads_an_index(desk: Desk) -> None:
    from sqlalchemy import text

    from moderation.review.search import MATCHES

    if desk.console.engine.dialect.name == "sqlite":
        assert found(desk, "bread") == ["a2"]
        return
    with desk.console.engine.connect() as connection:
        connection.execute(text("SET enable_seqscan = off"))
        plan = connection.execute(text(f"EXPLAIN SELECT post_key FROM evidence WHERE {MATCHES}"), {"words": "bread"})
        assert "ix_evidence_texts" in "\n".join(row[0] for row in plan)
