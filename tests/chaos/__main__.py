"""Random faults under load: `python -m tests.chaos --kills 20 --seed 1 --deployment redis`.

Sidecars judge the scenario of the acceptance tests, while they, their servers, their networks, disks and clocks have
faults in random order. Afterwards flags, features, risks and dead letters must equal those of a run without faults:
none lost, none doubled. Prints a line for each fault and the result of each deployment; ends with 1 where they differ.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.acceptance.scenario import build_scenario
from tests.chaos.comparing import Result, differences, result_of
from tests.chaos.faults import faults
from tests.chaos.servers import Servers
from tests.chaos.site import DEPLOYMENTS, Deployment, Site
from tests.chaos.small_disk import can_mount


def show(**fields: Any) -> None:
    """Print a line of the log."""
    sys.stdout.write(json.dumps(fields) + "\n")
    sys.stdout.flush()


@dataclass(frozen=True)
class Plan:
    """How many faults each deployment has, drawn from the seed, and the size of the stream."""

    kills: int
    seed: int
    accounts: int = 800


def disturb(site: Site, kills: int, draw: random.Random) -> Counter[str]:
    """Let faults happen, spread over the records, until all are judged; return their number by name."""
    records, happened = site.run.produced.records, Counter[str]()
    for number in range(kills):
        site.wait_until(round(records * (number + draw.random()) / (kills + 1)))
        fault = draw.choice(faults(site))
        began = time.monotonic()
        show(number=number, fault=fault.name, done=site.done())
        fault.happen(site, draw)
        happened[fault.name] += 1
        show(number=number, lasted_s=round(time.monotonic() - began, 1))
    site.wait_until(records)
    return happened


def run_all(plan: Plan, deployments: Sequence[Deployment], folder: Path) -> list[dict[str, Any]]:
    """Return what each deployment's run left, and its differences from one run without faults."""
    scenario = build_scenario(folder, accounts=plan.accounts)
    servers = Servers()
    try:
        calm, _ = run(Site(folder / "calm", DEPLOYMENTS["memory"], servers, scenario.lines), 0, plan.seed)
        found = []
        for deployment in deployments:
            began = time.monotonic()
            site = Site(folder / deployment.name, deployment, servers, scenario.lines)
            disturbed, happened = run(site, plan.kills, plan.seed)
            found.append(
                {
                    "deployment": deployment.name,
                    "seed": plan.seed,
                    "faults": dict(sorted(happened.items())),
                    "records": site.run.produced.records,
                    "flags": len(calm.flags),
                    "judgements_compared": len(calm.judged),
                    "dead_letters": len(disturbed.letters),
                    "dead_letters_sent_again": disturbed.letters.total() - len(disturbed.letters),
                    "ends_by_exit_code": dict(sorted(site.ends.items())),
                    "seconds": round(time.monotonic() - began),
                    "differences": differences(calm, disturbed),
                }
            )
            show(**found[-1])
        return found
    finally:
        servers.close()


def run(site: Site, kills: int, seed: int) -> tuple[Result, Counter[str]]:
    """Return the result of a site and the faults that happened."""
    try:
        happened = disturb(site, kills, random.Random(f"{seed} {site.deployment.name}"))
        return result_of(site), happened
    finally:
        site.close()


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--kills", type=int, default=20, help="number of faults, in all deployments together")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--deployment", choices=[*DEPLOYMENTS, "all"], default="memory")
    parser.add_argument("--accounts", type=int, default=800, help="size of the simulated stream")
    parser.add_argument("--out", type=Path, help="file for the results")
    arguments = parser.parse_args()
    chosen = list(DEPLOYMENTS.values()) if arguments.deployment == "all" else [DEPLOYMENTS[arguments.deployment]]
    plan = Plan(-(-arguments.kills // len(chosen)), arguments.seed, arguments.accounts)
    if not can_mount():
        show(not_run="full disk", reason="only root can mount a file system")
    with tempfile.TemporaryDirectory() as name:
        try:
            found = run_all(plan, chosen, Path(name))
        except AssertionError as error:
            show(failed=str(error))
            return 1
    if arguments.out:
        arguments.out.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    return 1 if any(result["differences"] for result in found) else 0


if __name__ == "__main__":
    sys.exit(main())
