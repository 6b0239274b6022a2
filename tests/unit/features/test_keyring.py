"""Address hashes: unit of hashing, key ids, and key rotation without loss of windows."""

from __future__ import annotations

from pathlib import Path

import pytest

from moderation.errors import InputError, SettingsError
from moderation.state import Keyring, PlatformState
from tests.unit.features.builders import KEYRING, at, extract_all, follow, named, new_state, post, saved

DAY = 86_400
OLD, NEW = ("k1", b"a" * 32), ("k2", b"b" * 32)


def journalling(directory: Path) -> PlatformState:
    state = new_state()
    state.keep_journal(directory)
    return state


def reopened(state: PlatformState, directory: Path, keyring: Keyring) -> PlatformState:
    saved(state, directory)
    again = PlatformState(platform_id="p", keyring=keyring, graph_epoch_s=600)
    again.restore(directory)
    return again


def accounts_on_address(state: PlatformState, seconds: float) -> tuple[float | None, tuple[str, ...]]:
    vector = extract_all(state, [post(f"at{seconds}", "probe", seconds, ip="192.0.2.1")])[0]
    return named(vector).get("network_accounts_24h"), vector.degraded


def test_an_ipv6_household_is_its_64_and_a_mapped_ipv4_is_the_ipv4() -> None:
    assert KEYRING.hash_address("2001:db8:1:2::1") == KEYRING.hash_address("2001:db8:1:2:ffff::9")
    assert KEYRING.hash_address("2001:db8:1:2::1") != KEYRING.hash_address("2001:db8:1:3::1")
    assert KEYRING.hash_address("::ffff:192.0.2.1") == KEYRING.hash_address("192.0.2.1")


def test_a_hash_depends_on_its_key_and_names_it() -> None:
    other = Keyring.from_secrets(NEW, None)
    assert KEYRING.hash_address("192.0.2.1").split(":")[0] == "k1"
    assert KEYRING.hash_address("192.0.2.1").split(":")[1] != other.hash_address("192.0.2.1").split(":")[1]
    assert KEYRING.hash_device("192.0.2.1") != KEYRING.hash_address("192.0.2.1")
    assert Keyring.from_secrets(("k1", b"a" * 200), None).hash_device("d") != KEYRING.hash_device("d")


@pytest.mark.parametrize("key_id", ["", "a:b"])
def test_invalid_key_id_is_refused(key_id: str) -> None:
    with pytest.raises(SettingsError, match="non-empty text without a colon"):
        Keyring.from_secrets((key_id, b"a" * 32), None)


def test_two_keys_with_the_same_id_are_refused() -> None:
    with pytest.raises(SettingsError, match="both address keys have the id k1"):
        Keyring.from_secrets(OLD, ("k1", b"b" * 32))


def test_key_rotation_keeps_the_windows(tmp_path: Path) -> None:
    state = journalling(tmp_path)
    extract_all(state, [post(f"p{n}", f"a{n}", n, ip="192.0.2.1") for n in range(5)])
    both = reopened(state, tmp_path, Keyring.from_secrets(NEW, OLD))
    vector = extract_all(both, [post("q", "z", 120, ip="192.0.2.1")])[0]
    assert named(vector)["network_accounts_24h"] == 6
    assert named(vector)["network_account_addresses_24h"] == 1
    assert (vector.key_id, str(vector.address_hash).split(":")[0]) == ("k2", "k2")


def test_another_secret_under_the_same_id_is_refused_and_not_mixed_with_the_old_one(tmp_path: Path) -> None:
    state = journalling(tmp_path)
    extract_all(state, [post("p0", "a0", 0, ip="192.0.2.1")])
    saved(state, tmp_path)
    for keys in ((("k1", b"b" * 32), None), (NEW, ("k1", b"b" * 32))):
        with pytest.raises(InputError, match=r"set the old secret as previous_address_key; a new secret needs another"):
            PlatformState(platform_id="p", keyring=Keyring.from_secrets(*keys), graph_epoch_s=600).restore(tmp_path)


def test_a_rotation_keeps_histories_scores_and_follows_and_begins_only_windows_of_the_new_key(tmp_path: Path) -> None:
    state = journalling(tmp_path)
    extract_all(state, [follow("z", "a", 0), *(post(f"p{n}", "a", n + 1, ip="192.0.2.1") for n in range(3))])
    state.add_score(5, 7, round(at(3).timestamp() * 1000), logit=2.0, n_tokens=80)
    both = reopened(state, tmp_path, Keyring.from_secrets(NEW, OLD))
    alone = reopened(both, tmp_path, Keyring.from_secrets(NEW, None))
    vector = extract_all(alone, [post("q", "a", 120, ip="192.0.2.1")])[0]
    assert named(vector)["account_posts_24h"] == 4
    assert "network_accounts_24h" not in named(vector)
    assert vector.degraded == ("address_windows_1h", "address_windows_24h")
    assert (len(alone.scores), len(alone.follows)) == (1, 1)


def test_a_key_that_is_dropped_after_a_day_leaves_no_gap(tmp_path: Path) -> None:
    state = journalling(tmp_path)
    extract_all(state, [post("p0", "a0", 0, ip="192.0.2.1")])
    both = reopened(state, tmp_path, Keyring.from_secrets(NEW, OLD))
    extract_all(both, [post(f"p{n}", f"a{n}", n * DAY / 3, ip="192.0.2.1") for n in range(1, 4)])
    alone = reopened(both, tmp_path, Keyring.from_secrets(NEW, None))
    assert accounts_on_address(alone, DAY + 120) == (4, ())


def test_a_key_that_is_dropped_too_early_leaves_its_windows_missing_by_name(tmp_path: Path) -> None:
    state = journalling(tmp_path)
    extract_all(state, [post("p0", "a0", 0, ip="192.0.2.1")])
    both = reopened(state, tmp_path, Keyring.from_secrets(NEW, OLD))
    extract_all(both, [post("p1", "a1", 600, ip="192.0.2.1")])
    alone = reopened(both, tmp_path, Keyring.from_secrets(NEW, None))
    assert accounts_on_address(alone, 1200) == (None, ("address_windows_1h", "address_windows_24h"))
    assert accounts_on_address(alone, DAY + 1200) == (1, ())
