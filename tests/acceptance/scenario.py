"""The stream of the acceptance test: simulated accounts, records that go wrong in every way, and what to expect."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moderation.offline import Moderator
from tests.texts import write_texts

NEAR = 0.05
"""What is promised does not depend on the detector, and every kill has posts scored anew."""


@dataclass(frozen=True)
class Scenario:
    """Lines in event-time order, those that must become dead letters among them."""

    lines: list[bytes]
    bad_lines: list[bytes]
    assessed: list[dict[str, Any]]
    """What `moderation score` writes, a line per post."""
    threshold: float

    @property
    def good_lines(self) -> list[bytes]:
        """The lines that are events."""
        bad = set(self.bad_lines)
        return [line for line in self.lines if line not in bad]

    @property
    def expected_flags(self) -> list[str]:
        """Post ids that must be flagged, each once."""
        return [line["post_id"] for line in self.assessed if line["flag"]]

    def near_threshold(self, *, above: bool) -> int:
        """Posts whose risk lies within ±0.05 of the threshold, on one side."""
        gaps = [line["risk"] - self.threshold for line in self.assessed if line["risk"] is not None]
        return sum(1 for gap in gaps if (0 < gap <= NEAR if above else -NEAR <= gap <= 0))


def build_scenario(folder: Path, *, accounts: int = 800) -> Scenario:
    """Simulate, spoil, and ask `moderation score` what it thinks of the same lines."""
    texts = write_texts(folder / "texts.jsonl", count=4000, seed=11)
    events = folder / "events.jsonl"
    _moderation(
        "simulate", "--texts", texts, "--accounts", str(accounts), "--days", "3", "--seed", "5",
        "--campaign-share", "0.25", "-o", events,
    )  # fmt: skip
    clean = events.read_bytes().splitlines()
    lines, bad = _spoiled(clean)
    mixed = folder / "mixed.jsonl"
    mixed.write_bytes(b"\n".join(lines) + b"\n")
    scores, rejects = folder / "scores.jsonl", folder / "rejects.jsonl"
    _moderation("score", mixed, "-o", scores, "--rejects", rejects, expect=7)
    rejected = [json.loads(line)["line"] - 1 for line in rejects.read_text().splitlines()]
    assert [lines[number] for number in rejected] == bad, "score rejects exactly the bad lines"
    assessed = [json.loads(line) for line in scores.read_text().splitlines()]
    return Scenario(lines, bad, assessed, Moderator.load().risk.threshold)


def _moderation(*arguments: object, expect: int = 0) -> None:
    command = [sys.executable, "-m", "moderation", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == expect, f"{command}: {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"


def _spoiled(clean: list[bytes]) -> tuple[list[bytes], list[bytes]]:
    """One record in about fifty goes wrong, is odd, or comes twice; order in time is kept."""
    lines: list[bytes] = []
    bad: list[bytes] = []
    for number, line in enumerate(clean):
        lines.append(line)
        if number % 50 == 20:
            lines.append(_bad(number))
            bad.append(lines[-1])
        elif number % 50 == 45:
            lines.extend(_odd(number, json.loads(line)))
    return lines, bad


def _bad(number: int) -> bytes:
    marked = {"post_id": f"bad{number}", "text": "?", "account_id": "a", "expect": "dead letter"}
    return (
        b'{"post_id": "cut off %d' % number,
        b"\xff\xfe no UTF-8 %d" % number,
        json.dumps({**marked, "created_at": "1970-01-01T00:00:00Z"}).encode(),
        json.dumps({**marked, "created_at": "2100-01-01T00:00:00Z"}).encode(),
        json.dumps({**marked, "post_id": ""}).encode(),
        json.dumps({**marked, "schema_version": 9, "n": number}).encode(),
        b"[%d]" % number,
    )[number // 50 % 7]


def _odd(number: int, event: dict[str, Any]) -> list[bytes]:
    """Records that must not be dead letters: without metadata, with impossible values, repeated, very long."""
    if event.get("type", "post") != "post":
        return [json.dumps({"post_id": f"bare{number}", "text": "Only a text, nothing else."}).encode()]
    kind = number // 50 % 4
    if kind == 0:
        return [json.dumps(event).encode()]
    if kind == 1:
        typing = '{"duration_ms": NaN, "keystrokes": -5, "intervals_ms": [10, -1]}'
        odd = {**event, "post_id": f"odd{number}", "client": {"ip": "not an address"}, "typing": "T"}
        return [json.dumps(odd).replace('"T"', typing).encode()]
    if kind == 2:
        return [json.dumps({**event, "post_id": f"long{number}", "text": "long " * 40_000}).encode()]
    return [json.dumps({"post_id": f"bare{number}", "text": event["text"]}).encode()]
