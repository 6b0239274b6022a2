"""Coordination: what several accounts post at the same time, and with whom an account does so repeatedly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from moderation.events import Account, Post
from moderation.features.shared_items import link_items, name_items, same_link, text_items
from moderation.state import Keyring
from tests.unit.features.builders import KEYRING, at, extract_all, named, new_state, post, restored, saved

LETTER = "Please copy this letter and send it to ten of your friends before the day is over, it works."
OTHER = "The ferry was late again this morning, so we waited at the pier for an hour and talked about the weather."
LINK = "https://example.org/petition"


def by(author: str, seconds: float, number: int = 0, account: Account | None = None, **fields: Any) -> Post:
    made = post(f"{author}-{number}-{seconds}", author, seconds, **fields)
    return made.model_copy(update={"account": account})


def last(events: list[Any]) -> dict[str, float]:
    return {
        name.removeprefix("coordination_"): value
        for name, value in named(extract_all(new_state(), events)[-1]).items()
        if name.startswith("coordination_")
    }


def test_nearly_equal_texts_within_an_hour_are_counted_with_the_own_account() -> None:
    events = [by("a", 0, text=LETTER), by("b", 60, text=LETTER), by("c", 600, text=LETTER)]
    assert last(events)["same_text_1h"] == 3
    assert last([*events, by("d", 660, text=OTHER)])["same_text_1h"] == 1
    assert last([*events, by("d", 600 + 3700, text=LETTER)])["same_text_1h"] == 1


def test_short_texts_are_missing_because_they_are_often_the_same() -> None:
    assert "same_text_1h" not in last([by("a", 0, text="So true!"), by("b", 600, text="So true!")])


def test_the_most_posted_link_mention_or_hashtag_counts() -> None:
    events = [by("a", 0, urls=(LINK,)), by("b", 60, urls=(LINK,)), by("c", 90, mentions=("shop",))]
    assert last([*events, by("d", 600, urls=(LINK,), mentions=("shop",))])["same_target_1h"] == 3
    assert last([*events, by("d", 600, text="We walked. #sunday")])["same_target_1h"] == 1
    assert "same_target_1h" not in last([*events, by("d", 600)])


def test_others_count_up_to_the_last_full_minute() -> None:
    assert last([by("a", 0, urls=(LINK,)), by("b", 20, urls=(LINK,))])["same_target_1h"] == 1


def test_the_share_of_new_accounts_needs_three() -> None:
    new, old = Account(created_at=at(-86_400)), Account(created_at=at(-40 * 86_400))
    events = [by("a", 0, urls=(LINK,), account=new), by("b", 60, urls=(LINK,), account=old)]
    assert "new_share_1h" not in last(events)
    assert last([*events, by("c", 600, urls=(LINK,), account=new)])["new_share_1h"] == pytest.approx(2 / 3)


def test_strangers_in_a_crowd_are_no_partners_and_a_pair_that_repeats_is() -> None:
    crowd = [by(f"a{number}", number * 30, urls=(LINK,)) for number in range(40)]
    assert last([*crowd, by("b", 1800, urls=(LINK,))])["partners_7d"] == 0
    pair = [
        by(account, hour * 7200 + delay, hour, urls=(f"{LINK}/{hour}",))
        for hour in range(3)
        for account, delay in (("a", 0), ("b", 900))
    ]
    found = last(pair)
    assert (found["partners_7d"], found["most_shared_7d"]) == (1, 3)


def test_a_link_that_very_many_post_makes_no_partners() -> None:
    events = [
        by(f"a{number}", hour * 7200 + number, hour, urls=(f"{LINK}/{hour}",))
        for hour in range(2)
        for number in range(60)
    ]
    events.append(by("b", 7200 + 600, urls=(f"{LINK}/0", f"{LINK}/1")))
    found = last(sorted(events, key=lambda one: one.created_at or at(0)))
    assert (found["same_target_1h"], found["partners_7d"]) == (61, 0)


def test_a_restored_state_gives_the_same_features(tmp_path: Path) -> None:
    first = [by(account, hour * 7200 + delay, hour, urls=(f"{LINK}/{hour}",), text=LETTER)
             for hour in range(2) for account, delay in (("a", 0), ("b", 900))]  # fmt: skip
    after = [by("c", 7200 + 1200, urls=(f"{LINK}/1",), text=LETTER), by("b", 9000, urls=(f"{LINK}/1",))]
    whole = extract_all(new_state(), [*first, *after])[-2:]
    state = new_state()
    state.keep_journal(tmp_path / "state")
    extract_all(state, first)
    saved(state, tmp_path / "state")
    again = extract_all(restored(tmp_path / "state"), after)
    assert [named(one) for one in again] == [named(one) for one in whole]


@pytest.mark.parametrize(
    "copy",
    ["http://www.Example.org/petition/", f"{LINK}?utm_source=mail", f"{LINK}#sign", f"{LINK}?fbclid=1"],
)
def test_copies_of_a_link_are_the_same(copy: str) -> None:
    assert same_link(copy) == same_link(LINK)


def test_what_distinguishes_links_stays() -> None:
    assert len({same_link(LINK), same_link(f"{LINK}?id=2"), same_link("https://example.net/petition")}) == 3
    assert same_link("http://[broken") != same_link("http://broken")
    assert same_link("https://rooms.example/#/one") != same_link("https://rooms.example/#/two")


@pytest.mark.parametrize("nowhere", ["", "  ", "https://", "/path", "#part"])
def test_what_has_no_host_is_no_link(nowhere: str) -> None:
    assert same_link(nowhere) is None
    assert link_items(by("a", 0, urls=(nowhere,)), KEYRING) == ()


def test_links_and_hashtags_are_found_in_the_text_and_in_the_fields() -> None:
    written = by("a", 0, text=f"Sign here: {LINK}. #Now #now")
    assert link_items(written, KEYRING) == link_items(by("b", 0, urls=(LINK,)), KEYRING)
    assert name_items(written, KEYRING) == name_items(by("b", 0, text="#now"), KEYRING)
    many = by("a", 0, text=" ".join(f"#tag{number} https://{number}.example" for number in range(40)))
    assert (len(link_items(many, KEYRING)), len(name_items(many, KEYRING))) == (2, 2)


def text_keys(post: Post, keyring: Keyring = KEYRING) -> tuple[int, ...]:
    """Return the keys of the text of one post."""
    return text_items([post], keyring)[0]


def test_the_keys_of_a_text_do_not_depend_on_the_texts_beside_it() -> None:
    texts = ["", "two words", LETTER, "Größe " * 9, OTHER, f"{LETTER} {LINK}", 9 * "word "]
    posts = [by("a", 0, text=text) for text in texts]
    together = text_items(posts, KEYRING)
    assert together == [text_keys(post) for post in posts]
    assert [bool(keys) for keys in together] == [False, False, True, True, True, True, True]


def test_items_are_hashed_with_the_key_of_addresses() -> None:
    other = Keyring.from_secrets(("k2", b"b" * 32), None)
    written = by("a", 0, text=LETTER, urls=(LINK,), mentions=("shop",))
    for items in (text_keys, link_items, name_items):
        assert not set(items(written, KEYRING)) & set(items(written, other))


def test_an_edited_text_shares_a_key_and_another_does_not() -> None:
    long, edited = 4 * (OTHER + " "), 4 * (OTHER + " ") + "Really."
    keys = [set(text_keys(by("a", 0, text=text))) for text in (long, edited, LETTER + f" {LINK}", LETTER)]
    assert keys[0] & keys[1]
    assert not keys[0] & keys[2]
    assert keys[2] == keys[3]


def test_a_very_long_text_is_compared_by_its_beginning() -> None:
    long = by("a", 0, text=20_000 * "word " + LINK)
    assert link_items(long, KEYRING) == ()
    assert text_keys(long) == text_keys(by("a", 0, text=2_000 * "word "))


def test_signs_and_emoji_are_no_words() -> None:
    assert text_keys(by("a", 0, text="Happy birthday " + 9 * "🎂 ! ")) == ()


def test_mentions_and_hashtags_make_no_partners() -> None:
    talk = [
        by(account, hour * 7200 + delay, hour, mentions=(f"host{hour}",), text=f"Yes! #evening{hour}")
        for hour in range(3)
        for account, delay in (("a", 0), ("b", 900))
    ]
    found = last(talk)
    assert (found["same_target_1h"], found["partners_7d"], found["most_shared_7d"]) == (2, 0, 0)


def test_one_item_that_is_posted_again_and_again_makes_no_partner() -> None:
    repeated = [
        by(account, hour * 7200 + delay, hour, urls=(LINK,))
        for hour in range(3)
        for account, delay in (("a", 0), ("b", 900))
    ]
    found = last(repeated)
    assert (found["partners_7d"], found["most_shared_7d"]) == (0, 1)


def test_a_partition_that_is_behind_leaves_the_partners_unknown_and_a_late_post_does_not() -> None:
    state = new_state()
    late = [by("a", 0, urls=(LINK,)), by("b", 7200, urls=(LINK,)), by("a", 900, 1, urls=(LINK,)), by("a", 7300, 2)]
    found = extract_all(state, late)
    assert [name for name in named(found[2]) if name.startswith("coordination")] == [
        "coordination_partners_7d", "coordination_most_shared_7d",
    ]  # fmt: skip
    assert found[3].degraded == ()
    state.coverage.reached_ms = int(at(7200).timestamp() * 1000)
    behind = extract_all(state, [by("a", 7500, 3, urls=(LINK,))])[0]
    state.coverage.reached_ms = None
    after = extract_all(state, [by("a", 9000, 4)])[0]
    assert set(behind.degraded) >= {"partition_behind", "partners_7d"}
    assert after.degraded == ("partners_7d",)
    assert "coordination_partners_7d" not in named(after)
