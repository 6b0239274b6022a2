"""Broken records are refused with a reason; bad optional values go missing by name; nothing else is lost."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.events import MAX_INTERVALS, BadRecord, Event, EventKey, Follow, Post, decode

NOW_MS = int(datetime(2026, 3, 1, tzinfo=UTC).timestamp() * 1000)
FULL = {
    "post_id": "p1",
    "text": "We walked along the river until the rain stopped.",
    "account_id": "a1",
    "created_at": "2026-02-01T10:00:00+01:00",
    "client": {"ip": "9.9.9.9", "network_kind": "residential"},
    "typing": {"duration_ms": 9000, "keystrokes": 60, "intervals_ms": [120, 90.5]},
    "account": {"followers": 12},
}


def read(event: object, **options: object) -> object:
    return decode(json.dumps(event), arrival_ms=NOW_MS, **options)  # type: ignore[arg-type]


def post(**changes: object) -> Post:
    event = read({**FULL, **changes})
    assert isinstance(event, Post)
    return event


def reason(value: bytes | str) -> tuple[str, str]:
    with pytest.raises(BadRecord) as refused:
        decode(value, arrival_ms=NOW_MS)
    return refused.value.stage, refused.value.reason


def test_a_full_post_is_read_as_it_is() -> None:
    read_post = post()
    assert read_post.invalid == ()
    assert read_post.typing is not None
    assert read_post.typing.intervals_ms == (120, 90.5)
    assert read_post.at_ms == int(datetime(2026, 2, 1, 9, tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("value", "part_of_reason"),
    [
        (b"\xff\xfe", "UTF-8"),
        (b"{", "JSON"),
        (b"[]", "object"),
        (b'{"text": "x"}', "post_id"),
        (b'{"post_id": "", "text": "x"}', "post_id"),
        (b'{"post_id": "p", "text": 5}', "text"),
        (b'{"post_id": "p", "text": "x", "account_id": ""}', "account_id"),
        (b'{"post_id": "\\ud800", "text": "x"}', "post_id"),
        (b'{"post_id": NaN, "text": "x"}', "post_id"),
        (b'{"post_id": ' + b"9" * 4301 + b', "text": "x"}', ""),
        (b'{"post_id": ' + b"9" * 4300 + b', "text": "x"}', "post_id"),
        (b'{"schema": {"type": "struct"}, "payload": {"post_id": "1", "text": "x"}}', "envelope of Kafka Connect"),
        (b'{"post_id": Infinity, "text": "x"}', "post_id"),
        (b'{"post_id": 1e400, "text": "x"}', "post_id"),
        (b'{"post_id": " ", "text": "x"}', "post_id"),
        (b'{"post_id": "p", "text": "\\ud800}', "JSON"),
        ('{"post_id": "p", "text": "\\ud800"}'.encode("utf-16"), "UTF-8"),
        (b'{"post_id": "\\ud800", "text": ' + b"[" * 100_000, "JSON"),
        (b'{"type": "poll"}', "none of post"),
        (b'{"schema_version": true, "post_id": "p", "text": "x"}', "schema_version"),
        (b'{"schema_version": 2, "post_id": "p", "text": "x"}', "schema_version"),
        (b'{"type": "follow", "account_id": "a", "target_account_id": "b", "at": 1700000000}', "RFC 3339"),
        (b'{"type": "label", "verdict": "confirmed", "at": "2026-01-01T00:00:00Z", "source": "s"}', "post_id or"),
    ],
)
def test_a_broken_record_is_refused_with_the_reason(value: bytes, part_of_reason: str) -> None:
    stage, text = reason(value)
    assert stage == "decode"
    assert part_of_reason in text


def test_a_text_that_a_client_cut_within_an_emoji_is_judged() -> None:
    event = decode(b'{"post_id": "p", "text": "Buy now \\ud83d", "account_id": "\\ud83d\\ude00"}', arrival_ms=0)
    assert isinstance(event, Post)
    assert event.text == "Buy now \ud83d"
    assert event.account_id == "\U0001f600"


@pytest.mark.parametrize(
    "at", ["0001-01-01T00:00:00+14:00", "1970-01-01T00:00:00Z", "1999-12-31T23:59:59Z", "2100-01-01T00:00:00Z"]
)
def test_a_time_outside_its_bounds_is_refused_before_it_can_move_a_window(at: str) -> None:
    assert reason(json.dumps({**FULL, "created_at": at}))[0] == "time"


def test_five_minutes_ahead_of_arrival_is_still_accepted() -> None:
    assert post(created_at="2026-03-01T00:05:00Z").at_ms == NOW_MS + 300_000
    assert reason(json.dumps({**FULL, "created_at": "2026-03-01T00:05:01Z"}))[0] == "time"


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"client": {"ip": "300.1.2.3"}}, "client.ip"),
        ({"client": {"ip": 12}}, "client.ip"),
        ({"client": "somewhere"}, "client"),
        ({"client": {"ip": "10.0.0.1"}}, "client.ip:private"),
        ({"client": {"ip": "64:ff9b::c633:6401"}}, "client.ip:nat64"),
        ({"client": {"forwarded_for": "9.9.9.9, unknown"}}, "client.forwarded_for"),
        ({"client": {"device_id": "00000000-0000-0000-0000-000000000000"}}, "client.device_id"),
        ({"account": {"created_at": "0001-01-01T00:00:00Z"}}, "account.created_at"),
        ({"account": {"created_at": "1970-01-01T00:00:00Z"}}, "account.created_at"),
        ({"account": {"created_at": "9999-12-31T23:59:59-14:00"}}, "account.created_at"),
        ({"typing": {"duration_ms": -1}}, "typing.duration_ms"),
        ({"typing": {"keystrokes": 1.5}}, "typing.keystrokes"),
        ({"typing": {"intervals_ms": [1, -2]}}, "typing.intervals_ms"),
        ({"typing": {"input_method": "telepathy"}}, "typing.input_method"),
        ({"account": {"followers": -4}}, "account.followers"),
        ({"created_at": "yesterday"}, "created_at"),
        ({"created_at": 1_770_000_000}, "created_at"),
    ],
)
def test_an_invalid_optional_value_goes_missing_and_is_named(change: dict[str, object], name: str) -> None:
    read_post = post(**change)
    assert read_post.invalid == (name,)
    assert read_post.text == FULL["text"]


def test_nan_and_infinity_go_missing() -> None:
    raw = json.dumps(FULL).replace("9000", "NaN").replace("90.5", "Infinity")
    event = decode(raw, arrival_ms=NOW_MS)
    assert isinstance(event, Post)
    assert set(event.invalid) == {"typing.duration_ms", "typing.intervals_ms"}


def test_null_is_absent_and_unknown_fields_are_ignored() -> None:
    event = read({"post_id": 7, "text": "x", "client": None, "colour": "blue", "invalid": ["client.ip"]})
    assert isinstance(event, Post)
    assert (event.post_id, event.client, event.invalid) == ("7", None, ())
    assert not event.judgeable


def test_null_is_absent_in_every_field() -> None:
    assert isinstance(read({**FULL, "schema_version": None, "type": None}), Post)
    gone = {"type": "follow", "account_id": "a", "target_account_id": "b", "at": FULL["created_at"], "action": None}
    assert isinstance(read(gone), Follow)
    assert "text" in reason(b'{"post_id": "p", "text": null}')[1]


def test_interval_lists_are_capped_instead_of_refused() -> None:
    read_post = post(typing={"intervals_ms": [100] * (MAX_INTERVALS + 50)})
    assert read_post.typing is not None
    assert len(read_post.typing.intervals_ms or ()) == MAX_INTERVALS
    assert read_post.invalid == ()


def test_the_topic_says_the_kind_whatever_a_platforms_own_type_field_holds() -> None:
    assert isinstance(read({**FULL, "type": "tweet"}, kind="post"), Post)


def test_two_addresses_written_differently_are_one() -> None:
    read_post = post(client={"ip": "2A00:0:0::1"})
    assert read_post.client is not None
    assert read_post.client.ip == "2a00::1"


def test_carrier_nat_address_counts_as_a_mobile_network() -> None:
    read_post = post(client={"ip": "100.64.3.4", "network_kind": "residential"})
    assert read_post.client is not None
    assert (read_post.client.ip, read_post.client.network_kind) == ("100.64.3.4", "mobile")


def test_forwarded_for_without_trusted_proxies_is_the_last_hop() -> None:
    read_post = post(client={"forwarded_for": ["6.6.6.6", "9.9.9.9"]})
    assert read_post.client is not None
    assert read_post.client.ip == "9.9.9.9"


def test_ties_fall_by_kind_and_identity() -> None:
    at = "2026-02-01T09:00:00Z"
    follow = Follow(account_id="z", target_account_id="b", at=datetime(2026, 2, 1, 9, tzinfo=UTC))
    events: list[Event] = [post(post_id="b", created_at=at), post(post_id="a", created_at=at), follow]
    ordered = sorted(events, key=lambda event: EventKey.of(event).as_tuple())
    assert ordered == [follow, events[1], events[0]]


@given(st.binary(max_size=200))
def test_any_bytes_are_an_event_or_a_refusal(value: bytes) -> None:
    with suppress(BadRecord):
        assert decode(value, arrival_ms=NOW_MS)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.lists(inner, max_size=3)
)


@given(st.dictionaries(st.sampled_from([*FULL, "schema_version", "type", "mentions", "lang"]), JSON))
def test_any_object_is_an_event_or_a_refusal(fields: dict[str, object]) -> None:
    with suppress(BadRecord):
        assert read({**FULL, **fields})
