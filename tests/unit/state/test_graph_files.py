"""Graph figures from files: those of the epoch two before, missing by name while there is no file."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from moderation.errors import InputError
from moderation.features import FeatureExtractor
from moderation.state import PlatformState
from moderation.state.figures import figures_of
from moderation.state.graph_files import ACCOUNTS, VALUES, GraphManifest, epoch_directory, write_manifest
from moderation.state.identifiers import account_number
from tests.unit.features.builders import START, extract_all, follow, named, new_state, post, saved

EPOCH = 600
FIRST = int(START.timestamp()) // EPOCH
MANIFEST = GraphManifest("p", FIRST, EPOCH, 2)
"""Of the epoch in which the tests begin."""


def write(directory: Path, manifest: GraphManifest = MANIFEST, names: tuple[str, ...] = ("a", "b")) -> None:
    """Write an epoch with figures of accounts: 0.5, 2, 0.25 and 1 of the first one, larger by one of each other one."""
    place = epoch_directory(directory, manifest.epoch)
    place.mkdir(parents=True, exist_ok=True)
    order = np.argsort(np.array([account_number(name) for name in names], dtype=np.uint64))
    values = np.array([[0.5, 2.0, 0.25, 1.0]]) + np.arange(len(names))[:, None]
    np.save(place / ACCOUNTS, np.array([account_number(name) for name in names], dtype=np.uint64)[order])
    np.save(place / VALUES, values[order])
    write_manifest(place, manifest)


def reading(directory: Path) -> PlatformState:
    state = new_state(EPOCH)
    directory.mkdir(exist_ok=True)
    state.epochs.read_from(directory, "p")
    return state


def test_a_post_reads_the_figures_of_the_epoch_two_before_without_any_follow(tmp_path: Path) -> None:
    write(tmp_path)
    (early, own, other, unknown) = extract_all(
        reading(tmp_path),
        [
            post("p0", "a", EPOCH),
            post("p1", "a", 2 * EPOCH),
            post("p2", "b", 2 * EPOCH + 1),
            post("p3", "c", 2 * EPOCH + 2),
        ],
    )
    assert early.graph_epoch is None
    assert "graph_epoch" in early.degraded
    assert (own.graph_epoch, own.degraded) == (FIRST, ())
    graph = {name: value for name, value in named(own).items() if name.startswith("graph_")}
    assert graph == {
        "graph_clustering": 0.5,
        "graph_core_number": 2.0,
        "graph_component_share": 0.25,
        "graph_log_pagerank": 1.0,
    }
    assert named(other)["graph_core_number"] == 3.0
    assert "graph_core_number" not in named(unknown)


def test_follows_give_degrees_and_files_the_other_figures(tmp_path: Path) -> None:
    write(tmp_path)
    vector = extract_all(reading(tmp_path), [follow("a", "x", 0), post("p", "a", 2 * EPOCH + 1)])[-1]
    assert named(vector)["graph_out_degree"] == 1
    assert named(vector)["graph_core_number"] == 2


def test_a_missing_epoch_is_logged_once_and_read_a_minute_after_it_is_there(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    state = reading(tmp_path)
    extractor = FeatureExtractor(state)
    for second in (0, 1, 70):
        missing = extractor.extract(post(f"p{second}", "a", 2 * EPOCH + second))
        assert missing.degraded == ("graph_epoch",)
    assert figures_of(state).degraded == {"graph_epoch"}
    assert [record.message.split(":")[0] for record in caplog.records] == [f"graph_epoch_missing epoch={FIRST}"]
    write(tmp_path)
    assert extractor.extract(post("soon", "a", 2 * EPOCH + 80)).graph_epoch is None
    assert extractor.extract(post("later", "a", 2 * EPOCH + 131)).graph_epoch == FIRST
    assert figures_of(state).degraded == frozenset()
    assert figures_of(state).graph_age_ms == 1000 * (EPOCH + 131)


@pytest.mark.parametrize(
    "changed", [{"platform_id": "q"}, {"graph_epoch_s": 60}, {"format": 2}, {"accounts": 3}, {"accounts": -1}]
)
def test_files_of_another_platform_length_or_size_are_not_used(
    tmp_path: Path, changed: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path, replace(MANIFEST, **changed))
    vector = extract_all(reading(tmp_path), [post("p", "a", 2 * EPOCH)])[0]
    assert vector.degraded == ("graph_epoch",)
    assert "moderation spark graph --epoch" in caplog.text


@pytest.mark.parametrize("damage", ["{", "[]", '{"epoch": 1}', '{"more": 1}'])
def test_a_damaged_manifest_is_a_missing_epoch(tmp_path: Path, damage: str) -> None:
    write(tmp_path)
    (epoch_directory(tmp_path, FIRST) / "manifest.json").write_text(damage, encoding="ascii")
    assert extract_all(reading(tmp_path), [post("p", "a", 2 * EPOCH)])[0].degraded == ("graph_epoch",)


def test_a_directory_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not a directory; name the one that `moderation spark graph` writes"):
        new_state(EPOCH).epochs.read_from(tmp_path / "none", "p")


def test_a_restart_keeps_the_follows_and_computes_no_figures(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="moderation")
    epochs, journal = tmp_path / "epochs", tmp_path / "state"
    write(epochs)
    state = reading(epochs)
    state.keep_journal(journal)
    extract_all(state, [follow("a", "x", 0), post("p1", "a", 2 * EPOCH + 1)])
    saved(state, journal)
    state.close()
    again = reading(epochs)
    again.restore(journal)
    vector = extract_all(again, [post("p2", "a", 2 * EPOCH + 5)])[0]
    assert (named(vector)["graph_out_degree"], named(vector)["graph_core_number"]) == (1, 2)
    assert caplog.text.count(f"graph_epoch_read epoch={FIRST}") == 2
    assert again.epochs.dump().closed == ()
