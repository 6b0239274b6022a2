"""The partition of the data never splits a cluster and is deterministic."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from moderation.errors import InputError
from moderation.lab.textdata.imitations import imitation_clusters
from moderation.lab.textdata.manifest import DataManifest, read_data_manifest
from moderation.lab.textdata.near_duplicates import near_duplicate_clusters
from moderation.lab.textdata.partition import assign_parts, keyed_fraction, with_clusters
from moderation.lab.textdata.rows import TextRow, read_rows
from moderation.text.bands import band_keys

_LONG = (
    "the ferry to the island leaves at nine from the old pier and comes back after dark with the last of the walkers"
)


def _row(number: int, source: str, label: int, group: str, text: str = "") -> TextRow:
    return TextRow(f"{source}-{number}", source, label, group, text or f"text {number} of {source}", "", "permissive")


def test_near_duplicates_are_one_cluster() -> None:
    texts = {"a": _LONG, "b": _LONG.upper() + "!", "c": "nothing in common with it, not a single run of words"}
    clusters = near_duplicate_clusters(list(texts), [band_keys(text) for text in texts.values()])
    assert clusters["a"] == clusters["b"] != clusters["c"]


def test_bot_and_imitated_person_are_one_cluster() -> None:
    words = {
        "baker": Counter(bread=9, oven=7, flour=5),
        "bread_bot": Counter(bread=8, oven=3, dough=1),
        "sailor": Counter(mast=9, knot=6, sail=5),
        "sail_bot": Counter(mast=5, sail=4, dough=1),
    }
    clusters = imitation_clusters(words, {"bread_bot", "sail_bot"})
    assert clusters["baker"] == clusters["bread_bot"] != clusters["sailor"] == clusters["sail_bot"]


def test_part_b_has_30_percent_and_complete_groups() -> None:
    rows = [_row(number, "both", number % 2, f"group {number // 4}") for number in range(800)]
    rows += [_row(number, "people", 0, f"group {number // 4}") for number in range(800)]
    rows = with_clusters(rows, [band_keys(row.id + row.text) for row in rows], DataManifest(files={}))
    in_b = assign_parts(rows)
    shares = Counter((row.source, row.label) for row in rows if row.group in in_b)
    assert shares["both", 0] == pytest.approx(120, abs=8)
    assert shares["both", 1] == pytest.approx(120, abs=8)
    assert shares["people", 0] == pytest.approx(240, abs=8)
    assert assign_parts(rows[::-1]) == in_b


def test_every_row_has_a_group() -> None:
    rows = [_row(1, "people", 0, ""), _row(2, "people", 0, "")]
    assert all(row.group for row in with_clusters(rows, [band_keys(row.text) for row in rows], DataManifest(files={})))


def test_keyed_hash_is_stable() -> None:
    assert keyed_fraction("a name", "part") == pytest.approx(0.46609101831691047, abs=1e-12)


def test_data_with_another_hash_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text_train.jsonl.zst").write_bytes(b"other")
    with pytest.raises(InputError, match="the data manifest lists"):
        next(read_rows(tmp_path, "train", read_data_manifest()))


def test_missing_data_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Cannot read"):
        next(read_rows(tmp_path, "train", read_data_manifest()))
