"""Features depend on no later event, replays are idempotent, and gaps are missing instead of zero."""

from __future__ import annotations

import errno
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.errors import ConnectionLost, InputError
from moderation.events import Event
from moderation.features import FeatureExtractor
from moderation.state import Keyring, PlatformState
from tests.unit.features.builders import KEYRING, at, extract_all, follow, named, new_state, post, restored

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
def test_restart_from_snapshot_gives_the_same_state(
    tmp_path_factory: pytest.TempPathFactory, events: list[Event], cut: int
) -> None:
    path = tmp_path_factory.mktemp("state") / "snapshot"
    state = new_state()
    before = extract_all(state, events[:cut])
    state.snapshot(path, {})
    same(before + extract_all(restored(path), events[cut:]), extract_all(new_state(), events))


@given(streams())
def test_a_silent_rebuild_gives_the_state_of_the_first_run(events: list[Event]) -> None:
    state = new_state()
    extract_all(state, events)
    rebuilt = new_state()
    for event in events:
        FeatureExtractor(rebuilt).observe(event)
    probe = post("probe", "a", 90_000, ip="192.0.2.1")
    same(extract_all(state, [probe]), extract_all(rebuilt, [probe]))


def test_accounts_on_an_address_are_counted_by_hour_and_day() -> None:
    events = [post(f"p{n}", f"a{n}", n * 600, ip="192.0.2.1") for n in range(10)]
    last = named(extract_all(new_state(), events)[-1])
    assert (last["network_accounts_1h"], last["network_accounts_24h"]) == (6, 10)
    assert (
        named(extract_all(new_state(), [*events, post("q", "z", 2 * DAY, ip="192.0.2.1")])[-1])["network_accounts_24h"]
        == 1
    )


def test_a_late_event_counts_forward_only() -> None:
    state = new_state()
    early, late, after = (
        post("p1", "a", 7200, ip="192.0.2.1"),
        post("p0", "b", 7200 - 50 * 60, ip="192.0.2.1"),
        post("p2", "c", 7260, ip="192.0.2.1"),
    )
    vectors = extract_all(state, [early, late, after])
    assert state.late_events == 1
    assert named(vectors[1])["network_accounts_24h"] == 1
    assert vectors[1].degraded == ()
    assert named(vectors[2])["network_accounts_24h"] == 3


def test_a_late_post_reads_only_minutes_before_its_own() -> None:
    events = [
        post("p0", "a", 30, ip="192.0.2.1"),
        post("p1", "b", 70, ip="192.0.2.1"),
        post("p2", "c", 130, ip="192.0.2.1"),
        post("late", "d", 80, ip="192.0.2.1"),
    ]
    late = named(extract_all(new_state(), events)[-1])
    assert (late["network_accounts_1h"], late["network_posts_1h"]) == (2, 2)
    assert late["account_posts_1h"] == 1


def test_a_post_too_late_for_what_is_kept_has_missing_windows_by_name() -> None:
    events = [post("p0", "a", DAY, ip="192.0.2.1"), post("late", "b", DAY - 2 * HOUR, ip="192.0.2.1")]
    late = extract_all(new_state(), events)[-1]
    assert late.degraded == ("windows_24h",)
    assert "network_accounts_1h" in named(late)
    assert "network_accounts_24h" not in named(late)


@given(streams(), st.integers(0, 25))
def test_replaying_any_prefix_changes_nothing(events: list[Event], cut: int) -> None:
    once, again = new_state(), new_state()
    extract_all(once, events)
    extract_all(again, events)
    extract_all(again, events[:cut])
    probes = [post(f"probe-{account}", account, 60_000, ip="192.0.2.1") for account in "abcd"]
    same(extract_all(once, probes), extract_all(again, probes))


@given(streams(), st.randoms(use_true_random=False))
def test_the_order_within_a_minute_changes_no_later_minute(events: list[Event], rng: Random) -> None:
    shuffled = sorted(events, key=lambda event: ((event.at_ms or 0) // 60_000, rng.random()))
    one, other = new_state(), new_state()
    extract_all(one, events)
    extract_all(other, shuffled)
    probes = [post(f"probe-{account}", account, 60_000, ip="192.0.2.1") for account in "abcd"]
    same(extract_all(one, probes), extract_all(other, probes))


def test_what_is_kept_is_bounded_by_25_hours_of_posts() -> None:
    state = new_state()
    extractor = FeatureExtractor(state)
    sizes = []
    for hour in range(80):
        for number in range(10):
            name = f"{hour}-{number}"
            extractor.observe(post(name, f"a{name}", hour * HOUR + number, ip=f"10.{hour}.0.{number}"))
        sizes.append(sum(len(members) for _, _, members in state.windows.dump()))
    assert sizes[30] == max(sizes[30:]) == sizes[-1]
    assert sizes[-1] == 26 * 10 * 6


def test_a_revision_counts_once_and_a_repeat_is_recognised() -> None:
    state = new_state()
    extractor = FeatureExtractor(state)
    first = post("p", "a", 0, text="one")
    extractor.extract(first)
    assert extractor.seen_before(first) == "same"
    revised = post("p", "a", 60, text="two")
    assert extractor.seen_before(revised) == "revision"
    assert named(extractor.extract(revised))["account_posts_24h"] == 1
    assert extractor.seen_before(post("q", "a", 60)) == "new"
    assert extractor.seen_before(post("p", "b", 60, text="one")) == "new"


def test_degraded_windows_are_missing_by_name_until_they_have_filled() -> None:
    state = new_state()
    state.mark_degraded(int(at(0).timestamp() * 1000), graph_lost=True)
    events = [post("p1", "a", 60, ip="192.0.2.1"), post("p2", "a", HOUR, ip="192.0.2.1")]
    events.append(post("p3", "a", DAY, ip="192.0.2.1"))
    first, second, third = extract_all(state, [*events])
    assert set(first.degraded) == {"windows_1h", "windows_24h", "graph"}
    assert not {name for name in named(first) if name.endswith(("1h", "24h"))}
    assert "network_accounts_1h" in named(second)
    assert "network_accounts_24h" not in named(second)
    assert "network_accounts_24h" in named(third)
    assert third.degraded == ("graph",)


def test_a_post_of_epoch_k_reads_the_graph_closed_with_epoch_k_minus_2() -> None:
    ring = [follow("a", "b", 0), follow("b", "c", 10), follow("c", "a", 20)]
    more = [follow("d", "a", 610), follow("a", "d", 620)]
    posts = [post("p1", "a", 700), post("p2", "a", 1250), post("p3", "a", 1850)]
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
    events = [follow("a", "b", 10), follow("a", "b", 20, undo=True), follow("a", "b", 15), post("p", "a", 30)]
    assert named(extract_all(new_state(), events)[-1])["graph_out_degree"] == 0


def test_without_follow_events_the_graph_is_missing_not_empty() -> None:
    assert not [name for name in named(extract_all(new_state(), [post("p", "a", 0)])[0]) if name.startswith("graph")]


def test_snapshot_is_readable_by_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "snapshot"
    (tmp_path / "snapshot.partial").write_bytes(b"left by a crash")
    new_state().snapshot(path, {})
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["snapshot"]


def test_full_disk_keeps_the_old_snapshot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    path = tmp_path / "snapshot"
    new_state().snapshot(path, {})
    before = path.read_bytes()
    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(ConnectionLost, match="cannot be written: No space left"):
        new_state().snapshot(path, {})
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["snapshot"]


def test_damaged_snapshot_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "snapshot"
    new_state().snapshot(path, {})
    other_key = Keyring.from_secrets(("k9", b"c" * 32), None)
    with pytest.raises(InputError, match="'k1', which is not among the live ones"):
        PlatformState.restore(path, keyring=other_key, platform_id="p", graph_epoch_s=600)
    rotated = Keyring.from_secrets(("k9", b"c" * 32), ("k1", b"a" * 32))
    PlatformState.restore(path, keyring=rotated, platform_id="p", graph_epoch_s=600)
    with pytest.raises(InputError, match="belongs to the platform 'p'"):
        PlatformState.restore(path, keyring=KEYRING, platform_id="q", graph_epoch_s=600)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(InputError, match="damaged"):
        restored(path)
