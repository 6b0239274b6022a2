"""A risk model on trial decides about every account and is rolled back while the sidecar runs."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from moderation.risk.bundle import MANIFEST, SHIPPED
from tests.acceptance.deployment import RUN_TIMEOUT_S, Run, end_when_done
from tests.acceptance.scenario import Scenario

BY_LIVE = "SELECT post_id FROM assessments WHERE flagged AND key NOT IN (SELECT assessment_key FROM flags)"
"""Posts that only the model flags that does not decide."""


def flags_nothing(folder: Path) -> Path:
    """A copy of the shipped bundle whose threshold no post reaches."""
    shutil.copytree(SHIPPED, folder)
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    manifest["policies"]["all"]["threshold"] = 1.0
    (folder / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    return folder


def wait_until(holds: Callable[[], bool], run: Run, process: subprocess.Popen[bytes]) -> None:
    """Wait until something holds while the process runs."""
    deadline = time.monotonic() + RUN_TIMEOUT_S
    while not holds():
        assert process.poll() is None, run.said()
        assert time.monotonic() < deadline, run.said()
        time.sleep(0.1)


@pytest.mark.slow
def test_a_model_that_decides_about_all_is_rolled_back_between_two_batches(deploy: Run, scenario: Scenario) -> None:
    stable = deploy.settings.read_text(encoding="utf-8")
    on_trial = f'[trial]\nrisk = "{flags_nothing(deploy.settings.parent / "new")}"\nshare = 1.0\n'
    deploy.settings.write_text(stable + on_trial, encoding="utf-8")
    process = deploy.start()
    wait_until(lambda: bool(deploy.query(BY_LIVE)), deploy, process)
    assert deploy.flags() == []

    deploy.settings.write_text(stable, encoding="utf-8")
    process.send_signal(signal.SIGHUP)
    wait_until(lambda: "in use from now on" in deploy.said(), deploy, process)
    end_when_done(deploy, process)

    accounts = {
        event["post_id"]: event.get("account_id") for event in map(json.loads, scenario.good_lines) if "text" in event
    }
    missed = {accounts[str(row[0])] for row in deploy.query(BY_LIVE)}
    flagged = {accounts[post] for post in deploy.flags()}
    assert deploy.flags(), "no post was left after the rollback"
    assert missed | flagged == {accounts[post] for post in scenario.expected_flags}
    assert set(deploy.flags()) <= set(scenario.expected_flags)

    command = [sys.executable, "-m", "moderation", "trial", "--config", str(deploy.settings)]
    shown = subprocess.run(
        [*command, "--risk", str(deploy.settings.parent / "new")], capture_output=True, text=True, check=True
    ).stdout
    assert [line.split()[-3] for line in shown.splitlines() if line.startswith("only the live")] == [str(len(missed))]
