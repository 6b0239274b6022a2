"""Two sidecars on one Redis share a pipeline: none lost, none doubled, and every risk is that of a single one."""

from __future__ import annotations

import signal

import pytest
import redis

from tests.acceptance.deployment import Run, committed, end_when_done, run_until_killed, wait_for_commits
from tests.acceptance.scenario import Scenario
from tests.acceptance.stream import read_all

pytestmark = pytest.mark.parametrize("backend", ["redis"], indirect=True)


def assert_as_one_sidecar(run: Run, scenario: Scenario) -> None:
    """Every flag once, with the risk that `moderation score` computes, no window missing, and every dead letter."""
    assert run.flags() == sorted(scenario.expected_flags)
    risks = {line["post_id"]: line["risk"] for line in scenario.assessed if line["flag"]}
    found = run.query("SELECT post_id, risk, degraded FROM assessments WHERE flagged")
    assert [row for row in found if row[2] not in ("[]", [])] == []
    assert {row[0]: row[1] for row in found} == pytest.approx({row[0]: risks[row[0]] for row in found}, abs=1e-9)
    letters = {value for _, value in read_all(run.bootstrap, f"{run.topics.posts}-dlt")}
    assert letters == set(run.produced.bad.values())


def test_two_sidecars_of_which_one_is_killed_flag_what_one_flags(deploy: Run, scenario: Scenario) -> None:
    other = deploy.second()
    first = deploy.start()
    wait_for_commits(deploy, first, 3)
    run_until_killed(other, "--kill", "committed:10")  # committed, and not yet written to the state
    end_when_done(deploy, first)
    assert_as_one_sidecar(deploy, scenario)


@pytest.mark.slow
def test_a_sidecar_that_joins_freezes_and_leaves_and_a_loss_of_the_state_change_no_flag(
    deploy: Run, scenario: Scenario, redis_url: str
) -> None:
    other = deploy.second()
    first = deploy.start()
    wait_for_commits(deploy, first, 10)
    second = other.start()
    wait_for_commits(other, second, 10)
    second.send_signal(signal.SIGSTOP)
    wait_for_commits(deploy, first, committed(deploy) + 5)  # after it has taken over
    second.send_signal(signal.SIGCONT)
    wait_for_commits(other, second, committed(other) + 5)
    second.send_signal(signal.SIGTERM)
    assert second.wait(60) == 0, other.said()
    with redis.Redis.from_url(redis_url) as client:
        client.flushall()
    end_when_done(deploy, first)
    assert "lost what was written; starting again from the ledger" in deploy.log.read_text(encoding="utf-8")
    assert_as_one_sidecar(deploy, scenario)
