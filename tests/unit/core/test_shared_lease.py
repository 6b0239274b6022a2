"""Slots move to members that join, and back when they end, and none is left without an owner that runs it."""

from __future__ import annotations

import pytest

from moderation.ports import Member
from moderation.stream.shared_lease import Reassigned, SharedLease
from tests.unit.core.shared_doubles import SharedStore

SLOTS = 4


def lease(store: SharedStore, owner: str) -> SharedLease:
    """A lease that renews only when a test calls `fenced`."""
    return SharedLease(store, Member("m", owner, SLOTS), ttl_s=60)


def owners(store: SharedStore) -> dict[int, str]:
    return dict(sorted(store.slots.items()))


def test_a_member_alone_has_all_slots() -> None:
    store = SharedStore()
    one = lease(store, "one")
    one.fenced()
    assert one.begin() == {0, 1, 2, 3}
    one.check()


def test_slots_are_shared_with_a_member_that_joins_and_taken_over_when_it_dies() -> None:
    store = SharedStore()
    one, two = lease(store, "one"), lease(store, "two")
    one.fenced()
    one.begin()
    two.fenced()
    assert two.begin() == set()
    one.fenced()
    with pytest.raises(Reassigned):
        one.check()
    assert owners(store) == dict.fromkeys(range(SLOTS), "one"), "it keeps them until the batch is done"
    assert one.begin() == {0, 1}
    two.fenced()
    with pytest.raises(Reassigned):
        two.check()
    assert two.begin() == {2, 3}
    store.died("two")
    one.fenced()
    with pytest.raises(Reassigned):
        one.check()
    assert one.begin() == {0, 1, 2, 3}


def test_a_slot_that_another_member_took_is_run_no_more() -> None:
    store = SharedStore()
    one = lease(store, "one")
    one.fenced()
    one.begin()
    store.slots[3] = "two"
    one.fenced()
    with pytest.raises(Reassigned):
        one.check()
    assert one.begin() == {0, 1, 2}


def test_every_slot_of_many_members_is_run_by_its_owner() -> None:
    store = SharedStore()
    members = {name: lease(store, name) for name in ("a", "b", "c")}
    for _ in range(3):
        for one in members.values():
            one.fenced()
            one.begin()
    assert sorted(slot for one in members.values() for slot in one.running) == list(range(SLOTS))
    assert owners(store) == {slot: name for name, one in members.items() for slot in one.running}
