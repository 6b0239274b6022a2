"""Two sidecars on one Redis share a pipeline: none lost, none doubled, and every risk is that of a single one."""

from __future__ import annotations

import math
import signal
from collections.abc import Sequence

import pytest
import redis

from tests.acceptance.deployment import (
    MOST_IN_A_BATCH,
    Run,
    committed,
    end_when_done,
    run_until_killed,
    wait_for_commits,
)
from tests.acceptance.scenario import Scenario
from tests.acceptance.stream import read_all

pytestmark = pytest.mark.parametrize("backend", ["redis"], indirect=True)


LOST = "lost what was written"


def assert_as_one_sidecar(runs: Sequence[Run], scenario: Scenario) -> None:
    """Every flag once, every post with the risk that `moderation score` computes, and every dead letter."""
    run = runs[0]
    assert run.flags() == sorted(scenario.expected_flags)
    expected: dict[str, list[float]] = {}
    for line in scenario.assessed:
        expected.setdefault(line["post_id"], []).append(math.inf if line["risk"] is None else line["risk"])
    judged = [one for each in runs for one in each.judged()]
    assert len({one.post_id for one in judged}) > len(expected) - MOST_IN_A_BATCH
    assert [one for one in judged if one.degraded] == []
    risks = [(one.post_id, math.inf if one.risk is None else one.risk) for one in judged]
    assert [one for one in risks if one[1] not in map(pytest.approx, expected[one[0]])] == []
    letters = {value for _, value in read_all(run.bootstrap, f"{run.topics.posts}-dlt")}
    assert letters == set(run.produced.bad.values())


def test_two_sidecars_of_which_one_is_killed_flag_what_one_flags(deploy: Run, scenario: Scenario) -> None:
    other = deploy.second()
    first = deploy.start()
    wait_for_commits(deploy, first, 3)
    run_until_killed(other, "--kill", "committed:10")  # committed, and not yet written to the state
    end_when_done(deploy, first)
    assert_as_one_sidecar([deploy, other], scenario)


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
    assert deploy.log.read_text(encoding="utf-8").count(f"{LOST}; starting again from the ledger") == 1
    assert LOST not in other.log.read_text(encoding="utf-8")
    assert_as_one_sidecar([deploy, other], scenario)
