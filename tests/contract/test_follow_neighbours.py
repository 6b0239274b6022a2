"""Whom a flagged account follows: bounded, replaced, erased and expired on both databases."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import select, text, update

from connectors.reviewdb.identity import account_key, stored_number
from connectors.reviewdb.models import ErasedAccountRow
from connectors.reviewdb.neighbours import KEPT
from connectors.reviewdb.retention import erase_account
from connectors.reviewdb.review_models import FollowedRow
from connectors.reviewdb.statements import database_now
from connectors.reviewdb.store import ReviewStore
from moderation.effects import Effects, FlagRaised, Followed
from moderation.state.identifiers import account_number
from tests.contract.samples import PLATFORM, flag, partition


@pytest.fixture
def store(migrated_url: str) -> Iterator[ReviewStore]:
    """An empty store."""
    store = ReviewStore(migrated_url, evidence_days=30)
    yield store
    store.close()


def follows(post_id: str, account_id: str, *others: str, mutual: str = "") -> FlagRaised:
    """A flag of an account that follows others, the last of them first; *mutual* follows back."""
    followed = tuple(Followed(account_number(name), name == mutual) for name in others)
    return dataclasses.replace(flag(post_id, account_id=account_id), followed=followed)


def commit(store: ReviewStore, *flags: FlagRaised) -> None:
    """Commit flags as the sidecar does."""
    store.commit(store.claim("main", "one", [partition()]), Effects(flags=list(flags)))


def stored(store: ReviewStore, account_id: str) -> dict[int, tuple[bool, bool]]:
    """The stored neighbours by number: mutual, and flagged before."""
    query = select(FollowedRow.number, FollowedRow.mutual, FollowedRow.flagged_before)
    query = query.where(FollowedRow.account_key == account_key(PLATFORM, account_id))
    with store.engine.connect().execution_options(reading=True) as connection:
        return {row.number: (row.mutual, row.flagged_before) for row in connection.execute(query)}


def number(account_id: str) -> int:
    """The stored number of an account."""
    return stored_number(account_number(account_id))


def test_flagged_and_mutual_accounts_are_kept_first_and_the_next_flag_replaces_them(store: ReviewStore) -> None:
    commit(store, flag("p0", account_id="known"))
    many = [f"n{n}" for n in range(60)]
    commit(store, follows("p1", "a1", *many, "friend", "known", mutual="friend"))
    found = stored(store, "a1")
    assert len(found) == KEPT
    assert found[number("known")] == (False, True)
    assert found[number("friend")] == (True, False)
    assert {number(name) for name in many[: KEPT - 2]} <= found.keys()
    commit(store, follows("p2", "a1", "n1"))
    assert stored(store, "a1") == {number("n1"): (False, False)}


def test_of_two_flags_in_one_batch_the_later_one_replaces_the_list(store: ReviewStore) -> None:
    commit(store, follows("p1", "a1", "first"), follows("p2", "a1", "second"))
    assert set(stored(store, "a1")) == {number("second")}


def test_a_flag_of_an_account_that_follows_no_one_any_more_empties_the_list(store: ReviewStore) -> None:
    commit(store, follows("p1", "a1", "other"), follows("p2", "a2", "other"))
    commit(store, follows("p3", "a1"))
    assert stored(store, "a1") == {}
    assert set(stored(store, "a2")) == {number("other")}


def test_numbers_of_all_64_bits_are_stored(store: ReviewStore) -> None:
    ends = tuple(Followed(one, mutual=False) for one in (1, (1 << 63) - 1, 1 << 63, (1 << 64) - 1))
    commit(store, dataclasses.replace(flag("p1"), followed=ends))
    assert set(stored(store, "a1")) == {1, (1 << 63) - 1, -(1 << 63), -1}


def test_erasure_removes_an_account_as_owner_and_as_neighbour_for_good(store: ReviewStore) -> None:
    commit(store, follows("p1", "a1", "gone", "stays"), follows("p2", "gone", "a1"))
    erase_account(store.engine, PLATFORM, "gone")
    assert stored(store, "gone") == {}
    assert set(stored(store, "a1")) == {number("stays")}
    commit(store, follows("p3", "a1", "gone", "stays"))
    assert set(stored(store, "a1")) == {number("stays")}


def test_an_account_whose_erasure_has_no_number_is_no_neighbour_once_it_is_in_review(store: ReviewStore) -> None:
    erase_account(store.engine, PLATFORM, "gone")
    with store.engine.begin() as connection:
        connection.execute(update(ErasedAccountRow).values(number=None))
    commit(store, flag("p1", account_id="gone"))
    commit(store, follows("p2", "a1", "gone", "stays"))
    assert set(stored(store, "a1")) == {number("stays")}


def test_neighbours_expire_with_the_evidence(store: ReviewStore) -> None:
    commit(store, follows("p1", "a1", "other"))
    store.expire()
    assert stored(store, "a1") != {}
    with store.engine.begin() as connection:
        connection.execute(update(FollowedRow).values(expires_at=database_now(connection) - timedelta(seconds=1)))
    store.expire()
    assert stored(store, "a1") == {}


def test_an_account_in_review_has_the_number_of_its_id_whatever_its_characters(store: ReviewStore) -> None:
    commit(store, flag("p0", account_id="\ud800 known"))
    with store.engine.connect().execution_options(reading=True) as connection:
        assert connection.scalar(text("SELECT number FROM accounts_in_review")) == number("\ud800 known")
