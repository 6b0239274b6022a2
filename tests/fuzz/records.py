"""Records for the decoder: valid ones of every kind, changed in structure and in bytes, and random bytes."""

from __future__ import annotations

import json
import random
import re
import tomllib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from moderation.effects import Origin, Partition
from moderation.mapping import FieldMapping
from moderation.settings import Settings

PARTITION = Partition("cluster", "events", "id", 0)
NOW_MS = 1_780_000_000_000
_NUMBER = re.compile(rb"\d+")
"""Replaced in the bytes by long numbers, because Python writes none of more than 4,300 digits."""
LARGEST = 20_000
"""Longest text that replaces a value."""
SEEDS: tuple[dict[str, Any], ...] = (
    {
        "post_id": "p1",
        "text": "Does anyone know when the library opens? \u2764\ufe0f",
        "account_id": "a1",
        "created_at": "2026-05-01T10:00:00Z",
        "lang": "en",
        "mentions": ["a2", "a3"],
        "urls": ["https://library.example/?q=1"],
        "reply_to_account": "a4",
        "community": "books",
        "client": {
            "ip": "9.9.9.9",
            "forwarded_for": "9.9.9.9, 10.0.0.1",
            "device_id": "d1",
            "utc_offset_min": 60,
            "network_kind": "mobile",
        },
        "typing": {
            "duration_ms": 9000,
            "keystrokes": 40,
            "intervals_ms": [100, 90.5, 2000],
            "interval_classes": ["letter", "space", "letter"],
            "input_method": "keyboard",
        },
        "account": {"created_at": "2020-01-01T00:00:00Z", "followers": 3, "has_bio": True},
    },
    {"type": "follow", "account_id": "a1", "target_account_id": "a2", "at": "2026-05-01T10:00:00+02:00"},
    {"type": "deletion", "post_id": "p1", "account_id": "a1", "at": "2026-05-01T11:00:00.123456Z"},
    {"type": "label", "verdict": "confirmed", "at": "2026-05-02T10:00:00Z", "source": "people", "account_id": "a1"},
    {
        "meta": {"event": "message.created", "ts": 1_777_607_200_123},
        "message": {
            "id": 90071,
            "author": {"uid": "u-17", "registered": 1_735_689_600, "stats": {"fans": 12}},
            "body": "<p>Does <b>anyone</b> know <a href='https://library.example'>when</a> it opens?</p>",
            "refs": [{"uid": "u-3"}, {"uid": "u-9"}],
            "inner": '{"tags": ["a", "b"]}',
        },
        "session": {"peer": "10.0.0.7", "via": "9.9.9.9, 10.0.0.3", "net": "home", "seconds": 8.2},
    },
)
_WRITTEN = tuple(map(json.dumps, SEEDS))
MAPPING = """
[mapping]
ignore = ["meta.event == 'ping'"]
trusted_proxies = ["10.0.0.0/8"]
time_zone = "Europe/Madrid"
[mapping.post]
post_id = "join('/', [meta.event, to_string(message.id)])"
text = { path = "concat_ws('\\n', message.title, message.body)", text_format = "html" }
account_id = "message.author.uid || _record.key.id"
created_at = "meta.ts"
mentions = "message.refs[].uid"
community = "parse_json(message.inner).tags[0]"
"client.ip" = "session.peer"
"client.forwarded_for" = "session.via"
"client.network_kind" = { path = "session.net", values = { home = "residential" } }
"typing.duration_ms" = { path = "session.seconds", unit = "s" }
"account.created_at" = { path = "message.author.registered", unit = "epoch_s" }
"account.followers" = "message.author.stats.fans"
"""
HOSTILE: tuple[Callable[[random.Random], Any], ...] = (
    lambda _: None,
    lambda draw: draw.choice([True, False, 0, -1, 2**63, -(2**64), 1e308, float("nan"), float("inf"), 0.1]),
    lambda draw: draw.choice(["ping", " ", "\x00", "\ud83d", "\u202e", "%s", "null", "-1", "1e5", "0" * 40, "\x1b[2J"]),
    lambda draw: "".join(chr(draw.randrange(0x20, 0x2FFFF)) for _ in range(draw.randrange(8))),
    lambda draw: draw.choice(["a", "<", "<b>", "&#", "`", "[x](", "\u0301", "> "]) * draw.randrange(LARGEST // 4),
    lambda draw: draw.choice(["9999-12-31T23:59:59.999999999Z", "0001-01-01T00:00:00-23:59", "2026-02-30T00:00:00Z"]),
    lambda draw: draw.choice(["2026-05-01T25:00:00Z", "2026-05-01", "1e400", "Fri, 01 May 2026 10:00:00 GMT", "١٢٣"]),
    lambda draw: draw.choice(["::1", "999.1.1.1", "1.2.3.4:80", "[::1%eth0]:1", "fe80::1%" + "z" * 99, "0x7f000001"]),
    lambda draw: [HOSTILE[1](draw) for _ in range(draw.randrange(4))],
    lambda draw: ["x"] * draw.choice([1, 4097]),
    lambda draw: {draw.choice(["", "id", "\x00", "a" * 300]): draw.choice([None, [], {}, "v"])},
    lambda draw: json.loads(draw.choice(_WRITTEN)),
)
"""Values with faults elsewhere: infinities, lone surrogates, far times, addresses of odd forms."""


def mapping() -> FieldMapping:
    """A mapping with nested paths, functions, units, values and HTML."""
    return Settings(**tomllib.loads(MAPPING)).field_mapping()


def records(count: int, seed: int) -> Iterator[Origin]:
    """Yield records, in turn of our own shape and of the shape of the mapping; the same for the same seed."""
    draw = random.Random(seed)
    for offset in range(count):
        stamp_ms = draw.choice([None, NOW_MS, 0, -1, 2**62, NOW_MS // 1000])
        key = draw.choice([None, b"", b"a1", b'{"id": "a1"}', b"\x00\x00\x00\x00\x01{}", b"\xff\xfe", b'"\\ud83d"'])
        headers = draw.choice([(), (("traceparent", b"\xff"), ("n", None), ("n", b"x"))])
        yield Origin(
            PARTITION, offset, stamp_ms, key, _value(draw, _WRITTEN[4:] if offset % 2 else _WRITTEN[:4]), headers
        )


def _value(draw: random.Random, seeds: Sequence[str]) -> bytes | None:
    kind = draw.random()
    if kind < 0.01:
        return None
    if kind < 0.05:
        return draw.randbytes(draw.randrange(200))
    record: Any = json.loads(draw.choice(seeds))
    for _ in range(draw.randrange(4)):
        record = _changed(draw, record)
    raw = json.dumps(record, ensure_ascii=draw.random() < 0.5).encode("utf-8", "surrogatepass")
    if draw.random() < 0.05:
        raw = _NUMBER.sub(b"9" * draw.choice([19, 400, 4299, 4301, 9000]), raw, count=draw.randrange(1, 4))
    if kind < 0.25:
        for _ in range(draw.randrange(1, 4)):
            raw = _damaged(draw, raw)
    return raw


def _changed(draw: random.Random, node: Any) -> Any:
    """Return a node in which one value, at any depth, is another."""
    children = list(node) if isinstance(node, dict) else list(range(len(node))) if isinstance(node, list) else []
    if not children or draw.random() < 0.06:
        return draw.choice(HOSTILE)(draw)
    at = draw.choice(children)
    if draw.random() < 0.1:
        del node[at]
    else:
        node[at] = _changed(draw, node[at])
    return node


def _damaged(draw: random.Random, raw: bytes) -> bytes:
    at = draw.randrange(len(raw) + 1)
    end = min(len(raw), at + draw.randrange(9))
    return draw.choice(
        (
            raw[:at],
            raw[at:],
            raw[:at] + draw.randbytes(draw.randrange(4)) + raw[end:],
            raw[:at] + raw[at:end] * draw.choice([2, 50]) + raw[end:],
            raw[:at]
            + draw.choice([b"\\ud83d", b"\xed\xa0\xbd", b"[" * 5000, b'{"a":' * 300, b"NaN", b"\x00", b"1e999"]),
            draw.choice([b"\xef\xbb\xbf", b"\x1e", b"\x00\x00\x00\x00\x07", b"\x1f\x8b"]) + raw,
            json.dumps(raw.decode("utf-8", "replace")).encode(),
        )
    )
