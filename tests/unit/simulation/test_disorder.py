"""Simulated arrivals are out of order as on a real platform, and features do not depend on small disorder."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from moderation.events import Event, Post
from moderation.features import FeatureExtractor, FeatureVector
from moderation.lab.simulation import simulate
from moderation.lab.simulation.disorder import Disorder, arrivals
from moderation.state import Keyring, PlatformState
from tests.unit.simulation.test_platform import config, pool


def vectors(events: list[Event]) -> dict[str, FeatureVector]:
    state = PlatformState(platform_id="p", keyring=Keyring.from_secrets(("k1", b"a" * 32), None))
    extractor = FeatureExtractor(state)
    found = {}
    for event in events:
        if isinstance(event, Post):
            found[event.post_id] = extractor.extract(event)
        else:
            extractor.observe(event)
    state.close()
    return found


def test_arrivals_keep_every_event_and_the_order_of_each_account() -> None:
    events = list(simulate(config(), pool()))
    arrived = list(arrivals(events, seed=1))
    assert arrived != events
    assert arrived == list(arrivals(events, seed=1))
    assert sorted(map(id, arrived)) == sorted(map(id, events))
    own: dict[str, list[int]] = defaultdict(list)
    for event in arrived:
        own[str(getattr(event, "account_id", None))].append(event.at_ms or 0)
    assert all(times == sorted(times) for times in own.values())


def test_some_arrivals_are_minutes_late_and_few_are_later_than_allowed() -> None:
    newest, late = 0, []
    for event in arrivals(simulate(config(accounts=1000), pool()), seed=1):
        late.append(max(0, newest - (event.at_ms or 0)))
        newest = max(newest, event.at_ms or 0)
    assert 0 < np.mean(np.array(late) > 30_000) < 0.05
    assert np.mean(np.array(late) > 0) > 0.01
    assert max(late) < 10 * 60_000


def test_arrivals_below_the_allowed_lateness_have_the_features_of_event_time_order() -> None:
    events = list(simulate(config(), pool()))
    small = Disorder(most_delay_ms=9_000, late_share=0.0)
    in_order, arrived = vectors(events), vectors(list(arrivals(events, 1, small)))
    assert in_order.keys() == arrived.keys()
    for name, vector in in_order.items():
        np.testing.assert_array_equal(vector.values, arrived[name].values)
        assert vector.degraded == arrived[name].degraded
