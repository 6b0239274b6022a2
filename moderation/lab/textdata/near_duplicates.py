"""Clusters near-duplicate texts by the keys of `moderation.text.bands`."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import TypeVar

from networkx.utils import UnionFind

Key = TypeVar("Key", bound=Hashable)


def near_duplicate_clusters(keys: Sequence[Key], bands: Iterable[tuple[int, ...]]) -> dict[Key, Key]:
    """Return the first key of the cluster of each key; keys that share a band are in one cluster."""
    clusters = UnionFind()
    first_with: dict[int, Key] = {}
    for key, key_bands in zip(keys, bands, strict=True):
        for band in key_bands:
            clusters.union(key, first_with.setdefault(band, key))
    first: dict[Hashable, Key] = {}
    return {key: first.setdefault(clusters[key], key) for key in keys}
