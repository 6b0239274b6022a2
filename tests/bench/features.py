"""How fast events become feature vectors, and what the state costs: `python -m tests.bench.features`.

The peer is reading and validating the same events as JSON, which every pipeline has to do, in the same run.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
import tracemalloc
from datetime import UTC, datetime, timedelta
from typing import Any

from moderation.events import Event, Post, decode
from moderation.features import FeatureExtractor
from moderation.state import Keyring, PlatformState
from tests.texts import person_text

START = datetime(2026, 1, 5, tzinfo=UTC)


def events(posts: int, seed: int) -> list[bytes]:
    """Posts of 3 000 accounts with typing and addresses, five seconds apart, and a follow for every fifth."""
    rng = random.Random(seed)
    lines: list[bytes] = []
    for number in range(posts):
        at = (START + timedelta(seconds=5 * number)).isoformat()
        account, other = f"a{rng.randrange(3000)}", f"a{rng.randrange(3000)}"
        if number % 5 == 0:
            lines.append(_line(type="follow", account_id=account, target_account_id=other, at=at))
        typing = {"duration_ms": 9000, "keystrokes": 80, "deletions": 3, "pastes": 0, "pasted_chars": 0}
        lines.append(
            _line(
                post_id=f"p{number}",
                text=person_text(rng),
                account_id=account,
                created_at=at,
                client={"ip": f"11.0.{rng.randrange(4)}.{rng.randrange(256)}", "network_kind": "residential"},
                typing={**typing, "intervals_ms": [round(rng.uniform(50, 300), 1) for _ in range(60)]},
                account={"created_at": "2025-06-01T00:00:00Z", "followers": 3, "following": 5, "posts": 9},
            )
        )
    return lines


def _line(**fields: Any) -> bytes:
    return json.dumps(fields).encode()


def measure(lines: list[bytes]) -> dict[str, float]:
    """Posts per second for decoding and for extraction, their ratio, and memory of the state per 100 000 posts."""
    arrival_ms = int(time.time() * 1000)
    started = time.perf_counter()
    decoded = [decode(line, arrival_ms=arrival_ms) for line in lines]
    decoding_s = time.perf_counter() - started
    posts = sum(isinstance(event, Post) for event in decoded)
    started = time.perf_counter()
    _extract(decoded)
    extraction_s = time.perf_counter() - started
    tracemalloc.start()
    state = _extract(decoded)
    used = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert state.coverage.watermark_ms is not None
    return {
        "posts": posts,
        "decoding_posts_per_s": posts / decoding_s,
        "extraction_posts_per_s": posts / extraction_s,
        "extraction_over_decoding_time": extraction_s / decoding_s,
        "state_mib_per_100k_posts": used / 2**20 / posts * 100_000,
    }


def _extract(decoded: list[Event]) -> PlatformState:
    state = PlatformState(platform_id="bench", keyring=Keyring.from_secrets(("k", b"k" * 32), None))
    extractor = FeatureExtractor(state)
    for event in decoded:
        if isinstance(event, Post):
            extractor.extract(event)
        else:
            extractor.observe(event)
    return state


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--posts", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    json.dump(measure(events(arguments.posts, arguments.seed)), sys.stdout, indent=2)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
