"""How partitions are shared in slots, and which part of them a sidecar gets."""

from __future__ import annotations

import pytest

from moderation.effects import Partition
from moderation.mapping import Kind
from moderation.stream.slots import Slots, fair_share


def partitions(topic: str, count: int) -> list[Partition]:
    return [Partition("c", topic, "t", number) for number in range(count)]


KINDS: dict[str, Kind | None] = {"posts": "post", "deletions": "deletion", "follows": "follow", "labels": "label"}
ALL = [*partitions("posts", 4), *partitions("deletions", 4), *partitions("follows", 2), *partitions("labels", 1)]
SLOTS = Slots(ALL, KINDS, "follows")


@pytest.mark.parametrize("members", [1, 2, 3, 4, 6])
def test_fair_shares_of_all_members_are_all_slots(members: int) -> None:
    names = {f"m{number}" for number in range(members)}
    shares = [fair_share(name, names, 4) for name in names]
    assert sum(shares) == 4
    assert max(shares) - min(shares) <= 1


def test_assignment_has_posts_and_deletions_of_one_number_together_and_all_follows() -> None:
    own = SLOTS.assignment([1], number=SLOTS.number)
    assert {(p.topic, p.partition) for p in own.owned} == {("posts", 1), ("deletions", 1), ("follows", 1)}
    assert {(p.topic, p.partition) for p in own.read - own.owned} == {("follows", 0)}
    assert {(p.topic, p.partition) for p in own.slots[1]} == {("posts", 1), ("deletions", 1)}
    assert own.others == {0, 2, 3}


def test_every_partition_is_owned_once() -> None:
    owned = [p for slot in range(SLOTS.number) for p in SLOTS.assignment([slot], number=SLOTS.number).owned]
    assert sorted(owned) == sorted(ALL)


@pytest.mark.parametrize(
    ("topics", "why"),
    [
        ([*partitions("posts", 4), *partitions("deletions", 1)], "deletions has 1, posts has 4"),
        ([*partitions("events", 4)], "events has follow events and others"),
    ],
)
def test_topics_that_cannot_be_shared_are_one_slot_with_the_reason(topics: list[Partition], why: str) -> None:
    kinds: dict[str, Kind | None] = {"events": None} if topics[0].topic == "events" else KINDS
    slots = Slots(topics, kinds, "events" if None in kinds.values() else "")
    assert slots.number == 1
    assert slots.why_not_shared is not None
    assert why in slots.why_not_shared


def test_deletions_that_share_a_topic_with_labels_need_as_many_partitions_as_posts() -> None:
    topics = [*partitions("posts", 4), *partitions("moderation", 3)]
    slots = Slots(topics, {"posts": "post", "moderation": None}, "")
    assert slots.number == 1
    assert "moderation has 3, posts has 4" in str(slots.why_not_shared)


def test_posts_and_deletions_in_one_topic_can_be_shared() -> None:
    slots = Slots(
        [*partitions("events", 3), *partitions("follows", 5)], {"events": None, "follows": "follow"}, "follows"
    )
    assert (slots.number, slots.why_not_shared) == (3, None)
