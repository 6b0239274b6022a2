"""Records of a source become events: arrival, key, headers and what a mapping resolves."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from moderation.effects import Origin, Partition
from moderation.events import BadRecord, Deletion, Ignored, Post
from moderation.events.reading import RecordReader
from moderation.settings import Settings

LANE = Partition("", "posts", "", 0)
NOW_MS = 1_772_355_600_000
POST = {"id": "1", "body": "We walked home.", "user": "a", "at": "2026-03-01T08:00:00Z", "day": "2026-03-01 08:00:00"}
PATHS = {"post_id": "id", "text": "body", "account_id": "user", "created_at": "at"}


def reader(**mapping: Any) -> RecordReader:
    return RecordReader(Settings(mapping=mapping).field_mapping(), lambda: NOW_MS)


def origin(record: object, stamp_ms: int | None = None, **fields: Any) -> Origin:
    return Origin(LANE, 0, stamp_ms, value=json.dumps(record).encode(), **fields)


@pytest.mark.parametrize("stamp_ms", [NOW_MS // 1000, NOW_MS * 1000, 0, None, NOW_MS])
def test_record_time_in_another_unit_does_not_refuse_a_good_post(stamp_ms: int | None) -> None:
    assert isinstance(reader(post=PATHS).read(origin(POST, stamp_ms)), Post)


def test_refused_record_with_a_mapped_account_names_it() -> None:
    mapped = reader(post=PATHS)
    refused = [mapped.read(origin({**POST, "id": "", "user": user})) for user in ("a", 9, None, ["a"])]
    assert [bad.account_id for bad in refused if isinstance(bad, BadRecord)] == ["a", "9", None, None]


def test_record_key_and_headers_are_sources() -> None:
    mapped = reader(post={**PATHS, "post_id": "_record.key.id", "lang": "_record.headers.lang"})
    framed = b"\x00\x00\x00\x00\x07" + b'{"id": 9}'
    post = mapped.read(origin(POST, key=framed, headers=(("lang", b"en"), ("trace", b"\xff"), ("none", None))))
    assert isinstance(post, Post)
    assert (post.post_id, post.lang) == ("9", "en")


def test_deletion_without_time_in_a_file_has_the_time_of_the_latest_event_before_it() -> None:
    read = reader(post=PATHS, deletion={"when": "gone", "post_id": "id"})
    assert isinstance(read.read(origin({"gone": True, "id": "0"})), BadRecord)
    post = read.read(origin(POST))
    deletion = read.read(origin({"gone": True, "id": "1"}))
    assert isinstance(post, Post)
    assert isinstance(deletion, Deletion)
    assert (deletion.at_ms, deletion.account_id) == (post.at_ms, None)


def test_ignored_record_is_neither_event_nor_refused() -> None:
    assert isinstance(reader(post=PATHS, ignore=["user == 'a'"]).read(origin(POST)), Ignored)


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("tiem", "nothing found at 'tiem'"),
        ("body", "'body' cannot be used; `moderation events check` prints why"),
        ("day", "a time at 'day' has no offset from UTC; set mapping.time_zone to the time zone of such times"),
    ],
)
def test_mapped_path_that_never_resolves_is_warned_about_within_100_records(
    path: str, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    read = reader(post={**PATHS, "created_at": path})
    with caplog.at_level(logging.WARNING):
        for _ in range(99):
            read.read(origin(POST))
        assert not caplog.messages
        read.read(origin(POST))
        assert caplog.messages == [
            f"mapping.post.created_at resolved in none of the first 100 records: {reason}"
        ]  # fmt: skip
        for _ in range(200):
            read.read(origin(POST))
        read.resolution.finish()
    assert len(caplog.messages) == 1


def test_mapped_path_of_a_required_field_that_never_resolves_is_warned_about_at_the_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    read = reader(post={**PATHS, "text": "txet"})
    assert isinstance(read.read(origin(POST)), BadRecord)
    read.resolution.finish()
    assert "mapping.post.text resolved in none of the first 1 records" in caplog.text


def test_time_of_our_own_shape_that_is_never_valid_is_warned_about(caplog: pytest.LogCaptureFixture) -> None:
    read = reader()
    for _ in range(100):
        read.read(origin({"post_id": "1", "text": "x", "account_id": "a", "created_at": 1_772_445_600}))
    assert caplog.messages == [
        (
            "post.created_at resolved in none of the first 100 records: 'created_at' cannot be used: "
            "not an RFC 3339 time with an offset"
        )
    ]


def test_mapped_path_that_resolves_once_is_not_warned_about(caplog: pytest.LogCaptureFixture) -> None:
    read = reader(post={**PATHS, "lang": "lang"})
    read.read(origin({**POST, "lang": "en"}))
    for _ in range(120):
        read.read(origin(POST))
    assert not caplog.messages
