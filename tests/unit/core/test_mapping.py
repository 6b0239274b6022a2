"""A platform's own JSON is read as it is, by a path per field."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from moderation.events import BadRecord, Deletion, Label, Post, decode
from moderation.mapping import FieldMapping, FieldPath

NOW_MS = 1_790_000_000_000
THEIRS = {
    "type": "status.created",
    "data": {
        "id": 9_007_199_254_740_993,
        "content": {"body": "The bakery opens at six."},
        "author": {"uid": "u-5", "stats": {"fans": 3}},
        "ts": 1_772_355_600_000,
        "entities": {"links": [{"href": "https://a.example"}, {"href": "https://b.example"}, {}]},
    },
    "ctx": {"net": ["198.51.100.7", "10.0.0.1"]},
}
PATHS = {
    "post_id": FieldPath(path="data.id"),
    "text": FieldPath(path="data.content.body"),
    "account_id": FieldPath(path="data.author.uid"),
    "created_at": FieldPath(path="data.ts", unit="epoch_ms"),
    "urls": FieldPath(path="data.entities.links.*.href"),
    "client.ip": FieldPath(path="ctx.net.0"),
    "account.followers": FieldPath(path="data.author.stats.fans"),
    "typing.duration_ms": FieldPath(path="ctx.typing.total"),
}


def read(record: object) -> Post:
    event = decode(json.dumps(record), arrival_ms=NOW_MS, kind="post", mapping=FieldMapping({"post": PATHS}))
    assert isinstance(event, Post)
    return event


def test_a_nested_foreign_record_is_read_without_re_encoding() -> None:
    post = read(THEIRS)
    assert (post.post_id, post.account_id) == ("9007199254740993", "u-5")
    assert post.text == "The bakery opens at six."
    assert post.created_at is not None
    assert post.created_at.isoformat() == "2026-03-01T09:00:00+00:00"
    assert post.urls == ("https://a.example", "https://b.example")
    assert post.client is not None
    assert post.client.ip == "198.51.100.7"
    assert post.account is not None
    assert post.account.followers == 3
    assert post.invalid == ()


def test_a_path_that_leads_nowhere_is_a_missing_value() -> None:
    post = read({**THEIRS, "ctx": {}})
    assert post.client is not None
    assert post.client.ip is None
    assert post.typing is not None
    assert post.typing.duration_ms is None


def test_a_time_that_is_no_number_is_judged_like_any_other() -> None:
    broken = json.loads(json.dumps(THEIRS))
    broken["data"]["ts"] = "soon"
    assert read(broken).invalid == ("created_at",)


def test_an_unmapped_kind_is_read_by_our_names() -> None:
    raw = '{"type": "deletion", "post_id": "p", "account_id": "a", "at": "2026-01-01T00:00:00Z"}'
    assert decode(raw, arrival_ms=NOW_MS, mapping=FieldMapping({"post": PATHS})).at_ms == 1_767_225_600_000


def test_posts_mapped_without_a_path_for_type_are_read_whatever_their_own_type_says() -> None:
    event = decode(json.dumps(THEIRS), arrival_ms=NOW_MS, mapping=FieldMapping({"post": PATHS}))
    assert isinstance(event, Post)
    with pytest.raises(BadRecord, match="none of post"):
        decode(json.dumps(THEIRS), arrival_ms=NOW_MS, mapping=FieldMapping({"follow": PATHS}))


def test_paths_for_type_tell_the_kinds_of_a_shared_stream_apart() -> None:
    mapping = FieldMapping(
        {
            "post": {**PATHS, "type": FieldPath(path="type", equals="status.created")},
            "deletion": {
                "type": FieldPath(path="type", equals="status.gone"),
                "post_id": FieldPath(path="data.id"),
                "account_id": FieldPath(path="data.author.uid"),
                "at": FieldPath(path="data.ts", unit="epoch_ms"),
            },
            "label": {"type": FieldPath(path="meta.kind")},
        }
    )
    label = {"meta": {"kind": "label"}, "post_id": "p", "verdict": "confirmed", "at": "2026-01-01T00:00:00Z"}
    for record, kind in (
        (THEIRS, Post),
        ({**THEIRS, "type": "status.gone"}, Deletion),
        ({**label, "source": "s"}, Label),
    ):
        assert isinstance(decode(json.dumps(record), arrival_ms=NOW_MS, mapping=mapping), kind)
    for other in ("status.edited", None):
        with pytest.raises(BadRecord, match="none of post"):
            decode(json.dumps({**THEIRS, "type": other}), arrival_ms=NOW_MS, mapping=mapping)


def test_a_platforms_own_schema_version_is_not_ours() -> None:
    assert read({**THEIRS, "schema_version": 3}).schema_version == 1
    ours = FieldMapping({"post": {**PATHS, "schema_version": FieldPath(path="v")}})
    assert decode(json.dumps(THEIRS), arrival_ms=NOW_MS, mapping=ours)
    with pytest.raises(BadRecord, match="schema_version: 2"):
        decode(json.dumps({**THEIRS, "v": 2}), arrival_ms=NOW_MS, mapping=ours)


@pytest.mark.parametrize("path", ["", ".", "a..b", "a."])
def test_an_empty_step_is_refused(path: str) -> None:
    with pytest.raises(ValidationError, match="joined by dots"):
        FieldPath(path=path)
