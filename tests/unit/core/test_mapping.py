"""Records of a platform's own shape are read through JMESPath expressions."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from moderation.events import BadRecord, Deletion, Event, Follow, Ignored, Label, Post, decode
from moderation.mapping import RecordInfo
from moderation.settings import Settings

NOW_MS = 1_790_000_000_000
PATHS = {"post_id": "id", "text": "text"}
GONE = {"when": "gone", "post_id": "id", "account_id": "user", "at": "at"}


def read(record: Any, mapping: dict[str, Any], *, info: RecordInfo | None = None, kind: Any = None) -> Event:
    compiled = Settings(mapping=mapping).field_mapping()
    value = record if record is None or isinstance(record, (bytes, str)) else json.dumps(record)
    return decode(value, arrival_ms=NOW_MS, kind=kind, mapping=compiled, info=info or RecordInfo())


def read_post(record: Any, **paths: Any) -> Post:
    event = read(record, {"post": {**PATHS, **paths}})
    assert isinstance(event, Post)
    return event


def test_mapping_nested_record_reads_every_field() -> None:
    record = {
        "data": {"id": 9_007_199_254_740_993, "body": "The bakery opens at six.", "author": {"fans": 3, "uid": "u-5"}},
        "ts": 1_772_355_600_000,
        "links": [{"href": "https://a.example"}, {"href": "https://b.example"}, {}],
        "net": ["11.0.0.1", "12.0.0.7"],
    }
    paths = {
        "post_id": "data.id",
        "text": "data.body",
        "account_id": "data.author.uid",
        "created_at": {"path": "ts", "unit": "epoch_ms"},
        "urls": "links[].href",
        "client.ip": "net[-1]",
        "account.followers": "data.author.fans",
        "typing.duration_ms": "typing.total",
    }
    post = read(record, {"post": paths})
    assert isinstance(post, Post)
    assert (post.post_id, post.account_id, post.text) == ("9007199254740993", "u-5", "The bakery opens at six.")
    assert post.created_at == datetime(2026, 3, 1, 9, tzinfo=UTC)
    assert post.urls == ("https://a.example", "https://b.example")
    assert post.client is not None
    assert post.client.ip == "12.0.0.7"
    assert post.account is not None
    assert post.account.followers == 3
    assert (post.typing, post.invalid) == (None, ())


@pytest.mark.parametrize(
    ("record", "paths", "field", "expected"),
    [
        ({"post.id": 1, "client.text": "hi"}, {"post_id": '"post.id"', "text": '"client.text"'}, "post_id", "1"),
        ({"id": {"$oid": "5f"}, "text": "hi"}, {"post_id": 'id."$oid"'}, "post_id", "5f"),
        ({"id": 1, "parts": [{"t": "a"}, {"t": "last"}]}, {"text": "parts[-1].t"}, "text", "last"),
        ({"id": 1, "text": "short"}, {"text": "full_text || text"}, "text", "short"),
        ({"id": 1, "title": "A", "body": "B"}, {"text": "concat_ws('\n\n', title, body)"}, "text", "A\n\nB"),
        ({"id": 1, "title": "A", "body": ""}, {"text": "concat_ws('\n\n', title, body)"}, "text", "A"),
        ({"id": 1, "blocks": [{"t": "a"}, {"t": "b"}]}, {"text": "concat_ws(' ', blocks[].t)"}, "text", "a b"),
        ({"did": "d", "rkey": "k", "text": "x"}, {"post_id": "join('/', [did, rkey])"}, "post_id", "d/k"),
        ({"payload": '{"id": 7}', "text": "x"}, {"post_id": "parse_json(payload).id"}, "post_id", "7"),
        ({"id": 1, "text": "x", "tags": "a|b"}, {"mentions": "split(tags, '|')"}, "mentions", ("a", "b")),
        ({"id": 1, "text": "x"}, {"surface": "'forum'"}, "surface", "forum"),
        ({"id": 1, "text": "x", "user": "[deleted]"}, {"account_id": "user != '[deleted]' && user || `null`"},
         "account_id", None),
        ({"id": 1, "text": "x", "f": [{"g": [{"did": "a"}]}, {"g": [{"did": "b"}, {}]}]},
         {"mentions": "f[].g[].did"}, "mentions", ("a", "b")),
    ],
)  # fmt: skip
def test_mapping_expression_returns_value(
    record: dict[str, Any], paths: dict[str, str], field: str, expected: object
) -> None:
    assert getattr(read_post(record, **paths), field) == expected


@pytest.mark.parametrize(
    ("condition", "record", "matches"),
    [
        ("type == `0`", {"type": 0}, True),
        ("type == 'MESSAGE' || type == 'REPLY'", {"type": "REPLY"}, True),
        ("contains(['a', 'b'], kind)", {"kind": "b"}, True),
        ("deleted", {"deleted": True}, True),
        ("deleted_at != `null`", {"deleted_at": "2026-01-01"}, True),
        ("deleted_at != `null`", {}, False),
        ("op == 'd' && source.table == 'posts'", {"op": "d", "source": {"table": "posts"}}, True),
        ("op == 'd' && source.table == 'posts'", {"op": "d", "source": {"table": "users"}}, False),
        ("starts_with(name, 'x')", {}, False),
    ],
)
def test_mapping_condition_decides_kind(condition: str, record: dict[str, Any], matches: bool) -> None:
    mapping = {"post": PATHS, "deletion": {**GONE, "when": condition}}
    event = read({"id": 1, "text": "x", "user": "u", "at": "2026-01-01T00:00:00Z", **record}, mapping)
    assert isinstance(event, Deletion if matches else Post)


def test_mapping_record_without_matching_condition_is_refused() -> None:
    mapping = {"post": {**PATHS, "when": "k == 'p'"}, "deletion": {**GONE, "when": "k == 'd'"}}
    with pytest.raises(BadRecord, match="none of post"):
        read({"k": "other", "id": 1, "text": "x"}, mapping)
    with pytest.raises(BadRecord, match=r"mapping\.post\.when is not true"):
        read({"k": "d", "id": 1, "text": "x"}, mapping, kind="post")


def test_mapping_ignore_rule_skips_record() -> None:
    mapping = {"post": PATHS, "ignore": ["kind == 'like'", "_record.headers.test == 'true'"]}
    with pytest.raises(Ignored):
        read({"kind": "like"}, mapping)
    with pytest.raises(Ignored):
        read({"id": 1, "text": "x"}, mapping, info=RecordInfo(headers={"test": "true"}))
    assert isinstance(read({"id": 1, "text": "x"}, mapping), Post)


def test_mapping_translates_words_of_the_platform() -> None:
    label = {
        "verdict": {"path": "decision", "values": {"removed": "confirmed", "true": "uncertain"}},
        "source": "'moderators'",
        "post_id": "id",
        "at": "at",
    }
    record = {"type": "label", "id": 1, "at": "2026-01-05T10:00:00Z", "decision": "removed"}
    event = read(record, {"label": label})
    assert isinstance(event, Label)
    assert (event.verdict, event.source) == ("confirmed", "moderators")
    assert read({**record, "decision": True}, {"label": label}).verdict == "uncertain"  # type: ignore[union-attr]
    with pytest.raises(BadRecord, match="verdict"):
        read({**record, "decision": "approved"}, {"label": label})
    follow = {"action": {"path": "verb", "values": {"unsubscribe": "unfollow"}}, "account_id": "a"}
    follow |= {"target_account_id": "b", "at": "at"}
    gone = read({**record, "type": "follow", "verb": "unsubscribe", "a": 1, "b": 2}, {"follow": follow})
    assert isinstance(gone, Follow)
    assert gone.action == "unfollow"


def test_mapping_reads_key_headers_and_timestamp() -> None:
    info = RecordInfo(key={"id": 5}, headers={"lang": "en"}, timestamp_ms=1_767_225_600_000)
    paths = {"post_id": "_record.key.id", "lang": "_record.headers.lang", "created_at": "_record.timestamp_ms"}
    post = read({"text": "x"}, {"post": {"text": "text", **paths}}, info=info)
    assert isinstance(post, Post)
    assert (post.post_id, post.lang) == ("5", "en")
    assert post.created_at == datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("tombstone", [None, "null"])
def test_mapping_tombstone_is_ignored_or_a_deletion_or_refused(tombstone: str | None) -> None:
    info = RecordInfo(key={"id": 5}, timestamp_ms=1_767_225_600_000)
    with pytest.raises(Ignored):
        read(tombstone, {"post": PATHS, "ignore": ["_record.tombstone"]}, info=info)
    deletion = {"when": "_record.tombstone", "post_id": "_record.key.id"}
    event = read(tombstone, {"post": PATHS, "deletion": deletion}, info=info)
    assert isinstance(event, Deletion)
    assert (event.post_id, event.account_id, event.at) == ("5", None, datetime(2026, 1, 1, tzinfo=UTC))
    with pytest.raises(BadRecord, match="tombstone"):
        read(tombstone, {"post": PATHS}, info=info)


def test_deletion_without_time_has_record_time_or_is_refused() -> None:
    record = {"type": "deletion", "post_id": "p"}
    event = decode(json.dumps(record), arrival_ms=NOW_MS, info=RecordInfo(timestamp_ms=1_767_225_600_000))
    assert event.at_ms == 1_767_225_600_000
    with pytest.raises(BadRecord, match="no record timestamps"):
        decode(json.dumps(record), arrival_ms=NOW_MS)
    unreadable = {**record, "type": "deletion", "id": "p", "when": "soon"}
    with pytest.raises(BadRecord, match="'soon' is not a time"):
        read(unreadable, {"deletion": {"post_id": "id", "at": "when"}}, info=RecordInfo(timestamp_ms=1))


def test_mapping_duration_unit_is_converted() -> None:
    paths = {"typing.duration_ms": {"path": "s", "unit": "s"}, "typing.intervals_ms": {"path": "g", "unit": "us"}}
    post = read_post({"id": 1, "text": "x", "s": 8.2, "g": [90_500, 120_000]}, **paths)
    assert post.typing is not None
    assert (post.typing.duration_ms, post.typing.intervals_ms) == (8200, (90.5, 120))


def test_mapping_time_zone_is_used_for_times_without_offset() -> None:
    mapping = {"post": {**PATHS, "created_at": "at"}, "time_zone": "Europe/Berlin"}
    event = read({"id": 1, "text": "x", "at": "2026-01-05 10:00:00"}, mapping)
    assert event.at_ms == datetime(2026, 1, 5, 10, tzinfo=ZoneInfo("Europe/Berlin")).timestamp() * 1000
    assert read_post({"id": 1, "text": "x", "at": "2026-01-05 10:00:00"}, created_at="at").invalid == ("created_at",)


def test_mapping_expression_that_fails_is_a_missing_value() -> None:
    post = read_post({"id": 1, "text": "x", "payload": "{"}, lang="parse_json(payload).lang", surface="nothing.here")
    assert (post.lang, post.surface, post.invalid) == (None, None, ("lang",))


def test_mapping_required_path_without_value_is_named() -> None:
    with pytest.raises(BadRecord, match="text: nothing found at 'text'"):
        read_post({"id": 1})
    with pytest.raises(BadRecord, match=r"post_id: .*join"):
        read_post({"id": 1, "text": "x"}, post_id="join('/', [a, b])")


@pytest.mark.parametrize(
    ("value", "expected"),
    [("https://a.example/x.png", True), ("", False), ("false", False), (True, True), (None, None)],
)
def test_mapping_flag_is_whether_there_is_a_text(value: object, expected: bool | None) -> None:
    post = read_post(
        {"id": 1, "text": "x", "picture": value, "f": 1}, **{"account.has_avatar": "picture", "account.followers": "f"}
    )
    assert post.account is not None
    assert post.account.has_avatar is expected
    assert post.invalid == ()


def test_mapping_leaves_unmapped_fields_and_kinds_alone() -> None:
    post = read_post({"id": 1, "text": "x", "client": "web", "mentions": [{"id": 3}], "schema_version": 4})
    assert (post.client, post.mentions, post.invalid, post.schema_version) == (None, None, (), 1)
    raw = {"type": "deletion", "post_id": "p", "account_id": "a", "at": "2026-01-01T00:00:00Z"}
    assert read(raw, {"post": PATHS}).at_ms == 1_767_225_600_000
    assert isinstance(read({"id": 1, "text": "x", "type": "status.created"}, {"post": PATHS}), Post)
    with pytest.raises(BadRecord, match="schema_version: 2"):
        read_post({"id": 1, "text": "x", "v": 2}, schema_version="v")
    with pytest.raises(BadRecord, match="none of post"):
        read({"type": "status.created"}, {"follow": {"account_id": "a"}})


def test_mapping_forwarded_for_finds_client_behind_trusted_proxies() -> None:
    mapping = {
        "post": {**PATHS, "client.ip": "peer", "client.forwarded_for": "xff"},
        "trusted_proxies": ["10.0.0.0/8", "11.1.1.1"],
    }
    record = {"id": 1, "text": "x", "peer": "10.0.0.9", "xff": "6.6.6.6, 11.2.3.4, 11.1.1.1"}
    event = read(record, mapping)
    assert isinstance(event, Post)
    assert event.client is not None
    assert (event.client.ip, event.invalid) == ("11.2.3.4", ())
    assert "forwarded_for" not in event.client.model_dump()
