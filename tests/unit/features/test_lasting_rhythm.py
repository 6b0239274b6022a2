"""The rhythm of an account's last typed posts, which one forged rhythm does not hide."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from moderation.events import Post
from moderation.state import PlatformState
from tests.unit.features.builders import Typing, extract_all, named, new_state, post, restored, saved

NAME = "typing_entropy_quartile_14d"
DAY_S = 86_400


def typed(number: int, intervals: list[float] | None, seconds: float | None = None) -> Post:
    typing = None if intervals is None else Typing(intervals_ms=tuple(intervals), keystrokes=len(intervals) + 1)
    at_s = 3600.0 * number if seconds is None else seconds
    return post(f"p{number}", "a", at_s, text=f"A walk by the river {number}.", typing=typing)


def script(count: int = 40) -> list[float]:
    return [80.0] * count


def person(seed: int, count: int = 40) -> list[float]:
    return np.random.default_rng(seed).lognormal(5.0, 0.6, count).round().tolist()


def last(posts: list[Post], state: PlatformState | None = None) -> float | None:
    return named(extract_all(state or new_state(), posts)[-1]).get(NAME)


def test_one_forged_rhythm_does_not_hide_those_of_a_script() -> None:
    scripted = [typed(number, script()) for number in range(6)]
    forged = [*scripted, typed(6, person(1))]
    people = [typed(number, person(number)) for number in range(7)]
    assert last(forged) == last(scripted) == 0.0
    assert (last(people) or 0.0) > 2.0
    odd = [*people, typed(7, script())]
    assert (last(odd) or 0.0) > 2.0, "one mechanical rhythm of a person is not lasting"


def test_fewer_than_four_rhythms_short_ones_and_old_ones_are_missing() -> None:
    assert last([typed(number, script()) for number in range(3)]) is None
    assert last([typed(number, script(10)) for number in range(6)]) is None, "ten times have too little entropy"
    assert last([typed(number, None) for number in range(6)]) is None
    old = [typed(number, script()) for number in range(4)]
    assert last([*old, typed(5, None, 14 * DAY_S + 4 * 3600)]) is None
    assert last([*old, typed(5, None, 13 * DAY_S)]) == 0.0, "a post without typing reads the rhythms before it"


def test_the_most_mechanical_rhythm_of_a_revised_post_counts() -> None:
    posts = [typed(number, person(number)) for number in range(3)]
    rhythm, revised = typed(3, script()), typed(3, person(3), 3600.0 * 3 + 60)
    revised = revised.model_copy(update={"text": "Another text about the river."})
    found = [last([*posts, rhythm]), last([*posts, rhythm, revised])]
    assert found[0] == found[1]


def test_posts_of_others_and_later_ones_change_nothing() -> None:
    posts = [typed(number, script()) for number in range(5)]
    other = typed(9, person(9), 60.0).model_copy(update={"account_id": "b"})
    later = typed(8, person(8), 3600.0 * 8)
    vectors = extract_all(new_state(), [other, later, *posts])
    assert named(vectors[-1])[NAME] == last(posts)


def test_a_rhythm_is_the_same_after_a_restart_and_missing_where_posts_were_lost(tmp_path: Path) -> None:
    posts = [typed(number, person(number)) for number in range(8)]
    state = new_state()
    state.keep_journal(tmp_path)
    extract_all(state, posts[:6])
    saved(state, tmp_path)
    assert last(posts[6:], restored(tmp_path)) == pytest.approx(last(posts))
    lost = new_state()
    lost.mark_degraded(posts[0].at_ms, graph_lost=False)
    assert last(posts, lost) is None
