"""Random faults under load: `python -m tests.chaos --kills 20 --seed 1 --backend redis`.

One sidecar judges the scenario of the acceptance tests, while it, the broker, PostgreSQL and Redis are killed and
frozen in random order. Afterwards flags with their risks and dead letters must equal those of a run without
faults: none lost, none doubled. Prints a line for each fault and the result; ends with 1 where they differ.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.acceptance.scenario import build_scenario
from tests.acceptance.stream import read_all
from tests.chaos.faults import faults
from tests.chaos.site import Site

RELAY_TIMEOUT_S = 120


def show(**fields: Any) -> None:
    """Print a line of the log."""
    sys.stdout.write(json.dumps(fields) + "\n")
    sys.stdout.flush()


Place = tuple[str, int, int]
"""Topic, partition and offset of a record."""


@dataclass(frozen=True)
class Result:
    """What a run left in the database and the topic of dead letters."""

    flags: list[str]
    risks: dict[str, float]
    letters: Counter[Place]
    """Number of dead letters of each record."""
    bad: frozenset[Place]
    """The records that must become dead letters."""


def result_of(site: Site) -> Result:
    """Return the result, after waiting for dead letters, which are relayed after their commit."""
    bad = frozenset(site.run.produced.bad)
    deadline = time.monotonic() + RELAY_TIMEOUT_S
    letters: Counter[Place] = Counter()
    while not bad <= letters.keys() and time.monotonic() < deadline:
        site.keep_running()
        letters = Counter(
            place_of(headers) for headers, _ in read_all(site.run.bootstrap, f"{site.run.topics.posts}-dlt")
        )
    rows = site.run.query("SELECT post_id, risk FROM assessments WHERE flagged")
    return Result(site.run.flags(), {str(post): float(str(risk)) for post, risk in rows}, letters, bad)


def place_of(headers: Mapping[str, bytes]) -> Place:
    """Return the origin of a dead letter."""
    topic, partition, offset = (
        headers[f"__connect.errors.{name}"].decode() for name in ("topic", "partition", "offset")
    )
    return topic, int(partition), int(offset)


def differences(calm: Result, disturbed: Result) -> dict[str, Any]:
    """What differs from the undisturbed run; empty where nothing does.

    A dead letter may be sent again after a crash, because the relay sends at least once.
    """
    before, after = set(calm.flags), set(disturbed.flags)
    both = calm.risks.keys() & disturbed.risks.keys()
    found: dict[str, Any] = {
        "flags_lost": sorted(before - after),
        "flags_added": sorted(after - before),
        "flags_doubled": sorted(post for post, count in Counter(disturbed.flags).items() if count > 1),
        "risks_changed": sorted(post for post in both if abs(calm.risks[post] - disturbed.risks[post]) > 1e-9),
        "letters_lost": sorted(disturbed.bad - disturbed.letters.keys()),
        "letters_added": sorted(disturbed.letters.keys() - disturbed.bad),
        "calm_letters_wrong": sorted(calm.letters.keys() ^ calm.bad),
    }
    return {name: value for name, value in found.items() if value}


def run(site: Site, kills: int, draw: random.Random, backend: str) -> Result:
    """Let faults happen, spread over the records, and return the result."""
    records = site.run.produced.records
    for number in range(kills):
        site.wait_until(round(records * (number + draw.random()) / (kills + 1)))
        fault = draw.choice(faults(backend))
        began = time.monotonic()
        show(number=number, fault=fault.name, done=site.done())
        fault.happen(site, draw)
        show(number=number, lasted_s=round(time.monotonic() - began, 1))
        site.keep_running()
    site.wait_until(records)
    return result_of(site)


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--kills", type=int, default=20, help="number of faults")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--backend", choices=["memory", "disk", "redis"], default="memory")
    arguments = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        scenario = build_scenario(folder)
        results, ends = [], {}
        for kills in (0, arguments.kills):
            own = folder / f"faults-{kills}"
            own.mkdir()
            site = Site(own, arguments.backend, scenario.lines)
            try:
                results.append(run(site, kills, random.Random(arguments.seed), arguments.backend))
            except AssertionError as error:
                show(failed=str(error))
                return 1
            finally:
                site.close()
            ends = site.restarts
    found = differences(*results)
    show(
        backend=arguments.backend,
        seed=arguments.seed,
        faults=arguments.kills,
        records=site.run.produced.records,
        flags=len(results[0].flags),
        dead_letters=len(results[1].letters),
        dead_letters_sent_again=results[1].letters.total() - len(results[1].letters),
        ends_by_exit_code=ends,
        seconds=round(time.monotonic() - began),
        differences=found,
    )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
