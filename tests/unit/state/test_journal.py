"""The journal on disk: incremental, atomic, private, refused when damaged, continued after a full disk."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import numpy as np
import pytest

from moderation.effects import Partition
from moderation.errors import InputError
from moderation.features import FeatureExtractor
from moderation.state import Keyring, PlatformState
from tests.unit.features.builders import KEYRING, extract_all, follow, named, new_state, post, restored, saved

HOUR, DAY = 3600, 86_400
OLD, NEW = ("k1", b"a" * 32), ("k9", b"c" * 32)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "state"


def journalling(directory: Path) -> PlatformState:
    state = new_state()
    state.keep_journal(directory)
    return state


def test_a_save_returns_the_positions_that_it_was_given(directory: Path) -> None:
    state, positions = journalling(directory), {Partition("c", "posts", "t", 1): 7}
    state.save(positions)
    assert state.finish_saving()
    assert new_state().restore(directory) == positions


def test_a_save_writes_only_what_changed(directory: Path) -> None:
    state = journalling(directory)
    extract_all(state, [post(f"p{n}", "a", n, ip="192.0.2.1") for n in range(1000)])
    saved(state, directory)
    (rows,) = directory.glob("posts-*.rows")
    before = rows.stat().st_size
    extract_all(state, [post("q", "b", 2000, ip="192.0.2.1")])
    saved(state, directory)
    assert rows.stat().st_size == before + before // 1000


def test_rows_older_than_every_window_are_removed(directory: Path) -> None:
    state = journalling(directory)
    for hour in range(0, 90, 3):
        extract_all(state, [post(f"p{hour}", "a", hour * HOUR, ip="192.0.2.1")])
        saved(state, directory)
    assert len(list(directory.glob("posts-*.rows"))) <= 11
    probe = [post("q", "b", 90 * HOUR, ip="192.0.2.1")]
    assert named(extract_all(restored(directory), probe)[0])["network_accounts_24h"] == 2


def test_follows_are_replaced_by_the_edges_of_a_closed_graph(directory: Path) -> None:
    state = journalling(directory)
    extract_all(state, [follow("a", f"b{n}", n) for n in range(100)])
    saved(state, directory)
    extract_all(state, [follow("b1", "a", 950), post("p", "a", 1250)])
    saved(state, directory)
    assert {file.name.partition("-")[0] for file in directory.glob("*.npy")} == {"edges", "figures"}
    (rows,) = directory.glob("follows-*.rows")
    assert rows.stat().st_size == 3 * 8
    probe = [post("q", "a", 1900)]
    assert [named(v) for v in extract_all(restored(directory), probe)] == [named(v) for v in extract_all(state, probe)]


def test_closed_graphs_are_read_from_their_files_after_a_save(directory: Path) -> None:
    state, other = journalling(directory), new_state()
    for one in (state, other):
        extract_all(one, [follow("a", f"b{n}", n) for n in range(100)])
        extract_all(one, [follow("b1", "a", 950), post("p", "a", 1250)])
    saved(state, directory)
    assert state.epochs.computed_epoch >= 0
    saved_graphs = state.epochs.dump()
    arrays = [*saved_graphs.base.arrays().values(), *(graph.values for graph in saved_graphs.closed)]
    assert all(isinstance(array.base, np.memmap) for array in arrays)
    later = [post("q", "a", 1900), follow("b2", "a", 1950), post("r", "a", 3900)]
    assert [named(v) for v in extract_all(state, later)] == [named(v) for v in extract_all(other, later)]
    saved(state, directory)
    probe = [post("s", "a", 4000)]
    assert [named(v) for v in extract_all(restored(directory), probe)] == [named(v) for v in extract_all(other, probe)]


def test_what_an_interrupted_save_left_behind_is_ignored(directory: Path) -> None:
    state = journalling(directory)
    extract_all(state, [post("p", "a", 0)])
    saved(state, directory)
    (rows,) = directory.glob("posts-*.rows")
    rows.write_bytes(rows.read_bytes() + b"incomplete")
    (directory / "state.json.partial").write_bytes(b"left by a crash")
    (directory / "posts-00000001 (copy 2).rows").write_bytes(b"of another program")
    again = restored(directory)
    extract_all(again, [post("q", "a", 10)])
    saved(again, directory)
    assert named(extract_all(restored(directory), [post("r", "a", 20)])[0])["account_posts_24h"] == 3
    assert not list(directory.glob("*.partial"))


def test_only_the_owner_may_read_it(directory: Path) -> None:
    state = journalling(directory)
    extract_all(state, [post("p", "a", 0), follow("a", "b", 1), post("p", "a", 1300)])
    saved(state, directory)
    assert directory.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in directory.iterdir()} == {0o600}


def test_a_full_disk_loses_nothing(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    state = journalling(directory)
    extract_all(state, [post("p", "a", 0)])
    saved(state, directory)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        extract_all(state, [post("q", "a", 10)])
        state.save({})
        assert not state.finish_saving()
        assert named(extract_all(restored(directory), [post("r", "a", 20)])[0])["account_posts_24h"] == 2
    extract_all(state, [post("r", "a", 20)])
    saved(state, directory)
    assert named(extract_all(restored(directory), [post("s", "a", 30)])[0])["account_posts_24h"] == 4


def test_a_state_that_does_not_fit_is_refused(directory: Path) -> None:
    state = journalling(directory)
    extract_all(state, [post("p", "a", 0, ip="192.0.2.1")])
    saved(state, directory)
    other_key = PlatformState(platform_id="p", keyring=Keyring.from_secrets(NEW, None), graph_epoch_s=600)
    with pytest.raises(InputError, match="hashed with the key k1, and no live key has this id and secret"):
        other_key.restore(directory)
    with pytest.raises(InputError, match="belongs to the platform 'p'"):
        PlatformState(platform_id="q", keyring=KEYRING, graph_epoch_s=600).restore(directory)
    with pytest.raises(InputError, match="its graph epochs last 600 s"):
        PlatformState(platform_id="p", keyring=KEYRING, graph_epoch_s=700).restore(directory)


def test_damage_is_refused_with_the_name_of_the_file(directory: Path) -> None:
    state = journalling(directory)
    extract_all(state, [follow("a", "b", 0), post("p", "a", 1), post("q", "a", 1300)])
    saved(state, directory)
    (rows,) = directory.glob("posts-*.rows")
    raw = rows.read_bytes()
    rows.write_bytes(raw[:-1] + b"x")
    with pytest.raises(InputError, match=rf"{rows.name} is damaged. Move it away to rebuild"):
        restored(directory)
    rows.write_bytes(raw)
    (edges,) = directory.glob("edges-*-times.npy")
    whole = edges.read_bytes()
    edges.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=rf"{edges.name} is damaged"):
        restored(directory)
    rows.unlink()
    edges.write_bytes(whole)
    with pytest.raises(InputError, match="cannot be read: No such file"):
        restored(directory)
    manifest = directory / "state.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "format": 2}))
    with pytest.raises(InputError, match="another version"):
        restored(directory)
    manifest.write_text("{")
    with pytest.raises(InputError, match=r"state.json is damaged"):
        restored(directory)


def test_a_new_address_key_continues_with_the_windows_of_the_old_one(directory: Path) -> None:
    state = journalling(directory)
    extract_all(state, [post(f"p{n}", f"a{n}", n, ip="192.0.2.1") for n in range(5)])
    saved(state, directory)

    def rotated() -> PlatformState:
        both = PlatformState(platform_id="p", keyring=Keyring.from_secrets(NEW, OLD), graph_epoch_s=600)
        both.restore(directory)
        return both

    both = rotated()
    assert named(extract_all(both, [post("q", "b", 600, ip="192.0.2.1")])[0])["network_accounts_24h"] == 6
    saved(both, directory)
    again = rotated()
    assert named(extract_all(again, [post("r", "c", 1200, ip="192.0.2.1")])[0])["network_accounts_24h"] == 7
    new_only = PlatformState(platform_id="p", keyring=Keyring.from_secrets(NEW, None), graph_epoch_s=600)
    new_only.restore(directory)
    early, late = extract_all(new_only, [post("s", "d", 1300, ip="192.0.2.1"), post("t", "e", 2 * DAY, ip="192.0.2.1")])
    assert "address_windows_24h" in early.degraded
    assert "address_windows_24h" not in late.degraded


def test_a_new_state_does_not_replace_an_earlier_journal_before_its_first_save(directory: Path) -> None:
    state = journalling(directory)
    extract_all(state, [post("p", "a", 0)])
    saved(state, directory)
    rebuilt = journalling(directory)
    FeatureExtractor(rebuilt).observe(post("q", "a", 10))
    assert named(extract_all(restored(directory), [post("r", "a", 20)])[0])["account_posts_24h"] == 2
    saved(rebuilt, directory)
    assert len(list(directory.glob("posts-*.rows"))) == 1
    assert named(extract_all(restored(directory), [post("r", "a", 20)])[0])["account_posts_24h"] == 2


def test_an_account_that_was_watched_on_several_days_is_forgotten_once(directory: Path) -> None:
    state = journalling(directory)
    for day in (0, 1, 3):
        state.watch(7, day * DAY * 1000)
    state.advance(40 * DAY * 1000)
    assert not state.watchlist.has(7, 40 * DAY * 1000)


def test_changes_that_cannot_be_written_are_kept_up_to_a_limit(
    directory: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    state = journalling(directory)
    extract_all(state, [post("p", "a", 0)])
    state.save({Partition("c", "posts", "t", 0): 1})
    assert state.finish_saving()
    monkeypatch.setattr(os, "fsync", full)
    monkeypatch.setattr("moderation.state.platform.MOST_UNSAVED_BYTES", 1000)
    for number in range(60):
        extract_all(state, [post(f"q{number}", "a", 10 + number)])
        state.save({Partition("c", "posts", "t", 0): 2 + number})
        state.finish_saving()
    assert "is no longer saved: restart" in caplog.text
    assert not any(state._rows.values())
    monkeypatch.undo()
    assert new_state().restore(directory) == {Partition("c", "posts", "t", 0): 1}, "the log continues from there"
