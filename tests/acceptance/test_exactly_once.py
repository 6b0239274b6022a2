"""The main promise, on a real broker, a real PostgreSQL and the shipped models: no post lost, no flag doubled."""

from __future__ import annotations

import json
import shutil
import time

import pytest

from tests.acceptance.deployment import RUN_TIMEOUT_S, Run, assert_killed_at, run_to_the_end, run_until_killed, told
from tests.acceptance.scenario import Scenario
from tests.acceptance.stream import read_all

BACKENDS = ["memory", *(pytest.param(name, marks=pytest.mark.slow) for name in ("disk", "redis"))]


@pytest.mark.parametrize("backend", BACKENDS, indirect=True)
def test_two_kills_lose_nothing_and_double_nothing(deploy: Run, scenario: Scenario) -> None:
    run_until_killed(deploy, "--kill", "committed:40")
    assert_killed_at(deploy, "committed")
    before = deploy.ledger()
    assert told(deploy) < sum(before.values()), "the database had committed, the broker did not know yet"

    run_until_killed(deploy, "--kill", "before_commit:90")  # the silent rebuild passes this step up to 40 times
    assert_killed_at(deploy, "before_commit")
    after = deploy.ledger()
    assert sum(after.values()) > sum(before.values()), "the second run moved on before it was killed"
    assert sum(after.values()) < deploy.produced.records

    run_to_the_end(deploy)
    assert deploy.flags() == sorted(scenario.expected_flags)
    letters = read_all(deploy.bootstrap, f"{deploy.topics.posts}-dlt")
    origins = {
        (
            headers["__connect.errors.topic"].decode(),
            int(headers["__connect.errors.partition"]),
            int(headers["__connect.errors.offset"]),
        ): value
        for headers, value in letters
    }
    assert origins == deploy.produced.bad
    assert deploy.query("SELECT count(*) FROM outbox WHERE relayed_at IS NULL") == [(0,)]


def test_a_restart_at_the_end_rebuilds_silently_and_changes_nothing(deploy: Run, scenario: Scenario) -> None:
    run_to_the_end(deploy)
    first = deploy.query("SELECT count(*) FROM assessments")
    assert deploy.flags() == sorted(scenario.expected_flags)
    shutil.rmtree(deploy.settings.parent / "state")
    process = deploy.start()
    deadline = time.monotonic() + RUN_TIMEOUT_S
    while "INFO start: " not in deploy.said():
        assert process.poll() is None, deploy.said()
        assert time.monotonic() < deadline, deploy.said()
        time.sleep(0.1)
    assert f"{deploy.produced.records} records to rebuild" in deploy.said()
    time.sleep(3)
    process.terminate()
    assert process.wait(timeout=RUN_TIMEOUT_S) == 0, deploy.said()
    assert deploy.query("SELECT count(*) FROM assessments") == first
    assert deploy.flags() == sorted(scenario.expected_flags)


@pytest.mark.slow
def test_a_loop_that_commits_offsets_first_loses_flags(deploy: Run, scenario: Scenario) -> None:
    """The check above would notice: the wrong order, killed at the same place, does not hold the promise."""
    for round_ in (120, 9, 6, 3):  # the first rounds hold the follows of the week before
        run_until_killed(deploy, "--offsets-first", "--kill", f"committed:{round_}")
    run_to_the_end(deploy, "--offsets-first")
    assert set(deploy.flags()) < set(scenario.expected_flags)


def test_the_scenario_is_the_one_the_promise_speaks_of(scenario: Scenario) -> None:
    kinds = [json.loads(line).get("type", "post") for line in scenario.good_lines]
    assert kinds.count("post") >= 3000
    assert {"follow", "deletion", "label"} <= set(kinds)
    assert len(scenario.expected_flags) >= 100
    assert scenario.near_threshold(above=True) >= 20
    assert scenario.near_threshold(above=False) >= 20


def test_what_is_expected_keeps_the_rules_that_no_setting_switches_off(scenario: Scenario) -> None:
    flags = [line for line in scenario.assessed if line["flag"]]
    assert len({line["post_id"] for line in flags}) == len(flags), "each once"
    for line in flags:
        assert len(set(line["families"])) >= 2, "two families agree"
        assert not set(line["families"]) <= {"typing", "network"}, "typing with network is not enough"
        assert line["risk"] > scenario.threshold
        assert line["reasons"]
    bare = [line for line in scenario.assessed if line["post_id"].startswith("bare")]
    assert bare
    assert all(line["risk"] is None and not line["flag"] for line in bare), "no flag from text alone"
    odd = [line for line in scenario.assessed if line["post_id"].startswith("odd")]
    assert odd
    assert all("client.ip" in line["missing"] and "typing.duration_ms" in line["missing"] for line in odd)
    assert all(line["truncated"] for line in scenario.assessed if line["post_id"].startswith("long"))
    assert not [line for line in scenario.assessed if line["post_id"].startswith("bad")]
