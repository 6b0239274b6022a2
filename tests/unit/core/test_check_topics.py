"""What `moderation check` says about the records of a topic."""

from __future__ import annotations

import json

import pytest

from moderation.cli.check_topics import describe_records, require_keyed
from moderation.effects import Origin, Partition
from moderation.errors import InputError
from moderation.mapping import FieldMapping
from moderation.stream.assembly import Decoder

WHERE = Partition("c", "events", "t", 0)


def records(*values: object) -> list[Origin]:
    return [
        Origin(
            WHERE, number, 1_790_000_000_000, None, value if isinstance(value, bytes) else json.dumps(value).encode()
        )
        for number, value in enumerate(values)
    ]


def post(number: int, address: str) -> dict[str, object]:
    return {
        "post_id": f"p{number}",
        "text": "A walk.",
        "account_id": f"a{number}",
        "created_at": "2026-01-01T00:00:00Z",
        "client": {"ip": address},
    }


FOLLOW = {
    "type": "follow",
    "account_id": "a",
    "target_account_id": "b",
    "at": "2026-01-01T00:00:00Z",
}


def test_describe_records_counts_kinds_and_dead_letters_with_the_first_reason() -> None:
    damaged = Origin(WHERE, 9, None, None, b"x", unreadable="the checksum does not match")
    text = describe_records(
        Decoder({}, FieldMapping({})), [damaged, *records(post(1, "8.8.8.8"), FOLLOW, b"\xff", post(2, "8.8.4.4"))]
    )
    assert "latest 5 records, 4 readable" in text
    assert "1 as follow, 2 as post, 2 dead letters, the first: the checksum does not match" in text
    assert "warning" not in text


def test_describe_records_of_dead_letters_only_raises_with_the_reason() -> None:
    with pytest.raises(InputError, match=r"2 dead letters, the first: not JSON.*Correct the topic or its mapping"):
        describe_records(Decoder({}, FieldMapping({})), records(b"<xml/>", b"<xml/>"))


@pytest.mark.parametrize(("shared", "warned"), [(20, False), (21, True)])
def test_describe_records_with_most_posts_on_one_address_warns_of_a_proxy(shared: int, warned: bool) -> None:
    own = [f"8.8.{number}.1" for number in range(40 - shared)]
    posts = [post(number, address) for number, address in enumerate(["9.9.9.9"] * shared + own)]
    text = describe_records(Decoder({}, FieldMapping({})), records(*posts))
    assert ("21 of 40 posts share one address" in text) == warned
    assert "9.9.9.9" not in text


def test_describe_records_with_posts_that_cannot_be_judged_warns() -> None:
    posts = [
        post(1, "8.8.8.8"),
        {**post(2, "8.8.4.4"), "created_at": 1_767_225_600},
        {"post_id": "3", "text": "A walk."},
    ]
    text = describe_records(Decoder({}, FieldMapping({})), records(*posts))
    assert "warning: 2 of 3 posts have no account_id or no valid created_at" in text


def test_describe_records_with_few_posts_on_one_address_does_not_warn() -> None:
    posts = [post(number, "9.9.9.9") for number in range(19)]
    assert "warning" not in describe_records(Decoder({}, FieldMapping({})), records(*posts))


def test_posts_of_one_account_in_two_partitions_cannot_be_shared() -> None:
    first, other = records(post(1, "8.8.8.8"), post(2, "8.8.8.8"))
    decoder, elsewhere = Decoder({}, FieldMapping({})), Partition("c", "events", "t", 3)
    require_keyed(decoder, [first, Origin(elsewhere, 1, other.timestamp_ms, None, other.value)])
    moved = Origin(elsewhere, 2, first.timestamp_ms, None, first.value)
    with pytest.raises(InputError, match=r"partitions 0 and 3 of events.*account id as key"):
        require_keyed(decoder, [first, moved])
