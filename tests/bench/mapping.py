"""How fast a mapping reads records: `python -m tests.bench.mapping`.

The peers are plain dictionary access by hand-written code, and decoding the same post in our own shape.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

from moderation.events import decode
from moderation.mapping import FieldMapping, FieldPath
from moderation.mapping.expressions import compile_expression

NOW_MS = 1_780_000_000_000
RECORD = {
    "meta": {"event": "message.created", "ts": 1_772_445_600_123},
    "message": {
        "id": 90_071,
        "author": {"uid": "u-17", "stats": {"fans": 12, "idols": 80}},
        "body": {"parts": [{"kind": "text", "value": "Does anybody know when the library opens?"}]},
        "refs": [{"uid": "u-3"}, {"uid": "u-9"}],
    },
    "payload": '{"id": "7", "text": "The library opens at nine."}',
}
EXPRESSIONS = {
    "plain path": "message.author.stats.fans",
    "plain path with an index": "message.body.parts[-1].value",
    "fallback": "message.full_text || message.body.parts[0].value",
    "projection": "message.refs[].uid",
    "condition": "contains(['message.created', 'message.edited'], meta.event)",
    "composed id": "join('/', [message.author.uid, meta.event])",
    "JSON inside a string": "parse_json(payload).text",
}
OURS = {
    "post_id": "90071",
    "text": "Does anybody know when the library opens?",
    "account_id": "u-17",
    "created_at": "2026-03-02T10:00:00.123Z",
    "account": {"followers": 12, "following": 80},
}
PATHS = {
    "post_id": "message.id",
    "text": "message.body.parts[0].value",
    "account_id": "message.author.uid",
    "created_at": "meta.ts",
    "account.followers": "message.author.stats.fans",
    "account.following": "message.author.stats.idols",
}


def rate(work: Callable[[Any], object], argument: Any, seconds: float = 0.5) -> float:
    """Calls per second."""
    calls, started = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - started) < seconds:
        for _ in range(500):
            work(argument)
        calls += 500
    return calls / elapsed


def by_hand(record: dict[str, Any]) -> object:
    """The plain path as code."""
    return record["message"]["author"]["stats"]["fans"]


def main() -> None:
    """Print rates on one core and ratios to the peers."""
    base = rate(by_hand, RECORD)
    sys.stdout.write(f"{'dictionary access by hand':34} {base:12,.0f} values/s\n")
    for name, text in EXPRESSIONS.items():
        found = rate(compile_expression(text).read, RECORD)
        sys.stdout.write(f"{name:34} {found:12,.0f} values/s   {found / base:6.3f} of it   {text}\n")
    mapping = FieldMapping({"post": {name: FieldPath(path=path) for name, path in PATHS.items()}})
    ours = rate(lambda line: decode(line, arrival_ms=NOW_MS, kind="post"), json.dumps(OURS).encode())
    theirs = rate(
        lambda line: decode(line, arrival_ms=NOW_MS, kind="post", mapping=mapping), json.dumps(RECORD).encode()
    )
    sys.stdout.write(f"{'decode, our own shape':34} {ours:12,.0f} records/s\n")
    sys.stdout.write(f"{'decode, six mapped fields':34} {theirs:12,.0f} records/s  {theirs / ours:6.3f} of it\n")


if __name__ == "__main__":
    sys.exit(main())
