"""The sidecar as a process of its own that kills itself with SIGKILL at a chosen step of a chosen round.

Usage: python -m tests.acceptance.sidecar_process SETTINGS.toml TRACE [--kill STEP:N] [--offsets-first]

TRACE gets a line per step, per commit the positions that the database has taken, and per batch what was judged.

`--offsets-first` turns the loop into the one that must fail the acceptance test: it commits positions before the
effects, as a consumer with automatic offset commits does.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import signal
from collections import Counter
from pathlib import Path
from typing import TextIO

from connectors.reviewdb.store import ReviewStore
from moderation.effects import Effects
from moderation.ports import Claim
from moderation.settings import load_settings
from moderation.stream.pipeline import Outcome
from moderation.stream.sidecar import STEPS, Sidecar
from moderation.telemetry.logs import set_up_logging


class OffsetsFirst(Sidecar):
    """The wrong order, on purpose."""

    def _persist(self, claim: Claim, effects: Effects) -> None:
        self._store.commit(claim, Effects(positions=effects.positions))
        self._source.commit(effects.positions)
        self._on_step("committed")
        self._store.commit(claim, dataclasses.replace(effects, positions={}))
        self._on_step("hinted")


def trace_commits(trace: TextIO) -> None:
    """Note the positions of every transaction that the database has committed."""
    commit = ReviewStore.commit

    def traced(self: ReviewStore, claim: Claim, effects: Effects) -> dict[str, int]:
        counted = commit(self, claim, effects)
        positions = [[p.topic, p.partition, offset] for p, offset in effects.positions.items()]
        trace.write(json.dumps({"committed": positions}) + "\n")
        return counted

    ReviewStore.commit = traced  # type: ignore[method-assign]


def main() -> None:
    """Run until SIGTERM, or until the chosen step kills the process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("settings", type=Path)
    parser.add_argument("trace", type=Path)
    parser.add_argument("--kill", metavar="STEP:N", help=f"STEP is one of {', '.join(STEPS)}; N counts from 1")
    parser.add_argument("--offsets-first", action="store_true")
    arguments = parser.parse_args()
    step, _, count = (arguments.kill or "never:0").partition(":")
    heard: Counter[str] = Counter()

    trace = arguments.trace.open("a", buffering=1, encoding="utf-8")
    trace_commits(trace)

    def on_step(name: str) -> None:
        trace.write(json.dumps({"step": name}) + "\n")
        heard[name] += 1
        if name == step and heard[name] == int(count):
            os.kill(os.getpid(), signal.SIGKILL)

    def on_batch(outcome: Outcome) -> None:
        judged = [one for one in outcome.assessments if one is not None]
        trace.write(json.dumps({"judged": [[one.post_id, one.risk, one.degraded] for one in judged]}) + "\n")

    if arguments.offsets_first:
        import moderation.app as assemble

        assemble.Sidecar = OffsetsFirst  # type: ignore[misc]
    from moderation.app import run_sidecar

    settings = load_settings(arguments.settings)
    set_up_logging(settings.log_format)
    run_sidecar(settings, on_step=on_step, on_batch=on_batch, reread=lambda: load_settings(arguments.settings))


if __name__ == "__main__":
    main()
