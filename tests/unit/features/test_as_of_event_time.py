"""Features depend on no later event, replays are idempotent, and gaps are missing instead of zero."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.events import Event, Post
from moderation.features import FeatureExtractor
from moderation.state.coverage import LATENESS_MS
from tests.unit.features.builders import at, extract_all, follow, named, new_state, post, restored, saved

HOUR, DAY = 3600, 86_400


@st.composite
def streams(draw: st.DrawFn) -> list[Event]:
    """Events in event-time order by few accounts on few addresses."""
    steps = draw(st.lists(st.integers(0, 2000), min_size=1, max_size=25))
    seconds = 0
    events: list[Event] = []
    for number, step in enumerate(steps):
        seconds += step
        account = draw(st.sampled_from("abcd"))
        if draw(st.booleans()):
            ip = draw(st.sampled_from(["192.0.2.1", "192.0.2.2", "2001:db8::1"]))
            events.append(post(f"p{number}", account, seconds, ip=ip))
        else:
            events.append(follow(account, draw(st.sampled_from("abcd")), seconds, undo=draw(st.booleans())))
    return events


def same(one: list[object], other: list[object]) -> None:
    assert len(one) == len(other)
    for left, right in zip(one, other, strict=True):
        np.testing.assert_array_equal(left.values, right.values)  # type: ignore[attr-defined]
        assert left.graph_epoch == right.graph_epoch  # type: ignore[attr-defined]


@given(streams(), st.integers(0, 25))
def test_later_events_do_not_change_a_vector(events: list[Event], cut: int) -> None:
    whole = extract_all(new_state(), events)
    same(whole[: len(extract_all(new_state(), events[:cut]))], extract_all(new_state(), events[:cut]))


@given(streams(), st.integers(0, 25))
def test_restart_from_a_saved_state_gives_the_same_state(
    tmp_path_factory: pytest.TempPathFactory, events: list[Event], cut: int
) -> None:
    directory = tmp_path_factory.mktemp("state") / "state"
    state = new_state()
    state.keep_journal(directory)
    before = extract_all(state, events[: cut // 2])
    saved(state, directory)
    before += extract_all(state, events[cut // 2 : cut])
    saved(state, directory)
    same(before + extract_all(restored(directory), events[cut:]), extract_all(new_state(), events))


@given(streams())
def test_a_silent_rebuild_gives_the_state_of_the_first_run(events: list[Event]) -> None:
    state = new_state()
    extract_all(state, events)
    rebuilt = new_state()
    for event in events:
        FeatureExtractor(rebuilt).observe(event)
    probe = post("probe", "a", 90_000, ip="192.0.2.1")
    same(extract_all(state, [probe]), extract_all(rebuilt, [probe]))


@given(streams(), st.data())
def test_disorder_below_the_allowed_lateness_changes_no_vector(events: list[Event], data: st.DataObject) -> None:
    delays = [data.draw(st.integers(0, LATENESS_MS - 1)) for _ in events]
    arrivals = {id(event): (event.at_ms or 0) + delay for event, delay in zip(events, delays, strict=True)}
    keep_own_order(events, arrivals)
    shuffled = sorted(events, key=lambda event: arrivals[id(event)])
    one, other = new_state(), new_state()
    in_order = dict(zip(posts_of(events), extract_all(one, events), strict=True))
    late = dict(zip(posts_of(shuffled), extract_all(other, shuffled), strict=True))
    same([in_order[name] for name in sorted(in_order)], [late[name] for name in sorted(late)])


def keep_own_order(events: list[Event], arrivals: dict[int, int]) -> None:
    """Posts of one account come from one producer and stay in order."""
    newest: dict[str, int] = {}
    for event in events:
        if isinstance(event, Post):
            account = str(event.account_id)
            arrivals[id(event)] = newest[account] = max(arrivals[id(event)], newest.get(account, 0))


def posts_of(events: list[Event]) -> list[str]:
    return [event.post_id for event in events if isinstance(event, Post)]


def test_accounts_on_an_address_are_counted_by_hour_and_day_up_to_the_last_full_minute() -> None:
    events = [post(f"p{n}", f"a{n}", n * 600, ip="192.0.2.1") for n in range(10)]
    last = named(extract_all(new_state(), events)[-1])
    assert (last["network_accounts_1h"], last["network_accounts_24h"]) == (7, 10)
    close = [post("p", "a", 0, ip="192.0.2.1"), post("q", "b", 29, ip="192.0.2.1"), post("r", "c", 90, ip="192.0.2.1")]
    counts = [named(vector)["network_accounts_24h"] for vector in extract_all(new_state(), close)]
    assert counts == [1, 1, 3], "the minute that ended 30 s before the post is the last full one"
    later = [*events, post("q", "z", 2 * DAY, ip="192.0.2.1")]
    assert named(extract_all(new_state(), later)[-1])["network_accounts_24h"] == 1


def test_a_post_that_is_late_has_the_features_that_it_would_have_had_on_time() -> None:
    events = [*(follow(f"b{n}", "a", n) for n in range(5)), post("p0", "b", 10, ip="192.0.2.1")]
    late = post("late", "a", 700, ip="192.0.2.1")
    ahead = post("p1", "c", 700 + 299, ip="192.0.2.1")
    on_time = extract_all(new_state(), [*events, late, ahead])[1]
    state = new_state()
    vectors = extract_all(state, [*events, ahead, late])
    same([vectors[-1]], [on_time])
    assert named(vectors[-1])["graph_in_degree"] == 5
    assert state.coverage.late_events == 1


def test_a_post_too_late_to_read_others_has_them_missing_by_name() -> None:
    events = [follow("x", "b", 0), post("p0", "a", DAY, ip="192.0.2.1"), post("late", "b", DAY - 700, ip="192.0.2.1")]
    late = extract_all(new_state(), events)[-1]
    assert late.degraded == ("late",)
    assert named(late)["account_posts_1h"] == 1
    assert not {name for name in named(late) if name.startswith(("network", "graph_out", "graph_in"))}


def test_a_partition_that_is_behind_makes_windows_over_others_missing_by_name() -> None:
    state = new_state()
    state.coverage.reached_ms = int(at(100).timestamp() * 1000)
    vectors = extract_all(state, [post("p0", "a", 60, ip="192.0.2.1"), post("p1", "a", 200, ip="192.0.2.1")])
    assert [vector.degraded for vector in vectors] == [(), ("partition_behind",)]
    assert "network_accounts_1h" not in named(vectors[1])
    assert named(vectors[1])["account_posts_1h"] == 2


def test_follows_are_missing_before_the_time_from_which_they_are_complete() -> None:
    events = [follow("a", "b", 0), post("p0", "a", 200), post("p1", "a", 4000)]
    state = new_state()
    state.coverage.follows_complete_from_ms = int(at(3600).timestamp() * 1000)
    first, second = extract_all(state, events)
    assert (first.degraded, second.degraded) == (("graph",), ())
    assert "graph_out_degree" not in named(first)
    assert named(second)["graph_out_degree"] == 1
    state.coverage.follows_complete_from_ms = None
    assert extract_all(state, [post("p2", "a", 5000)])[0].degraded == ("graph",)


@given(streams(), st.integers(0, 25))
def test_replaying_any_prefix_changes_nothing(events: list[Event], cut: int) -> None:
    once, again = new_state(), new_state()
    extract_all(once, events)
    extract_all(again, events)
    extract_all(again, events[:cut])
    probes = [post(f"probe-{account}", account, 60_000, ip="192.0.2.1") for account in "abcd"]
    same(extract_all(once, probes), extract_all(again, probes))


def test_what_is_kept_is_bounded_by_25_hours_of_posts() -> None:
    state = new_state()
    extractor = FeatureExtractor(state)
    sizes = []
    for hour in range(80):
        for number in range(10):
            name = f"{hour}-{number}"
            extractor.observe(post(name, f"a{name}", hour * HOUR + number, ip=f"10.{hour}.0.{number}"))
        sizes.append(state.accounts.entries + state.addresses.entries)
    assert max(sizes[40:]) == max(sizes)
    assert max(sizes) <= 27 * 10 * 2


def test_a_revision_counts_once_and_a_repeat_is_recognised() -> None:
    state = new_state()
    extractor = FeatureExtractor(state)
    first = post("p", "a", 0, text="one")
    extractor.extract(first)
    assert extractor.seen_before(extractor.identify(first)) == "same"
    revised = post("p", "a", 60, text="two")
    assert extractor.seen_before(extractor.identify(revised)) == "revision"
    assert named(extractor.extract(revised))["account_posts_24h"] == 1
    assert extractor.seen_before(extractor.identify(post("q", "a", 60))) == "new"
    assert extractor.seen_before(extractor.identify(post("p", "b", 60, text="one"))) == "new"


def test_degraded_windows_are_missing_by_name_until_they_have_filled() -> None:
    state = new_state()
    state.mark_degraded(int(at(0).timestamp() * 1000), graph_lost=True)
    events = [follow("b", "a", 1), post("p1", "a", 60, ip="192.0.2.1"), post("p2", "a", HOUR + 90, ip="192.0.2.1")]
    events.append(post("p3", "a", DAY + 90, ip="192.0.2.1"))
    first, second, third = extract_all(state, [*events])
    assert set(first.degraded) == {"windows_1h", "windows_24h", "scores_14d", "partners_7d", "graph"}
    assert not {name for name in named(first) if name.endswith(("1h", "24h"))}
    assert "network_accounts_1h" in named(second)
    assert "network_accounts_24h" not in named(second)
    assert "network_accounts_24h" in named(third)
    assert third.degraded == ("scores_14d", "partners_7d", "graph")


def test_a_post_of_epoch_k_reads_the_graph_closed_with_epoch_k_minus_2() -> None:
    ring = [follow("a", "b", 0), follow("b", "c", 10), follow("c", "a", 20)]
    more = [follow("d", "a", 610), follow("a", "d", 620)]
    posts = [post("p1", "a", 720), post("p2", "a", 1250), post("p3", "a", 1850)]
    events = sorted([*ring, *more, *posts], key=lambda event: event.at_ms or 0)
    vectors = extract_all(new_state(epoch_s=600), events)
    epoch = int(at(0).timestamp()) // 600
    assert [vector.graph_epoch for vector in vectors] == [None, epoch, epoch + 1]
    assert named(vectors[1])["graph_core_number"] == 2
    assert named(vectors[1])["graph_clustering"] == 1
    assert named(vectors[2])["graph_clustering"] == pytest.approx(1 / 3)
    assert named(vectors[0])["graph_out_degree"] == 2


def test_a_silence_of_years_closes_one_epoch() -> None:
    state = new_state()
    events = [follow("a", "b", 0), post("p", "a", 5 * 365 * DAY)]
    assert extract_all(state, events)[-1].graph_epoch == int(at(0).timestamp()) // 600


def test_older_follow_does_not_undo_an_unfollow() -> None:
    events = [follow("a", "b", 10), follow("a", "b", 20, undo=True), follow("a", "b", 15), post("p", "a", 300)]
    assert named(extract_all(new_state(), events)[-1])["graph_out_degree"] == 0


def test_without_follow_events_the_graph_is_missing_not_empty() -> None:
    assert not [name for name in named(extract_all(new_state(), [post("p", "a", 0)])[0]) if name.startswith("graph")]
