"""The share of texts that selective scoring selects, by rule: `python -m tests.bench.scoring`.

A simulated platform whose share of campaign accounts is 3 %, with the shipped risk model; no text is scored.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from moderation.detector.manifest import read_manifest
from moderation.detector.shipped import SHIPPED
from moderation.effects import Origin
from moderation.features import FeatureExtractor
from moderation.lab.simulation import SimulationConfig, WriterPool, build_platform
from moderation.offline import BATCH, MEMORY, batched_in_order
from moderation.risk import load_risk
from moderation.state import Keyring, PlatformState
from moderation.stream.audit import AuditSampling
from moderation.stream.ordering import Item
from moderation.stream.pipeline import Pipeline
from moderation.stream.scoring_policy import ScoreSelected
from tests.bench.figures_file import measured_into
from tests.bench.pipeline import NoDetector
from tests.texts import person_text


def measure(accounts: int, seed: int) -> dict[str, Any]:
    """Return the share of posts by rule, of genuine and of campaign accounts."""
    rng = random.Random(seed)
    texts = [" ".join(person_text(rng) for _ in range(rng.randrange(1, 6))) for _ in range(400)]
    pool = WriterPool([("notes", "model" if number % 2 == 1 else None, text) for number, text in enumerate(texts)])
    platform = build_platform(SimulationConfig(seed=seed, accounts=accounts, campaign_share=0.03), pool)
    genuine = {truth.account_id: truth.genuine for truth in platform.truth}
    manifest_hash = read_manifest(SHIPPED)[1]
    state = PlatformState(platform_id="bench", keyring=Keyring.from_secrets(("k", b"k" * 32), None))
    sample = AuditSampling(b"k" * 32, 0.001, 0.1)
    pipeline = Pipeline(
        platform_id="bench",
        extractor=FeatureExtractor(state),
        detector=NoDetector(manifest_hash),
        risk=load_risk(None, detector_hash=manifest_hash, policy="selective"),
        audit=sample,
        policy=ScoreSelected("bench", state, sample),
    )
    found: Counter[tuple[bool, str | None]] = Counter()
    items = (Item(Origin(MEMORY, number), event) for number, event in enumerate(platform.events()))
    for batch in batched_in_order(items, BATCH):
        for assessment in pipeline.process(batch).assessments:
            if assessment is not None:
                found[genuine[str(assessment.account_id)], assessment.scored_by] += 1
    state.close()
    total = found.total()
    scored = sum(count for (_, rule), count in found.items() if rule is not None)
    of_campaigns = {rule: count for (is_genuine, rule), count in found.items() if not is_genuine}
    return {
        "posts": total,
        "share_scored": round(scored / total, 4),
        "by_rule": {
            str(rule): round(sum(found[kind, rule] for kind in (True, False)) / total, 4)
            for rule in ("decisive", "watched", "sample", "baseline", None)
        },
        "share_of_campaign_posts_scored": round(1 - of_campaigns.get(None, 0) / max(1, sum(of_campaigns.values())), 4),
    }


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    report = measured_into(arguments.out, lambda: measure(arguments.accounts, arguments.seed))
    sys.stdout.write(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
