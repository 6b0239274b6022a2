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


def disturb(site: Site, happened: Counter[str], kills: int, draw: random.Random) -> None:
    """Let faults happen, spread over the records, until all are judged."""
    records = site.run.produced.records
    for number in range(kills):
        site.wait_until(round(records * (number + draw.random()) / (kills + 1)))
        fault = draw.choice(faults(site))
        began = time.monotonic()
        show(number=number, fault=fault.name, done=site.done())
        fault.happen(site, draw)
        happened[fault.name] += 1
        show(number=number, lasted_s=round(time.monotonic() - began, 1))
    site.wait_until(records)


def run_all(plan: Plan, deployments: Sequence[Deployment], folder: Path) -> list[dict[str, Any]]:
    """Return what each deployment's run left, and its differences from one run without faults."""
    scenario = build_scenario(folder, accounts=plan.accounts)
    servers = Servers()
    try:
        site = Site(folder / "calm", DEPLOYMENTS["memory"], servers, scenario.lines)
        calm = finished(site, Counter(), 0, random.Random(plan.seed))
        found = []
        for deployment in deployments:
            site = Site(folder / deployment.name, deployment, servers, scenario.lines)
            found.append({"seed": plan.seed, **compared(site, plan, calm)})
            show(**found[-1])
        return found
    finally:
        servers.close()


def compared(site: Site, plan: Plan, calm: Result) -> dict[str, Any]:
    """Return what a site with faults left, how it differs from the calm run, or why it did not finish."""
    began, happened, draw = time.monotonic(), Counter[str](), random.Random(f"{plan.seed} {site.deployment.name}")
    found: dict[str, Any] = {"deployment": site.deployment.name, "records": site.run.produced.records}
    try:
        disturbed = finished(site, happened, plan.kills, draw)
        found |= {
            "flags": len(calm.flags),
            "judgements_compared": len(calm.judged),
            "dead_letters": len(disturbed.letters),
            "dead_letters_sent_again": disturbed.letters.total() - len(disturbed.letters),
            "differences": differences(calm, disturbed),
        }
    except AssertionError as error:
        found["differences"] = {"failed": str(error)}
    if found["differences"]:
        sys.stderr.write("\n".join(member.whole_log() for member in site.members))
    return found | {
        "faults": dict(sorted(happened.items())),
        "ends_by_exit_code": dict(sorted(site.ends.items())),
        "seconds": round(time.monotonic() - began),
    }


def finished(site: Site, happened: Counter[str], kills: int, draw: random.Random) -> Result:
    """Return the result of a site after its faults, which are counted by name; its servers stay."""
    try:
        disturb(site, happened, kills, draw)
        return result_of(site)
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
        found = run_all(plan, chosen, Path(name))
    if arguments.out:
        arguments.out.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    return 1 if any(result["differences"] for result in found) else 0


if __name__ == "__main__":
    sys.exit(main())
