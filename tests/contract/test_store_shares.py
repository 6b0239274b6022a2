"""How sidecars share the slots of a pipeline, on SQLite and on a real PostgreSQL."""

from __future__ import annotations

from sqlalchemy import text

from connectors.reviewdb.store import ReviewStore
from moderation.ports import Member

ONE, TWO = Member("main", "one", 4), Member("main", "two", 4)


def expire(store: ReviewStore, owner: str) -> None:
    """Let the leases of an owner expire."""
    with store.engine.begin() as connection:
        connection.execute(text("UPDATE leases SET expires_at = '2020-01-01' WHERE owner = :owner"), {"owner": owner})


def test_a_slot_has_one_owner_until_it_is_released(store: ReviewStore) -> None:
    assert store.share(ONE, 60, [0, 1]).slots == {0: "one", 1: "one"}
    both = store.share(TWO, 60, [1, 2])
    assert both.slots == {0: "one", 1: "one", 2: "two"}
    assert both.members == {"one", "two"}
    store.release_slots(ONE, [1])
    assert store.share(TWO, 60, [1, 2]).slots == {0: "one", 1: "two", 2: "two"}


def test_a_slot_whose_owner_died_is_free_and_its_membership_ends(store: ReviewStore) -> None:
    store.share(ONE, 60, [0, 1])
    expire(store, "one")
    left = store.share(TWO, 60, [1])
    assert (left.members, left.slots) == ({"two"}, {1: "two"})


def test_a_member_that_ends_releases_all_its_slots_and_no_other(store: ReviewStore) -> None:
    store.share(ONE, 60, [0])
    store.share(TWO, 60, [1])
    store.release_slots(ONE, None)
    left = store.share(TWO, 60, [1])
    assert (left.members, left.slots) == ({"two"}, {1: "two"})


def test_slots_of_another_pipeline_are_independent(store: ReviewStore) -> None:
    store.share(ONE, 60, [0])
    assert store.share(Member("other", "two", 4), 60, [0]).slots == {0: "two"}


def test_a_complete_pipeline_and_its_slots_exclude_each_other(store: ReviewStore) -> None:
    assert store.acquire_lease("main", "alone", 60)
    assert store.share(ONE, 60, []).sole == "alone"
    assert not store.acquire_lease("main", "another", 60)
    store.release_lease("main", "alone")
    assert store.share(ONE, 60, [0]).sole is None
    assert not store.acquire_lease("main", "alone", 60)
    assert store.acquire_lease("other", "alone", 60)
