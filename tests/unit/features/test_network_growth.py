"""The accounts of the network of an address, beside its own earlier days."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

import pytest

from moderation.events import Post
from moderation.state import Keyring, PlatformState
from tests.unit.features.builders import extract_all, named, new_state, post, restored, saved

DAY_S = 86_400


def on(ip: str, day: int, accounts: Iterable[str]) -> list[Post]:
    """One post of each account on a day, ten minutes apart."""
    return [post(f"{day}{ip}{name}", name, day * DAY_S + 600 * n, ip=ip) for n, name in enumerate(accounts)]


def last(events: list[Post], state: PlatformState | None = None) -> dict[str, float]:
    vector = extract_all(state or new_state(), events)[-1]
    return {name.removeprefix("network_"): value for name, value in named(vector).items()}


def names(count: int, prefix: str = "n") -> list[str]:
    return [f"{prefix}{number}" for number in range(count)]


def of_week() -> list[Post]:
    """A post a day from a network that is not looked at, so that earlier days are known."""
    return [one for day in range(5) for one in on("9.9.9.9", day, ["x"])]


@pytest.mark.parametrize(
    ("addresses", "expected"),
    [
        (("9.1.2.3", "9.1.2.77", "9.1.2.200"), 3),
        (("9.1.2.3", "9.1.3.3", "9.1.4.3"), 1),
        (("2a01:4f8:1:1::1", "2a01:4f8:1:2::1", "2a01:4f8:1:ff::1"), 3),
        (("2a01:4f8:1:1::1", "2a01:4f8:2:1::1", "2a01:4f8:3:1::1"), 1),
        (("9.1.2.3", "::ffff:9.1.2.4", "9.1.2.5"), 3),
    ],
)
def test_accounts_on_one_network_are_counted_across_its_addresses(addresses: tuple[str, ...], expected: int) -> None:
    events = [post(str(n), f"a{n}", 5 * DAY_S + 600 * n, ip=ip) for n, ip in enumerate(addresses)]
    assert last([*of_week(), *events])["growth_24h"] == pytest.approx(math.log2(expected + 1))


def test_a_network_that_is_always_busy_is_not_unusual_and_one_that_fills_up_is() -> None:
    always = [one for day in range(8) for one in on("9.1.2.3", day, names(30))]
    quiet = [one for day in range(7) for one in on("9.1.2.3", day, names(2))]
    assert last(always)["growth_24h"] == pytest.approx(0.0)
    filled = last([*quiet, *on("9.1.2.4", 7, names(29, "new"))])
    assert filled["growth_24h"] == pytest.approx(math.log2(30 / 3), abs=0.1)


def test_a_network_that_was_not_there_before_is_compared_with_none_once_others_are_known() -> None:
    assert last([*of_week(), *on("9.1.2.3", 5, ["a", "b", "c"])])["growth_24h"] == 2.0


def test_without_three_earlier_days_of_any_network_it_is_missing() -> None:
    days = [one for day in range(4) for one in on("9.1.2.3", day, ["a"])]
    assert "growth_24h" not in last(days)
    assert "growth_24h" in last([*days, *on("9.1.2.3", 4, ["a"])])
    lost = new_state()
    lost.mark_degraded(0, graph_lost=False)
    assert "growth_24h" in last([*days, *on("9.1.2.3", 12, ["a"])], lost)
    lost = new_state()
    lost.mark_degraded(days[-1].at_ms, graph_lost=False)
    (vector,) = extract_all(lost, [*days, *on("9.1.2.3", 11, ["a"])])[-1:]
    assert "network_growth_24h" not in named(vector), "some days were lost"
    assert "networks_9d" in vector.degraded
    assert "growth_24h" not in last([*of_week(), post("1", "a", 5 * DAY_S)]), "without an address it is missing"


def test_days_under_a_new_key_begin_again(tmp_path: Path) -> None:
    days = [one for day in range(6) for one in on("9.1.2.3", day, ["a"])]
    state = new_state()
    state.keep_journal(tmp_path)
    extract_all(state, days)
    saved(state, tmp_path)
    keys = Keyring.from_secrets(("k2", b"b" * 32), ("k1", b"a" * 32))
    rotated = PlatformState(platform_id="p", keyring=keys, graph_epoch_s=600)
    rotated.restore(tmp_path)
    following = on("9.1.2.3", 6, ["a"])
    assert last(following, rotated)["growth_24h"] == 0.0, "the windows of the old key are the longer ones"
    rotated.address_key = 0
    assert "growth_24h" not in last([*following, *on("9.1.2.3", 8, ["a"])], rotated)


def test_the_features_after_a_restart_are_the_same(tmp_path: Path) -> None:
    days = [one for day in range(6) for one in on("9.1.2.3", day, names(3 + day))]
    state = new_state()
    state.keep_journal(tmp_path)
    extract_all(state, days)
    saved(state, tmp_path)
    after = on("9.1.2.9", 6, names(5, "z"))
    assert last(after, restored(tmp_path)) == last([*days, *after])
