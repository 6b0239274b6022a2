"""A state gives the same features on every backend: in memory, on disk and on a real Redis server."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from moderation.effects import Followed
from moderation.events import Deletion, Event
from moderation.features import FeatureExtractor, FeatureVector
from moderation.state import Keyring, PlatformState, PostSeen
from moderation.state.community_votes import MOST_VOTES
from moderation.state.coverage import DAY_MS
from moderation.state.identifiers import account_number
from moderation.state.partners import packed_occasion
from moderation.state.score_history import SCORES_KEPT_MS
from moderation.state.watchlist import WATCHED_MS
from tests.contract.state_backends import LANE, Kind, Place, applied
from tests.unit.features.builders import at, follow, named, new_state, post

START_MS = int(at(0).timestamp() * 1000) // DAY_MS * DAY_MS
Open = Callable[..., Place]


@pytest.fixture(params=["memory", "disk", "redis"])
def kind(request: pytest.FixtureRequest) -> Kind:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def place(kind: Kind, tmp_path_factory: pytest.TempPathFactory, redis_url: str) -> Iterator[Open]:
    """Makes empty places of one backend; the one before is closed."""
    places: list[Place] = []

    def make(most_keys: int = 1000) -> Place:
        for one in places:
            one.close()
        places.append(Place(kind, tmp_path_factory.mktemp("state"), redis_url, most_keys))
        return places[-1]

    yield make
    for one in places:
        one.close()


@st.composite
def streams(draw: st.DrawFn) -> list[Event]:
    """Events in event-time order by few accounts on few addresses, over days."""
    seconds, events = 0, list[Event]()
    for number, step in enumerate(draw(st.lists(st.integers(0, 30_000), min_size=1, max_size=20))):
        seconds += step
        account = draw(st.sampled_from("abcd"))
        what = draw(st.sampled_from(["post", "post", "post", "follow", "deletion"]))
        if what == "post":
            ip = draw(st.sampled_from(["192.0.2.1", "192.0.2.2", "2001:db8::1"]))
            events.append(post(f"p{number % 9}", account, seconds, ip=ip))
        elif what == "follow":
            events.append(follow(account, draw(st.sampled_from("abcd")), seconds, undo=draw(st.booleans())))
        else:
            events.append(Deletion(post_id=f"p{number % 9}", account_id=account, at=at(seconds)))
    return events


def same(one: list[FeatureVector], other: list[FeatureVector]) -> None:
    assert len(one) == len(other)
    for left, right in zip(one, other, strict=True):
        np.testing.assert_array_equal(left.values, right.values)
        assert left.degraded == right.degraded


some_examples = settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])


@some_examples
@given(streams(), st.integers(1, 6), st.sampled_from([1, 1000]))
def test_features_on_a_backend_are_those_in_memory(place: Open, events: list[Event], batch: int, keys: int) -> None:
    same(applied(place(keys).opened(), events, batch), applied(new_state(), events))


@some_examples
@given(streams(), st.integers(0, 20), st.integers(0, 5))
def test_features_after_a_restart_that_repeats_some_events_are_the_same(
    place: Open, events: list[Event], cut: int, repeated: int
) -> None:
    kept = place()
    first = kept.opened()
    before = applied(first, events[:cut])
    again = kept.reopened(first)
    for event in events[max(cut - repeated, 0) : cut]:
        applied(again, [event])
    same(before + applied(again, events[cut:]), applied(new_state(), events))


@some_examples
@given(streams(), st.permutations(range(20)))
def test_the_order_in_which_events_arrive_does_not_change_what_is_kept(
    place: Open, events: list[Event], order: list[int]
) -> None:
    posts = [event for event in events if not isinstance(event, Deletion)]
    probe = (
        post("probe", "a", (posts[-1].at_ms or 0) / 1000 - at(0).timestamp() + 120, ip="192.0.2.1") if posts else None
    )
    kept, memory = place().opened(), new_state()
    for state in (kept, memory):
        state.coverage.lateness_ms = 0
    applied(kept, [events[number] for number in order if number < len(events)])
    applied(memory, [events[number] for number in order if number < len(events)])
    if probe is not None:
        same(applied(kept, [probe]), applied(memory, [probe]))


def test_followed_accounts_are_the_same_after_a_restart(place: Open) -> None:
    kept = place()
    first = kept.opened()
    applied(first, [follow("a", "b", 1), follow("a", "c", 2), follow("c", "a", 3), follow("a", "d", 9)])
    expected = (Followed(account_number("c"), mutual=True), Followed(account_number("b"), mutual=False))
    author = post("p1", "a", 5)
    for state in (first, kept.reopened(first)):
        assert FeatureExtractor(state).followed(author) == expected
        assert FeatureExtractor(state).followed(post("p2", "d", 5)) == ()


def seen(at_ms: int, account: int, post_number: int, address: int = 5) -> PostSeen:
    return PostSeen(at_ms, account, post_number, 7, 2, (address, 0))


def take(state: PlatformState, posts: list[PostSeen]) -> None:
    """Apply posts as one batch."""
    if state.stored is not None:
        state.stored.load(posts, [], watched=False)
    for one in posts:
        state.apply_post(one)
    if state.stored is not None:
        state.stored.write({LANE: 1}, state.coverage)


def test_a_large_key_is_counted_the_same_after_a_restart(place: Open) -> None:
    kept, count = place(), 60_000
    first = kept.opened()
    numbers = np.random.default_rng(1).integers(1, 2**63, count).tolist()
    for begin in range(0, count, 5_000):
        take(
            first,
            [
                seen(START_MS + begin + place_, number, number)
                for place_, number in enumerate(numbers[begin : begin + 5_000])
            ],
        )
    minute = (START_MS + count) // 60_000
    before = first.addresses.read(5, minute)
    counted = before.number(before.day, 1, is_one=False)
    again = kept.reopened(first)
    take(again, [seen(START_MS + count + 1, 1, 1)])
    after = again.addresses.read(5, minute)
    assert after.number(after.day, 1, is_one=False) == pytest.approx(counted, rel=0.05)
    assert counted == pytest.approx(count, rel=0.1)


def test_a_watched_account_is_watched_after_a_restart_until_its_time_is_over(place: Open) -> None:
    kept = place()
    state = kept.opened()
    take(state, [seen(START_MS, 1, 1)])
    state.watch(1, START_MS)
    take(state, [seen(START_MS + 1, 2, 2)])
    again = kept.reopened(state)
    for account, at_ms, expected in (
        (1, START_MS + 5, True),
        (2, START_MS + 5, False),
        (1, START_MS + WATCHED_MS + 1, False),
    ):
        if again.stored is not None:
            again.stored.load([seen(at_ms, account, 9)], [], watched=True)
        assert again.watchlist.has(account, at_ms) is expected


def test_rows_under_other_address_keys_are_not_used(place: Open) -> None:
    kept = place()
    if kept.kind == "memory":
        return
    take(kept.opened(), [seen(START_MS, 1, 1)])
    kept.close()
    other = kept.opened(Keyring.from_secrets(("k2", b"b" * 32), ("k1", b"a" * 32)))
    assert other.stored is not None
    assert other.stored.positions() == {}
    take(other, [PostSeen(START_MS + 1, 1, 2, 7, 2, (6, 0, 5, 0))])
    assert other.accounts.texts(1, 1, START_MS + 1) == []


def test_rows_under_another_secret_with_the_same_key_id_are_not_used(place: Open) -> None:
    kept = place()
    if kept.kind == "memory":
        return
    take(kept.opened(), [seen(START_MS, 1, 1)])
    kept.close()
    other = kept.opened(Keyring.from_secrets(("k1", b"b" * 32), None))
    assert other.stored is not None
    assert other.stored.positions() == {}


def test_features_name_what_is_missing_after_a_restart(place: Open) -> None:
    kept = place()
    state = kept.opened()
    state.mark_degraded(START_MS, graph_lost=False)
    take(state, [seen(START_MS + 1, 1, 1)])
    again = kept.reopened(state)
    assert again.coverage.degraded_since_ms == START_MS
    (vector,) = applied(again, [post("q", "a", 60, ip="192.0.2.1")])
    assert "windows_24h" in vector.degraded
    assert "account_posts_24h" not in named(vector)


def test_the_highest_score_of_a_post_stays_after_a_restart_too(place: Open) -> None:
    kept = place()
    state = kept.opened()
    take(state, [seen(START_MS, 1, 1), seen(START_MS, 1, 2)])
    for post_number, logit in ((1, 3.0), (2, 1.0), (1, -2.0)):
        state.add_score(1, post_number, START_MS, logit=logit, n_tokens=30)
    take(state, [seen(START_MS + 1, 2, 3)])
    again = kept.reopened(state)
    if again.stored is not None:
        again.stored.load([seen(START_MS + 2, 1, 9)], [], watched=False)
    expected = state.scores.window(1, START_MS + 2)
    assert sorted(expected.logits.tolist()) == pytest.approx([1.0, 3.0], abs=0.01)
    np.testing.assert_array_equal(again.scores.window(1, START_MS + 2).logits, expected.logits)
    again.add_score(1, 2, START_MS, logit=5.0, n_tokens=30)
    take(again, [seen(START_MS + 3, 2, 4)])
    third = kept.reopened(again)
    if third.stored is not None:
        third.stored.load([seen(START_MS + 4, 1, 9)], [], watched=False)
    assert sorted(third.scores.window(1, START_MS + 4).logits.tolist()) == pytest.approx([3.0, 5.0], abs=0.01)


def test_the_votes_of_a_community_are_the_same_after_a_restart(place: Open) -> None:
    kept = place()
    state = kept.opened()
    for account in range(1, 2 * MOST_VOTES):
        one = PostSeen(START_MS + account, account, account, 7, 2, (5, 0), community=9)
        take(state, [one])
        state.add_vote(9, account, one.at_ms, logit=account % 5, n_tokens=30)
    later = PostSeen(START_MS + 2 * DAY_MS, 1, 9, 7, 2, (5, 0), community=9)
    take(state, [later])
    again = kept.reopened(state)
    if again.stored is not None:
        again.stored.load([later], [], watched=False)
    before, after = (one.votes.closed(9, later.at_ms) for one in (state, again))
    assert before is not None
    assert after is not None
    assert len(before.accounts) == MOST_VOTES
    np.testing.assert_array_equal(before.accounts, after.accounts)
    np.testing.assert_array_equal(before.scores.logits, after.scores.logits)


def test_items_and_partners_are_the_same_after_a_restart(place: Open) -> None:
    kept = place()
    state = kept.opened()
    posts = [
        PostSeen(START_MS + 60_000 * n, 1 + n % 3, n, n, 1 + n % 2, (5, 0), texts=(11, 12), links=(20 + n % 2,))
        for n in range(1, 10)
    ]
    for one in posts:
        take(state, [one])
        state.add_partner(one.account, one.at_ms, packed_occasion(one.at_ms, one.links[0] << 50), 9)
    later = PostSeen(START_MS + 60_000 * 20, 1, 99, 99, 1, (5, 0), texts=(11,), links=(20, 21))
    again = kept.reopened(state)
    if again.stored is not None:
        again.stored.load([later], [], watched=False)
    minute = later.at_ms // 60_000 - 1
    for item in later.items:
        before, after = (one.items.read(item, minute) for one in (state, again))
        assert before.day.entries.keys() == after.day.entries.keys() != set()
        assert before.new.entries.keys() == after.new.entries.keys()
    assert again.partners.read(1, later.at_ms) == state.partners.read(1, later.at_ms) == (1, 2)


def test_scores_of_another_detector_are_not_used_and_the_rest_is(place: Open) -> None:
    kept = place()
    if kept.kind == "memory":
        return
    state = kept.opened()
    take(state, [seen(START_MS, 1, 1)])
    state.add_score(1, 1, START_MS, logit=3.0, n_tokens=30)
    take(state, [seen(START_MS + 1, 1, 2)])
    kept.close()
    again = kept.opened(scored_with="another")
    assert again.stored is not None
    assert LANE in again.stored.positions()
    again.stored.load([seen(START_MS + 2, 1, 9)], [], watched=False)
    assert len(again.scores.window(1, START_MS + 2).logits) == 0
    assert again.accounts.texts(1, 1, START_MS + 2) == [7]


def test_scores_are_known_again_14_days_after_another_detector_and_after_a_change_back(place: Open) -> None:
    kept = place()
    state = kept.opened(scored_with="one")
    take(state, [seen(START_MS, 1, 1)])
    assert state.scores_known(START_MS)
    for number, scored_with in enumerate(["one", "another", "one"]):
        last_ms = START_MS + number * DAY_MS
        state = kept.reopened(state, scored_with=scored_with)
        for _ in range(2):
            assert state.scores_known(last_ms + 1) is (number == 0)
            assert state.scores_known(last_ms + SCORES_KEPT_MS)
            state = kept.reopened(state, scored_with=scored_with)
        take(state, [seen(last_ms + DAY_MS, 1, 2 + number)])


def test_follows_after_the_last_save_are_in_the_graph_that_closed_before_the_crash(place: Open) -> None:
    """A backend is written with each batch, the journal of the graph less often."""
    saved = [follow("a", "b", 0)]
    unsaved = [follow("b", "c", 10), follow("c", "a", 20), post("p1", "a", 1000)]
    kept = place()
    state = kept.opened()
    applied(state, saved)
    state.save({LANE: 1})
    assert state.finish_saving()
    applied(state, unsaved)
    state.close()
    again = kept.opened(fresh=False)
    applied(again, unsaved)
    after = [post("p2", "a", 1300)]
    same(applied(again, after), applied(new_state(), [*saved, *unsaved, *after])[1:])


def test_a_rebuild_of_a_lost_backend_beside_the_saved_graph_finds_the_same_partners(place: Open) -> None:
    """The clock of the graph is ahead of the posts that are applied again, which are not late for that."""
    texts = ("The library by the river opens at nine on weekdays.", "Two buses leave from the old market each hour.")
    before = [
        *(post(f"{name}{n}", name, 600 * n + 150 * k, text=texts[n]) for n in range(2) for k, name in enumerate("abc")),
        follow("a", "b", 4 * 3600),
    ]
    after = [post("p", "b", 4 * 3600 + 60, text="Something else.")]
    kept = place()
    state = kept.opened()
    applied(state, before)
    state.save({LANE: 1})
    assert state.finish_saving()
    if state.stored is not None:
        state.stored.backend.clear()
    state.close()
    again = kept.opened(fresh=False)
    applied(again, before[:-1])
    same(applied(again, after), applied(new_state(), [*before, *after])[-1:])
