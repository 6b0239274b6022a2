"""The daily quota: accounts beyond it are recorded, and enter the queue on the next day with a free place."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from connectors.reviewdb import in_review, quota, rows
from connectors.reviewdb.models import AccountInReviewRow
from connectors.reviewdb.retention import erase_account
from connectors.reviewdb.statements import table_of
from connectors.reviewdb.store import ReviewStore
from moderation.effects import Effects
from moderation.review.claims import end_hold
from moderation.review.people import NewPerson, add_person
from moderation.review.permissions import Actor, NotPermitted
from moderation.review.queue import QueueFilter, queue_page
from tests.contract.samples import PLATFORM, flag, partition

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def store(migrated_url: str) -> Iterator[ReviewStore]:
    """A store with places for two accounts a day."""
    store = ReviewStore(migrated_url, daily_quota=2)
    yield store
    store.close()


def flagged(store: ReviewStore, accounts: str, now: datetime) -> dict[str, datetime | None]:
    """Flag accounts at a time, and return until when each account is held."""
    some = [flag(f"p-{account}-{now}", account_id=account) for account in accounts]
    table = table_of(AccountInReviewRow)
    with store.engine.begin() as connection:
        for one in some:
            spread = quota.spread(connection, rows.review_rows([one], now), now, 2)
            in_review.add_open_flags(connection, spread)
        found = connection.execute(select(table.c.account_id, table.c.held_until))
        return {row.account_id: row.held_until for row in found}


def test_accounts_over_the_quota_wait_for_the_next_day_with_a_place(store: ReviewStore) -> None:
    midnight = NOON.replace(hour=0)
    held = flagged(store, "abcdea", NOON)
    assert held == {"a": None, "b": None, "c": midnight + DAY, "d": midnight + DAY, "e": midnight + 2 * DAY}
    tomorrow = flagged(store, "fa", NOON + DAY)
    assert tomorrow == {**held, "f": midnight + 2 * DAY}, "the next day is full, and known accounts take no place"
    assert flagged(store, "g", NOON + 2 * DAY)["g"] == midnight + 3 * DAY
    assert flagged(store, "hij", NOON + 4 * DAY) == {
        **flagged(store, "", NOON),
        "h": None,
        "i": None,
        "j": midnight + 5 * DAY,
    }


def test_commit_records_every_flag_and_counts_what_the_quota_holds(store: ReviewStore) -> None:
    claim, some = store.claim("main", "one", [partition()]), [flag(f"p{n}", account_id=f"a{n}") for n in range(5)]
    assert store.quota_remaining() == 2
    counted = store.commit(claim, Effects(flags=some))
    assert counted["accounts_over_quota"] == 3
    assert "accounts_over_quota" not in store.commit(claim, Effects(flags=some)), "the same flags again"
    assert store.flag_counts()["flags"] == 5
    assert store.quota_remaining() == 0


def test_of_one_batch_the_highest_risks_enter_the_queue_first(store: ReviewStore) -> None:
    claim = store.claim("main", "one", [partition()])
    some = [flag(f"p{number}", account_id=f"a{number}", risk=0.9 + number / 100) for number in range(5)]
    store.commit(claim, Effects(flags=some))
    table = table_of(AccountInReviewRow)
    with store.engine.connect() as connection:
        query = select(table.c.account_id).order_by(table.c.held_until.is_not(None), table.c.held_until)
        found = list(connection.scalars(query.order_by(table.c.account_id)))
    assert (set(found[:2]), set(found[2:4]), found[4]) == ({"a3", "a4"}, {"a1", "a2"}, "a0")


def test_an_erased_account_keeps_its_place(store: ReviewStore) -> None:
    flagged(store, "abcd", NOON)
    erase_account(store.engine, PLATFORM, "c")
    with store.engine.connect() as connection:
        assert quota.taken(connection, NOON + DAY) == 2
    assert flagged(store, "e", NOON + DAY)["e"] == NOON.replace(hour=0) + 2 * DAY


def test_without_a_quota_every_account_waits(migrated_url: str) -> None:
    store = ReviewStore(migrated_url)
    claim = store.claim("main", "one", [partition()])
    store.commit(claim, Effects(flags=[flag(f"p{n}", account_id=f"a{n}") for n in range(5)]))
    assert store.quota_remaining() is None
    assert len(queue_page(store.engine, Actor(1, "ana", "reviewer"), QueueFilter(), datetime.now(UTC)).items) == 5
    store.close()


def test_people_see_what_the_quota_holds_and_a_senior_ends_it(store: ReviewStore) -> None:
    now = datetime.now(UTC)
    store.commit(
        store.claim("main", "one", [partition()]),
        Effects(flags=[flag(f"p{n}", account_id=f"a{n}") for n in range(3)]),
    )
    actors = {}
    for name, role in (("ana", "reviewer"), ("sam", "senior")):
        person = add_person(store.engine, NewPerson(name, role, "a long password for tests"), by="root", now=now)
        actors[name] = Actor(person.id, name, role)
    assert len(queue_page(store.engine, actors["ana"], QueueFilter(), now).items) == 2
    (held,) = queue_page(store.engine, actors["ana"], QueueFilter(view="held"), now).items
    assert (held.held_by, held.held_reason) == ("the daily quota", "over flags.daily_quota")
    with pytest.raises(NotPermitted):
        end_hold(store.engine, actors["ana"], held.key, now)
    end_hold(store.engine, actors["sam"], held.key, now)
    assert len(queue_page(store.engine, actors["ana"], QueueFilter(), now).items) == 3
