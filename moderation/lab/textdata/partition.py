"""Partitions the training texts: part A is for the detector, part B for the risk model.

The detector is not trained on part B, so that its scores there are those of unseen texts. This module does not import
torch, because the training of risk models uses it.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import compress
from pathlib import Path
from typing import Literal

from moderation.lab.textdata.imitations import imitation_clusters, words_of
from moderation.lab.textdata.manifest import DataManifest, read_data_manifest
from moderation.lab.textdata.near_duplicates import near_duplicate_clusters
from moderation.lab.textdata.rows import TextRow, read_rows
from moderation.text.bands import band_keys

Part = Literal["A", "B"]

_KEY = b"moderation-sidecar text partition v1"
_B_SHARE = 0.3


def load_partition(data_dir: Path, part: Part, manifest_file: Path | None = None) -> list[TextRow]:
    """Return the rows of the training files in *part*, the same on every machine, each with its cluster as group.

    A cluster (account with those it imitates, prompt, community, or near-duplicates) is in one part; B holds 30 % of
    every source and label. Rows of B that are near duplicates of a row of A are excluded. Raises InputError when the
    data are missing or differ from the manifest.
    """
    manifest = read_data_manifest(manifest_file)
    rows = list(read_rows(data_dir, "train", manifest))
    bands = [band_keys(row.text) for row in rows]
    rows = with_clusters(rows, bands, manifest)
    in_b = assign_parts(rows)
    known = {band for row, row_bands in zip(rows, bands, strict=True) if row.group not in in_b for band in row_bands}
    if part == "A":
        return [row for row in rows if row.group not in in_b]
    return [row for row, keys in zip(rows, bands, strict=True) if row.group in in_b and known.isdisjoint(keys)]


def load_training_rows(data_dir: Path, manifest_file: Path | None = None, *, all_rows: bool = False) -> list[TextRow]:
    """Return part A, with *all_rows* also the rows whose licence forbids published weights.

    Raises InputError under the conditions of `load_partition`.
    """
    if all_rows:
        return _part_a_of_all_licences(data_dir, read_data_manifest(manifest_file))
    return load_partition(data_dir, "A", manifest_file)


def _part_a_of_all_licences(data_dir: Path, manifest: DataManifest) -> list[TextRow]:
    """Return part A of `load_partition`, and the other rows that share no cluster with part B."""
    rows = list(read_rows(data_dir, "train", manifest, all_licences=True))
    bands = [band_keys(row.text) for row in rows]
    permitted = [manifest.permits_weights(row.source, row.licence) for row in rows]
    cut = with_clusters(list(compress(rows, permitted)), compress(bands, permitted), manifest)
    groups_of_b = assign_parts(cut)
    ids_of_b = {row.id for row in cut if row.group in groups_of_b}
    known = {band for row, keys in zip(rows, bands, strict=True) if row.id in ids_of_b for band in keys}
    clustered = with_clusters(rows, bands, manifest)
    touching_b = {row.group for row in clustered if row.id in ids_of_b}
    return [
        row
        for row, keys, permits in zip(clustered, bands, permitted, strict=True)
        if row.id not in ids_of_b and (permits or (row.group not in touching_b and known.isdisjoint(keys)))
    ]


def with_clusters(rows: Sequence[TextRow], bands: Iterable[tuple[int, ...]], manifest: DataManifest) -> list[TextRow]:
    """Return the rows with their group replaced by their cluster, which is never empty."""
    words: dict[str, Counter[str]] = defaultdict(Counter)
    machines = set()
    for row in rows:
        if manifest.source(row.source).groups == "imitators" and row.group:
            words[row.group].update(words_of(row.text))
            if row.label == 1:
                machines.add(row.group)
    accounts = imitation_clusters(words, machines)
    duplicates = near_duplicate_clusters([row.id for row in rows], bands)
    return [replace(row, group=_cluster(row, accounts, duplicates, manifest)) for row in rows]


def keyed_fraction(name: str, purpose: str) -> float:
    """Return a number in [0, 1) that depends on *name* and *purpose* only."""
    digest = hashlib.blake2b(f"{purpose}\0{name}".encode("utf-8", "replace"), key=_KEY, digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def _cluster(row: TextRow, accounts: dict[str, str], duplicates: dict[str, str], manifest: DataManifest) -> str:
    source = manifest.source(row.source)
    if not row.group or source.groups == "tasks":
        return f"near-duplicates/{duplicates[row.id]}"
    if source.groups == "imitators":
        return f"{row.source}/{accounts[row.group]}"
    return f"{source.groups_of or row.source}/{row.group}"


def assign_parts(rows: Sequence[TextRow]) -> set[str]:
    """Return the clusters of part B, so that both parts have their share of every source and label.

    Clusters are assigned from the largest to the smallest, those of one size in the order of their keyed hash.
    """
    strata: dict[str, Counter[tuple[str, int]]] = defaultdict(Counter)
    totals: Counter[tuple[str, int]] = Counter()
    for row in rows:
        strata[row.group][row.source, row.label] += 1
        totals[row.source, row.label] += 1
    room = {stratum: {"A": (1 - _B_SHARE) * total, "B": _B_SHARE * total} for stratum, total in totals.items()}
    quota = {stratum: dict(parts) for stratum, parts in room.items()}
    chosen = set()
    for group in sorted(strata, key=lambda name: (-strata[name].total(), keyed_fraction(name, "part"))):
        pull = {
            part: sum(count * room[stratum][part] / quota[stratum][part] for stratum, count in strata[group].items())
            for part in ("A", "B")
        }
        part = "B" if pull["B"] > pull["A"] else "A"
        for stratum, count in strata[group].items():
            room[stratum][part] -= count
        if part == "B":
            chosen.add(group)
    return chosen
