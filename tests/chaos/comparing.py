"""What a run left in the database and the topic of dead letters, compared with a run without faults."""

from __future__ import annotations

import json
import math
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from moderation.features.catalogue import FEATURES
from tests.acceptance.stream import read_all
from tests.chaos.site import Site

RELAY_TIMEOUT_S = 120
KEPT = (
    "SELECT a.account_id, a.post_id, a.content_hash, a.risk, a.degraded, e.features"
    " FROM assessments a JOIN evidence e ON e.assessment_key = a.key"
)
Place = tuple[str, int, int]
"""Kind of the topic, partition and offset of a record."""


@dataclass(frozen=True)
class Judged:
    """The judgement of a post; all are in the audit sample."""

    risk: float | None
    features: tuple[float | None, ...]
    degraded: tuple[str, ...] = ()

    def changes(self, other: Judged) -> dict[str, tuple[float | None, float | None]]:
        """Return the values that differ by more than the order of sums, by name; None only equals None."""
        names = ("risk", *(feature.name for feature in FEATURES))
        pairs = zip(names, (self.risk, *self.features), (other.risk, *other.features), strict=True)
        return {name: (one, two) for name, one, two in pairs if not _close(one, two)}


def _close(one: float | None, two: float | None) -> bool:
    if one is None or two is None:
        return one is two
    return math.isclose(one, two, rel_tol=1e-9, abs_tol=1e-9)


@dataclass(frozen=True)
class Result:
    """Flags and judgements by post, dead letters by the place of their record."""

    flags: list[str]
    judged: Mapping[str, Judged]
    letters: Counter[Place]
    """Number of dead letters of each record."""
    bad: frozenset[Place]
    """The records that must become dead letters."""


def result_of(site: Site) -> Result:
    """Return the result, after waiting for dead letters, which are relayed after their commit."""
    topics = site.run.topics
    bad = frozenset(_place(topics.posts, *place) for place in site.run.produced.bad)
    deadline = time.monotonic() + RELAY_TIMEOUT_S
    letters: Counter[Place] = Counter()
    while not bad <= letters.keys() and time.monotonic() < deadline:
        site.keep_running()
        found = read_all(site.run.bootstrap, f"{topics.posts}-dlt")
        letters = Counter(_origin(topics.posts, headers) for headers, _ in found)
    judged = {
        f"{account}/{post}/{text}": Judged(risk, tuple(json.loads(features)), tuple(json.loads(degraded)))
        for account, post, text, risk, degraded, features in site.run.query(KEPT)  # type: ignore[misc,arg-type]
    }
    return Result(site.run.flags(), judged, letters, bad)


def _place(posts: str, topic: str, partition: int, offset: int) -> Place:
    return ("posts" if topic == posts else topic), partition, offset


def _origin(posts: str, headers: Mapping[str, bytes]) -> Place:
    """Return the origin of a dead letter."""
    topic, partition, offset = (
        headers[f"__connect.errors.{name}"].decode() for name in ("topic", "partition", "offset")
    )
    return _place(posts, topic, int(partition), int(offset))


def differences(calm: Result, disturbed: Result) -> dict[str, Any]:
    """What differs from the undisturbed run; empty where nothing does.

    A dead letter may be sent again after a crash, because the relay sends at least once.
    """
    before, after = set(calm.flags), set(disturbed.flags)
    both = calm.judged.keys() & disturbed.judged.keys()
    found: dict[str, Any] = {
        "flags_lost": sorted(before - after),
        "flags_added": sorted(after - before),
        "flags_doubled": sorted(post for post, count in Counter(disturbed.flags).items() if count > 1),
        "judgements_lost": sorted(calm.judged.keys() - disturbed.judged.keys()),
        "judgements_added": sorted(disturbed.judged.keys() - calm.judged.keys()),
        "judgements_changed": {
            post: changes for post in sorted(both) if (changes := calm.judged[post].changes(disturbed.judged[post]))
        },
        "judgements_degraded": sorted(post for post, found in disturbed.judged.items() if found.degraded),
        "letters_lost": sorted(disturbed.bad - disturbed.letters.keys()),
        "letters_added": sorted(disturbed.letters.keys() - disturbed.bad),
        "calm_letters_wrong": sorted(calm.letters.keys() ^ calm.bad),
    }
    return {name: value for name, value in found.items() if value}
